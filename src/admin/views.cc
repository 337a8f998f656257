#include "admin/views.h"

#include "admin/decision_json.h"
#include "admin/measure_views.h"
#include "base/clock.h"
#include "json/writer.h"
#include "protocols/memory_fit_json.h"

namespace tidegate::admin {
namespace {

constexpr std::int64_t kNanosPerMs = 1'000'000;

void WriteTime(json::Writer& writer, std::int64_t wall_nanos) {
  if (wall_nanos == 0) {
    writer.Null();
  } else {
    writer.String(FormatUtc(wall_nanos));
  }
}

void WritePrice(json::Writer& writer, const std::string& name, Price price) {
  writer.Key(name + "_usd_per_mtok").String(FormatUsd(Money{price.nanodollars_per_mtok}));
  writer.Key(name + "_nanodollars_per_mtok").Integer(price.nanodollars_per_mtok);
}

void WritePrices(json::Writer& writer, const std::optional<core::Prices>& prices) {
  if (!prices) {
    writer.Null();
    return;
  }
  writer.BeginObject();
  WritePrice(writer, "input", prices->input);
  WritePrice(writer, "output", prices->output);
  WritePrice(writer, "cached_read", prices->cached_read);
  WritePrice(writer, "cached_write", prices->cached_write);
  WriteMoney(writer, "request", prices->per_request);
  writer.EndObject();
}

void WriteLive(json::Writer& writer, const core::LiveState& live) {
  writer.BeginObject();
  writer.Key("available").Bool(live.available);
  writer.Key("unavailable_why").String(live.unavailable_why);
  writer.Key("loaded").Bool(live.loaded);
  writer.Key("load_ms").Integer(live.load_ms);
  writer.Key("context_tokens").Integer(live.context_tokens);
  writer.Key("queue_depth").Integer(live.queue_depth);
  writer.Key("expected_wait_ms").Integer(live.expected_wait_ms);
  writer.Key("samples").Integer(live.samples);
  writer.Key("ttft_ms_p50").Double(live.ttft_ms_p50);
  writer.Key("ttft_ms_p95").Double(live.ttft_ms_p95);
  writer.Key("prompt_tokens_p50").Double(live.prompt_tokens_p50);
  writer.Key("tokens_per_s_p50").Double(live.tokens_per_s_p50);
  writer.Key("tokens_per_s_p05").Double(live.tokens_per_s_p05);
  writer.EndObject();
}

void WriteModel(json::Writer& writer, const ModelRow& row) {
  const core::Deployment& deployment = row.deployment;
  writer.BeginObject();
  writer.Key("id").String(deployment.ref.ToString());
  writer.Key("provider").String(deployment.ref.provider);
  writer.Key("family").String(deployment.family);
  writer.Key("place").String(core::ToString(deployment.place));
  writer.Key("region").String(deployment.region);
  writer.Key("zero_data_retention").Bool(deployment.zero_data_retention);
  writer.Key("emulated").Bool(deployment.emulated);
  writer.Key("capabilities").BeginArray();
  for (int i = 0; i < core::kCapabilities; ++i) {
    const auto capability = static_cast<core::Capability>(i);
    if (deployment.capabilities.Has(capability)) writer.String(core::ToString(capability));
  }
  writer.EndArray();
  writer.Key("context_tokens").Integer(deployment.context_tokens);
  writer.Key("context_tokens_max").Integer(deployment.window_max());
  writer.Key("output_tokens_max").Integer(deployment.output_tokens_max);
  writer.Key("memory");
  if (deployment.memory) {
    protocols::WriteMemoryFit(writer, *deployment.memory);
  } else {
    writer.Null();
  }
  writer.Key("prices");
  WritePrices(writer, deployment.prices);
  writer.Key("quality").Double(deployment.quality);
  writer.Key("ttft_ms_prior").Integer(deployment.ttft_ms_prior);
  writer.Key("tokens_per_s_prior").Double(deployment.tokens_per_s_prior);
  writer.Key("profile");
  if (deployment.speed) {
    WriteProfile(writer, *deployment.speed);
  } else {
    writer.Null();
  }
  writer.Key("live");
  WriteLive(writer, row.live);
  writer.EndObject();
}

struct SpendSums {
  std::int64_t dispatches = 0, input_tokens = 0, output_tokens = 0;
  Money cost, assumed, estimated;
};

void WriteSums(json::Writer& writer, const SpendSums& sums) {
  writer.Key("dispatches").Integer(sums.dispatches);
  writer.Key("input_tokens").Integer(sums.input_tokens);
  writer.Key("output_tokens").Integer(sums.output_tokens);
  WriteMoney(writer, "cost", sums.cost);
  WriteMoney(writer, "assumed", sums.assumed);
  WriteMoney(writer, "estimated", sums.estimated);
}

void WriteBooks(json::Writer& writer, const BookFacts& books) {
  writer.Key("recovery").BeginObject();
  writer.Key("exact").Bool(books.recovery.exact);
  writer.Key("voided").Integer(books.recovery.voided);
  writer.Key("settled").Integer(books.recovery.settled);
  writer.Key("assumed").Integer(books.recovery.assumed);
  WriteMoney(writer, "assumed_cost", books.recovery.assumed_cost);
  writer.Key("why_not_exact").String(books.recovery.why_not_exact);
  writer.EndObject();
  writer.Key("ledger").BeginObject();
  writer.Key("in_flight").Integer(books.ledger.in_flight);
  writer.Key("waited").Integer(books.ledger.waited);
  writer.Key("refused_budget").Integer(books.ledger.refused_budget);
  writer.Key("refused_unavailable").Integer(books.ledger.refused_unavailable);
  writer.Key("abandoned_dispatches").Integer(books.ledger.abandoned_dispatches);
  writer.Key("overruns").Integer(books.ledger.overruns);
  writer.Key("failing").Bool(books.ledger.failing);
  writer.EndObject();
  writer.Key("log").BeginObject();
  writer.Key("records").Integer(books.log.records);
  writer.Key("segments").Integer(books.log.segments);
  writer.Key("lost").Integer(books.log.lost);
  writer.Key("queued_bytes").Integer(static_cast<std::int64_t>(books.log.queued_bytes));
  writer.EndObject();
}

void WriteMachine(json::Writer& writer, const GateFacts& gate) {
  const engine::Machine& machine = gate.machine;
  writer.BeginObject();
  writer.Key("host_budget_bytes").Integer(static_cast<std::int64_t>(machine.host_bytes));
  writer.Key("require_gpu").Bool(machine.require_gpu);
  writer.Key("devices").BeginArray();
  for (const engine::GraphicsDevice& device : machine.devices) {
    writer.BeginObject().Key("id").String(device.id);
    writer.Key("description").String(device.description);
    writer.Key("total_bytes").Integer(static_cast<std::int64_t>(device.total_bytes));
    writer.Key("free_bytes").Integer(static_cast<std::int64_t>(device.free_bytes)).EndObject();
  }
  writer.EndArray();
  writer.Key("devices_why_not").String(gate.devices_why_not);
  writer.EndObject();
}

void WriteEngine(json::Writer& writer, const Result<engine::EngineBinary>& engine) {
  writer.BeginObject();
  writer.Key("found").Bool(engine.ok());
  if (engine.ok()) {
    writer.Key("path").String(engine->path);
    writer.Key("version").String(engine->version);
  } else {
    writer.Key("why").String(engine.error().message);
  }
  writer.EndObject();
}

}  // namespace

std::string EncodeModels(const std::vector<ModelRow>& rows) {
  std::string out;
  json::Writer writer(out);
  writer.BeginObject().Key("models").BeginArray();
  for (const ModelRow& row : rows) WriteModel(writer, row);
  writer.EndArray().EndObject();
  return out;
}

std::string EncodeEngineModels(const std::vector<engine::ModelStatus>& statuses) {
  std::string out;
  json::Writer writer(out);
  writer.BeginObject().Key("models").BeginArray();
  for (const engine::ModelStatus& status : statuses) {
    writer.BeginObject();
    writer.Key("model").String(status.model);
    writer.Key("state").String(engine::ToString(status.state));
    writer.Key("users").Integer(status.users);
    writer.Key("slots").Integer(status.slots);
    writer.Key("context_tokens").Integer(status.context_tokens);
    writer.Key("device_layers").Integer(status.device_layers);
    writer.Key("queue_depth").Integer(static_cast<std::int64_t>(status.queue_depth));
    writer.Key("oldest_wait_ms").Integer(status.oldest_wait_nanos / kNanosPerMs);
    writer.Key("waits_for").String(status.waits_for);
    writer.Key("wait_bound_ms");
    if (status.wait_bound_nanos < 0) {
      writer.Null();
    } else {
      writer.Integer(status.wait_bound_nanos / kNanosPerMs);
    }
    writer.Key("failures").Integer(status.failures);
    writer.Key("last_error").String(status.last_error);
    writer.Key("retry_in_ms").Integer(status.retry_in_nanos / kNanosPerMs);
    writer.Key("last_start_ms").Integer(status.last_start_nanos / kNanosPerMs);
    writer.Key("started_at");
    WriteTime(writer, status.started_wall_nanos);
    writer.Key("pid").Integer(status.pid);
    writer.Key("rss_bytes").Integer(static_cast<std::int64_t>(status.rss_bytes));
    writer.Key("memory_bytes").Integer(static_cast<std::int64_t>(status.memory_bytes));
    writer.Key("device_bytes").Integer(static_cast<std::int64_t>(status.device_bytes));
    writer.Key("expected_wait_ms").Integer(status.expected_wait_nanos / kNanosPerMs);
    writer.Key("draining").Bool(status.draining);
    writer.Key("pinned").Bool(status.pinned);
    writer.Key("degraded").String(status.degraded);
    writer.Key("unfit").String(status.unfit);
    writer.Key("window_note").String(status.window_note);
    writer.Key("speculation").String(status.speculation);
    writer.Key("speculation_note").String(status.speculation_note);
    writer.Key("drafted_tokens").Integer(status.drafted_tokens);
    writer.Key("draft_accepted_tokens").Integer(status.draft_accepted_tokens);
    writer.Key("sandbox_missing").BeginArray();
    for (const std::string& layer : status.sandbox_missing) writer.String(layer);
    writer.EndArray().EndObject();
  }
  writer.EndArray().EndObject();
  return out;
}

std::string EncodeSpend(const ledger::SpendQuery& query,
                        const std::vector<ledger::SpendRow>& rows) {
  std::string out;
  json::Writer writer(out);
  writer.BeginObject();
  writer.Key("from").String(FormatUtcDay(query.first_day));
  writer.Key("to").String(FormatUtcDay(query.last_day));
  writer.Key("principal").String(query.principal);
  writer.Key("by").BeginArray();
  if (query.by_day) writer.String("day");
  if (query.by_principal) writer.String("principal");
  if (query.by_model) writer.String("model");
  if (query.by_place) writer.String("place");
  writer.EndArray();
  SpendSums total;
  writer.Key("rows").BeginArray();
  for (const ledger::SpendRow& row : rows) {
    writer.BeginObject();
    if (query.by_day) writer.Key("day").String(FormatUtcDay(row.day));
    if (query.by_principal) writer.Key("principal").String(row.principal);
    if (query.by_model) writer.Key("model").String(row.model);
    if (query.by_place) {
      writer.Key("place").String(row.place ? core::ToString(*row.place) : "unknown");
    }
    WriteSums(writer, SpendSums{row.dispatches, row.input_tokens, row.output_tokens, row.cost,
                                row.assumed, row.estimated});
    writer.EndObject();
    total.dispatches += row.dispatches;
    total.input_tokens += row.input_tokens;
    total.output_tokens += row.output_tokens;
    total.cost += row.cost;
    total.assumed += row.assumed;
    total.estimated += row.estimated;
  }
  writer.EndArray();
  writer.Key("total").BeginObject();
  WriteSums(writer, total);
  writer.EndObject().EndObject();
  return out;
}

std::string EncodePolicyFields(const std::vector<PolicyField>& fields) {
  std::string out;
  json::Writer writer(out);
  writer.BeginObject().Key("fields").BeginArray();
  for (const PolicyField& field : fields) {
    writer.BeginObject();
    writer.Key("name").String(field.name);
    writer.Key("type").String(field.type);
    writer.Key("merging").String(field.merging);
    writer.Key("allowed").String(field.allowed);
    writer.Key("meaning").String(field.meaning);
    writer.EndObject();
  }
  writer.EndArray().EndObject();
  return out;
}

std::string EncodeStatus(const StatusFacts& facts, const Result<engine::EngineBinary>& engine) {
  std::string out;
  json::Writer writer(out);
  writer.BeginObject();
  writer.Key("version").String(facts.gate.version);
  writer.Key("started_at");
  WriteTime(writer, facts.gate.started_wall_nanos);
  writer.Key("uptime_s")
      .Integer((facts.now_wall_nanos - facts.gate.started_wall_nanos) / kNanosPerSecond);
  writer.Key("listen").BeginArray();
  for (const std::string& address : facts.gate.listen) writer.String(address);
  writer.EndArray();
  writer.Key("shards").Integer(static_cast<std::int64_t>(facts.gate.shards));
  writer.Key("connections").Integer(static_cast<std::int64_t>(facts.gate.connections));
  writer.Key("requests").Integer(facts.gate.requests);
  writer.Key("requests_active").Integer(facts.gate.requests_active);
  writer.Key("models").Integer(static_cast<std::int64_t>(facts.models));
  writer.Key("responses").BeginObject();
  writer.Key("kept").Integer(facts.gate.kept_answers);
  writer.Key("bytes").Integer(facts.gate.kept_bytes);
  writer.Key("failed").Integer(facts.gate.kept_failed).EndObject();
  writer.Key("engine");
  WriteEngine(writer, engine);
  writer.Key("machine");
  WriteMachine(writer, facts.gate);
  WriteBooks(writer, facts.books);
  writer.EndObject();
  return out;
}

std::string EncodeError(const Error& error) {
  std::string out;
  json::Writer writer(out);
  writer.BeginObject().Key("error").BeginObject();
  writer.Key("code").String(ToString(error.code));
  writer.Key("message").String(error.message);
  if (!error.field.empty()) writer.Key("field").String(error.field);
  if (!error.reason.empty()) writer.Key("reason").String(error.reason);
  writer.EndObject().EndObject();
  return out;
}

}  // namespace tidegate::admin
