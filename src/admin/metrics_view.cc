#include "admin/metrics_view.h"

#include <utility>

#include "base/clock.h"

namespace tidegate::admin {
namespace {

using engine::ModelStatus;
using obs::MetricsText;

constexpr double kNanosPerSecondReal = 1e9;

double Seconds(std::int64_t nanos) { return static_cast<double>(nanos) / kNanosPerSecondReal; }

void WriteGate(const GateFacts& gate, MetricsText& out) {
  out.Info("tidegate_build", "The program that runs", {{"version", gate.version}});
  out.Gauge("tidegate_start_time_seconds", "When it started, in seconds since 1970");
  out.Sample({}, Seconds(gate.started_wall_nanos));
  out.Gauge("tidegate_connections", "Connections of clients that are open");
  out.Sample({}, static_cast<std::int64_t>(gate.connections));
  out.Gauge("tidegate_kept_responses", "Responses that are kept for their callers");
  out.Sample({}, gate.kept_answers);
  out.Gauge("tidegate_kept_response_bytes", "Bytes of the responses that are kept");
  out.Sample({}, gate.kept_bytes);
  out.Counter("tidegate_kept_response_failures", "Responses that could not be kept");
  out.Sample({}, gate.kept_failed);
}

void WriteBooks(const BookFacts& books, MetricsText& out) {
  out.Gauge("tidegate_ledger_reservations", "Reservations of money that are not settled yet");
  out.Sample({}, books.ledger.in_flight);
  out.Counter("tidegate_ledger_waits", "Reservations that waited for the disk");
  out.Sample({}, books.ledger.waited);
  out.Counter("tidegate_ledger_refusals", "Reservations that were refused, by why");
  out.Sample({{"reason", "budget"}}, books.ledger.refused_budget);
  out.Sample({{"reason", "unavailable"}}, books.ledger.refused_unavailable);
  out.Counter("tidegate_ledger_abandoned",
              "Reservations that were posted in full since nobody settled them");
  out.Sample({}, books.ledger.abandoned_dispatches);
  out.Counter("tidegate_ledger_overruns", "Settlements beyond what was reserved");
  out.Sample({}, books.ledger.overruns);
  out.Gauge("tidegate_ledger_failing", "1 while the disk takes no more, so that paid routes close");
  out.Sample({}, std::int64_t{books.ledger.failing ? 1 : 0});
  out.Counter("tidegate_decision_records_lost", "Records of decisions that could not be kept");
  out.Sample({}, books.log.lost);
  out.Gauge("tidegate_decision_queue_bytes", "Bytes of records that wait to be written");
  out.Sample({}, static_cast<std::int64_t>(books.log.queued_bytes));
}

void WriteStates(const std::vector<ModelStatus>& models, MetricsText& out) {
  using engine::ModelState;
  out.Gauge("tidegate_engine_state", "1 for the state that a local model is in");
  for (const ModelStatus& model : models) {
    for (const ModelState state :
         {ModelState::kAbsent, ModelState::kWaiting, ModelState::kStarting, ModelState::kReady,
          ModelState::kBackingOff, ModelState::kStopping}) {
      out.Sample({{"model", model.model}, {"state", engine::ToString(state)}},
                 std::int64_t{model.state == state ? 1 : 0});
    }
  }
}

// One sample for each local model.
template <typename Value>
void WriteEach(const std::vector<ModelStatus>& models, MetricsText& out, Value value) {
  for (const ModelStatus& model : models) out.Sample({{"model", model.model}}, value(model));
}

void WriteEngineNow(const std::vector<ModelStatus>& models, MetricsText& out) {
  out.Gauge("tidegate_engine_users", "Requests that a local model answers now");
  WriteEach(models, out, [](const ModelStatus& m) { return std::int64_t{m.users}; });
  out.Gauge("tidegate_engine_slots", "Requests that a local model answers at once");
  WriteEach(models, out, [](const ModelStatus& m) { return std::int64_t{m.slots}; });
  out.Gauge("tidegate_engine_queue_depth", "Requests that wait for a local model");
  WriteEach(models, out,
            [](const ModelStatus& m) { return static_cast<std::int64_t>(m.queue_depth); });
  out.Gauge("tidegate_engine_oldest_wait_seconds",
            "How long the request has waited that waits longest for a local model");
  WriteEach(models, out, [](const ModelStatus& m) { return Seconds(m.oldest_wait_nanos); });
  out.Gauge("tidegate_engine_expected_wait_seconds",
            "How long a request that came now would wait for a local model");
  WriteEach(models, out, [](const ModelStatus& m) { return Seconds(m.expected_wait_nanos); });
  out.Gauge("tidegate_engine_resident_bytes", "Memory of a local model's process");
  WriteEach(models, out,
            [](const ModelStatus& m) { return static_cast<std::int64_t>(m.rss_bytes); });
  out.Gauge("tidegate_engine_planned_bytes",
            "What a local model's process needs of the memory that they share");
  WriteEach(models, out,
            [](const ModelStatus& m) { return static_cast<std::int64_t>(m.memory_bytes); });
}

void WriteEngineCounts(const std::vector<ModelStatus>& models, MetricsText& out) {
  out.Counter("tidegate_engine_starts", "Processes that were started for a local model");
  WriteEach(models, out, [](const ModelStatus& m) { return m.counts.starts; });
  out.Counter("tidegate_engine_failed_starts", "Of those, the ones that never served");
  WriteEach(models, out, [](const ModelStatus& m) { return m.counts.failed_starts; });
  out.Counter("tidegate_engine_crashes", "Processes that ended by themselves after they served");
  WriteEach(models, out, [](const ModelStatus& m) { return m.counts.crashes; });
  out.Counter("tidegate_engine_evictions", "Processes that were ended to make room for others");
  WriteEach(models, out, [](const ModelStatus& m) { return m.counts.evictions; });
  out.Counter("tidegate_engine_waits_over",
              "Requests that waited for memory as long as is allowed, in vain");
  WriteEach(models, out, [](const ModelStatus& m) { return m.counts.waits_over; });
  out.Counter("tidegate_engine_loads", "Starts that came to serve");
  WriteEach(models, out, [](const ModelStatus& m) { return m.counts.loads; });
  out.Counter("tidegate_engine_load_seconds", "How long these took together");
  WriteEach(models, out, [](const ModelStatus& m) { return Seconds(m.counts.load_nanos); });
}

}  // namespace

std::string EncodeMetrics(obs::MetricsFormat format, const MetricsFacts& facts,
                          const std::function<void(obs::MetricsText&)>& write_requests) {
  MetricsText out(format);
  WriteGate(facts.gate, out);
  write_requests(out);
  WriteStates(facts.engine_models, out);
  WriteEngineNow(facts.engine_models, out);
  WriteEngineCounts(facts.engine_models, out);
  WriteBooks(facts.books, out);
  return std::move(out).Finish();
}

}  // namespace tidegate::admin
