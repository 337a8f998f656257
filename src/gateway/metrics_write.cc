// The gateway's counts as families of samples. docs/metrics.md lists them.
#include <algorithm>
#include <functional>
#include <map>

#include "gateway/inventory.h"
#include "gateway/metrics.h"
#include "gateway/work.h"
#include "protocols/protocol.h"

namespace tidegate::gateway {
namespace {

using obs::MetricsText;

constexpr double kNanosPerDollar = 1e9;
constexpr std::array<std::string_view, kStatusClasses> kClasses = {"2xx", "3xx", "4xx", "5xx"};

// One model's cells of all shards, added up.
struct Sums {
  const ModelSeries* model;
  std::vector<const ModelCells*> shards;

  template <typename Member>
  std::int64_t Of(Member member) const {
    std::int64_t sum = 0;
    for (const ModelCells* cells : shards) sum += std::invoke(member, *cells).value();
    return sum;
  }
  std::int64_t Of(obs::Cell ModelCells::*member) const {
    return Of([member](const ModelCells& cells) -> const obs::Cell& { return cells.*member; });
  }
};
using Models = std::vector<Sums>;

// What all models of one provider at one place count together.
struct AtPlace {
  std::string_view provider, place;
  friend auto operator<=>(const AtPlace&, const AtPlace&) = default;
};
AtPlace PlaceOf(const Sums& sums) { return {sums.model->provider, sums.model->place}; }

// Which cell of ModelCells::requests.
struct Asked {
  std::string_view protocol;
  AtPlace at;
  std::size_t status;
  friend auto operator<=>(const Asked&, const Asked&) = default;
};

void AddRequests(const Sums& sums, std::size_t protocol, std::size_t work,
                 std::map<Asked, std::int64_t>& out) {
  const protocols::Protocol* known = protocols::Find(static_cast<core::Protocol>(protocol));
  for (std::size_t status = 0; status < kStatusClasses; ++status) {
    const std::int64_t count = sums.Of([=](const ModelCells& cells) -> const obs::Cell& {
      return cells.requests[protocol][work][status];
    });
    if (count == 0 || known == nullptr) continue;
    const std::string_view name = NameOf(*known, static_cast<protocols::Operation>(work));
    out[{name, PlaceOf(sums), status}] += count;
  }
}

void WriteRequests(const Models& models, MetricsText& out) {
  std::map<Asked, std::int64_t> counts;
  for (const Sums& sums : models) {
    for (std::size_t protocol = 0; protocol < core::kProtocols; ++protocol) {
      for (std::size_t work = 0; work < kWorkKinds; ++work) {
        AddRequests(sums, protocol, work, counts);
      }
    }
  }
  out.Counter("tidegate_requests",
              "Requests for a model that have ended, by the caller's protocol and by who was tried "
              "last (none: nobody was)");
  for (const auto& [asked, count] : counts) {
    out.Sample({{"protocol", asked.protocol},
                {"provider", asked.at.provider},
                {"place", asked.at.place},
                {"status", kClasses[asked.status]}},
               count);
  }
}

void WriteDurations(const Models& models, obs::DurationCells ModelCells::*member,
                    MetricsText& out) {
  std::map<AtPlace, obs::Durations> added;
  for (const Sums& sums : models) {
    for (const ModelCells* cells : sums.shards) (cells->*member).AddTo(added[PlaceOf(sums)]);
  }
  for (const auto& [at, durations] : added) {
    if (std::all_of(durations.counts.begin(), durations.counts.end(),
                    [](std::int64_t count) { return count == 0; })) {
      continue;  // models that never got that far
    }
    out.Sample({{"provider", at.provider}, {"place", at.place}}, durations);
  }
}

void WriteAttempts(const Models& models, MetricsText& out) {
  out.Counter("tidegate_attempts",
              "Requests that were sent to a model, or could not be, by how "
              "that ended");
  for (const Sums& sums : models) {
    for (std::size_t i = 0; i < kOutcomes; ++i) {
      const std::int64_t count =
          sums.Of([i](const ModelCells& cells) -> const obs::Cell& { return cells.attempts[i]; });
      if (count == 0) continue;
      out.Sample({{"provider", sums.model->provider},
                  {"model", sums.model->model},
                  {"place", sums.model->place},
                  {"outcome", core::ToString(static_cast<core::AttemptOutcome>(i))}},
                 count);
    }
  }
}

void WriteTokens(const Models& models, MetricsText& out) {
  out.Counter("tidegate_tokens",
              "Tokens, each in one kind: input is what no cache had, output includes reasoning");
  for (const Sums& sums : models) {
    const auto sample = [&](std::string_view kind, std::int64_t count) {
      if (count <= 0) return;
      out.Sample({{"provider", sums.model->provider},
                  {"model", sums.model->model},
                  {"place", sums.model->place},
                  {"kind", kind}},
                 count);
    };
    const std::int64_t read = sums.Of(&ModelCells::cached_read_tokens);
    const std::int64_t written = sums.Of(&ModelCells::cached_write_tokens);
    sample("input", sums.Of(&ModelCells::input_tokens) - read - written);
    sample("cached_read", read);
    sample("cached_write", written);
    sample("output", sums.Of(&ModelCells::output_tokens));
  }
}

void WriteDollars(const Models& models, obs::Cell ModelCells::*member, MetricsText& out) {
  for (const Sums& sums : models) {
    const std::int64_t nanodollars = sums.Of(member);
    if (nanodollars == 0) continue;
    out.Sample({{"provider", sums.model->provider},
                {"model", sums.model->model},
                {"place", sums.model->place}},
               static_cast<double>(nanodollars) / kNanosPerDollar);
  }
}

// Of what counts, and of what is left alone now.
void WriteBreakers(const Models& models, Inventory& inventory, std::int64_t now, MetricsText& out) {
  out.Gauge("tidegate_breaker_open",
            "1 while a model is left alone because it failed repeatedly, of every model that was "
            "tried");
  for (std::size_t i = 0; i < inventory.deployments().size(); ++i) {
    const core::Deployment& deployment = inventory.deployments()[i];
    const bool open = !inventory.breaker(i).Closed(now);
    const bool tried = std::any_of(models.begin(), models.end(), [&](const Sums& sums) {
      return sums.model == inventory.series(i);
    });
    if (!open && !tried) continue;
    out.Sample({{"provider", deployment.ref.provider},
                {"model", deployment.ref.model},
                {"place", core::ToString(deployment.place)}},
               std::int64_t{open ? 1 : 0});
  }
  out.Counter("tidegate_breaker_openings", "How often a model came to be left alone");
  for (const Sums& sums : models) {
    const std::int64_t count = sums.Of(&ModelCells::breaker_opened);
    if (count == 0) continue;
    out.Sample({{"provider", sums.model->provider},
                {"model", sums.model->model},
                {"place", sums.model->place}},
               count);
  }
}

void WriteErrors(const std::vector<ShardCells>& shards, MetricsText& out) {
  out.Counter(
      "tidegate_request_errors",
      "Requests that ended with an error, by its code and by whose fault it was; also those "
      "that were refused before anything was planned");
  for (std::size_t code = 0; code < kErrorCodes; ++code) {
    for (std::size_t source = 0; source < kErrorSources; ++source) {
      std::int64_t count = 0;
      for (const ShardCells& shard : shards) count += shard.errors[code][source].value();
      if (count == 0) continue;
      out.Sample({{"code", ToString(static_cast<ErrorCode>(code))},
                  {"source", ToString(static_cast<ErrorSource>(source))}},
                 count);
    }
  }
  out.Counter("tidegate_fallbacks",
              "Attempts that failed and that another one followed, by the code of the failure");
  for (std::size_t code = 0; code < kErrorCodes; ++code) {
    std::int64_t count = 0;
    for (const ShardCells& shard : shards) count += shard.fallbacks[code].value();
    if (count > 0) out.Sample({{"code", ToString(static_cast<ErrorCode>(code))}}, count);
  }
  out.Counter("tidegate_rejections",
              "Models that a request could not have, by why; not those that it did not name");
  for (std::size_t reason = 0; reason < kRejectReasons; ++reason) {
    std::int64_t count = 0;
    for (const ShardCells& shard : shards) count += shard.rejections[reason].value();
    if (count == 0) continue;
    out.Sample({{"reason", core::ToString(static_cast<core::RejectReason>(reason))}}, count);
  }
}

}  // namespace

void Metrics::Write(Inventory& inventory, std::int64_t now, MetricsText& out) const {
  Models models;
  for (const ModelSeries* series : Series()) models.push_back({series, series->Used()});
  WriteRequests(models, out);
  out.Histogram("tidegate_request_duration_seconds",
                "From the arrival of a request to the last byte of its answer");
  WriteDurations(models, &ModelCells::duration, out);
  out.Histogram("tidegate_time_to_first_content_seconds",
                "From the arrival of a request to the first content of its answer");
  WriteDurations(models, &ModelCells::first_content, out);
  WriteAttempts(models, out);
  WriteTokens(models, out);
  out.Counter("tidegate_cost_dollars", "What was settled; an upper bound where nobody knows");
  WriteDollars(models, &ModelCells::cost_nanodollars, out);
  out.Counter("tidegate_assumed_cost_dollars",
              "Of the cost, what is counted because nobody knows what was charged");
  WriteDollars(models, &ModelCells::assumed_nanodollars, out);
  WriteErrors(shards_, out);
  WriteBreakers(models, inventory, now, out);
  out.Gauge("tidegate_requests_active", "Requests for a model that are on their way");
  out.Sample({}, InFlight());
  std::int64_t streams = 0;
  for (const ShardCells& shard : shards_) {
    const std::int64_t ended = shard.streams_ended.value();
    streams += shard.streams_begun.value() - ended;
  }
  out.Gauge("tidegate_streams_active", "Answers that are being streamed");
  out.Sample({}, streams);
}

}  // namespace tidegate::gateway
