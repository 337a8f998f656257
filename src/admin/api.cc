#include "admin/api.h"

#include <algorithm>
#include <utility>

#include "admin/decision_json.h"
#include "admin/metrics_view.h"
#include "admin/query.h"
#include "admin/views.h"
#include "json/writer.h"
#include "net/worker.h"

namespace tidegate::admin {
namespace {

constexpr std::string_view kRoot = "/tidegate";
constexpr std::string_view kOneDecision = "/tidegate/decisions/";
constexpr std::string_view kMetrics = "/metrics";

using policy::Principal;
using policy::Scope;

constexpr Route kRoutes[] = {
    {kOneDecision, Scope::kRecords},      {"/tidegate/decisions", Scope::kRecords},
    {"/tidegate/spend", Scope::kRecords}, {"/tidegate/models", Scope::kModelsRead},
    {"/tidegate/ps", Scope::kModelsRead}, {"/tidegate/policy/fields", Scope::kModelsRead},
    {"/tidegate/status", Scope::kAdmin},  {kMetrics, Scope::kMetrics},
};

const Route* FindRoute(std::string_view path) {
  for (const Route& route : kRoutes) {
    if (route.path.ends_with('/') ? path.starts_with(route.path) : path == route.path) {
      return &route;
    }
  }
  return nullptr;
}
constexpr std::string_view kJsonFields =
    "content-type: application/json\r\ncache-control: no-store\r\n";
constexpr std::string_view kJsonFieldsGetOnly =
    "content-type: application/json\r\ncache-control: no-store\r\nallow: GET\r\n";

Error NoSuchDecision() {
  return NotFound("no decision has this id; records are kept for a limited time");
}

// Whose records a question is about: its caller's own, unless that may see those of others.
Result<std::string> TakePrincipal(Query& query, const Principal& caller) {
  std::optional<std::string> asked = query.Take("principal");
  if (caller.scopes.Has(Scope::kAdmin)) return std::move(asked).value_or("");
  if (asked && *asked != caller.name) TIDEGATE_TRY(policy::RequireScope(caller, Scope::kAdmin));
  return caller.name;
}

Result<ledger::SpendQuery> ParseSpendQuery(Query query, const Principal& caller,
                                           std::int32_t today) {
  ledger::SpendQuery spend;
  TIDEGATE_ASSIGN(spend.principal, TakePrincipal(query, caller));
  TIDEGATE_ASSIGN(spend.last_day, query.TakeDay("to", today));
  TIDEGATE_ASSIGN(spend.first_day, query.TakeDay("from", spend.last_day - kSpendDaysDefault + 1));
  if (spend.first_day > spend.last_day) {
    return InvalidArgument("query.from", "must not be later than 'to'");
  }
  if (spend.last_day - spend.first_day >= kSpendDaysMax) {
    return InvalidArgument("query.from",
                           "at most " + std::to_string(kSpendDaysMax) + " days at a time");
  }
  const std::string by = query.Take("by").value_or("");
  std::string_view rest = by;
  while (!rest.empty()) {
    const std::string_view word = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), word.size() + 1));
    if (word == "day") {
      spend.by_day = true;
    } else if (word == "principal") {
      spend.by_principal = true;
    } else if (word == "model") {
      spend.by_model = true;
    } else if (word == "place") {
      spend.by_place = true;
    } else {
      return InvalidArgument("query.by", "must be of day, principal, model, place, with commas");
    }
  }
  TIDEGATE_TRY(query.RequireAllTaken("from, to, by and principal"));
  return spend;
}

std::string EncodeDecisions(const std::vector<core::DecisionRecord>& records) {
  std::string out;
  json::Writer writer(out);
  writer.BeginObject().Key("decisions").BeginArray();
  for (const core::DecisionRecord& record : records) WriteDecision(writer, record);
  writer.EndArray().EndObject();
  return out;
}

}  // namespace

// One function per route; each returns the body of a 200 or the error.
struct Api::State {
  explicit State(Sources from) : sources(std::move(from)) {}

  net::Task<Result<std::string>> OneDecision(net::Shard& shard, std::string text,
                                             const Principal& caller);
  net::Task<Result<std::string>> Decisions(net::Shard& shard, Query query, const Principal& caller);
  net::Task<Result<std::string>> Spend(net::Shard& shard, Query query, const Principal& caller);
  net::Task<Result<std::string>> Status(net::Shard& shard);
  net::Task<Result<std::string>> Metrics(net::Shard& shard, obs::MetricsFormat format);
  net::Task<Result<std::string>> Answer(net::Shard& shard, std::string path, Query query,
                                        obs::MetricsFormat format, const Principal& caller);

  Sources sources;
  net::Worker worker;
};

net::Task<Result<std::string>> Api::State::OneDecision(net::Shard& shard, std::string text,
                                                       const Principal& caller) {
  const std::optional<RequestId> id = RequestId::Parse(text);
  if (!id) {
    co_return InvalidArgument("id", "must be the 26 letters and digits of a tidegate-decision");
  }
  std::function<Result<std::string>()> read =
      [this, id = *id, name = caller.name,
       sees_all = caller.scopes.Has(Scope::kAdmin)]() -> Result<std::string> {
    Result<core::DecisionRecord> record = sources.find_decision(id);
    if (!record.ok()) {
      if (record.error().code == ErrorCode::kNotFound) return NoSuchDecision();
      return std::move(record).error();
    }
    if (!sees_all && record->principal != name) return NoSuchDecision();
    return EncodeDecision(*record);
  };
  co_return co_await worker.Run(shard, std::move(read));
}

net::Task<Result<std::string>> Api::State::Decisions(net::Shard& shard, Query query,
                                                     const Principal& caller) {
  Result<std::string> principal = TakePrincipal(query, caller);
  if (!principal.ok()) co_return std::move(principal).error();
  const Result<std::int64_t> limit =
      query.TakeInteger("limit", 1, static_cast<std::int64_t>(ledger::kLatestRecordsMax),
                        static_cast<std::int64_t>(kDecisionsDefault));
  if (!limit.ok()) co_return limit.error();
  Result<void> all = query.RequireAllTaken("limit and principal");
  if (!all.ok()) co_return std::move(all).error();
  std::function<Result<std::string>()> read = [this, limit = static_cast<std::size_t>(*limit),
                                               principal =
                                                   std::move(*principal)]() -> Result<std::string> {
    TIDEGATE_ASSIGN(const std::vector<core::DecisionRecord> records,
                    sources.latest_decisions(limit, principal));
    return EncodeDecisions(records);
  };
  co_return co_await worker.Run(shard, std::move(read));
}

net::Task<Result<std::string>> Api::State::Spend(net::Shard& shard, Query query,
                                                 const Principal& caller) {
  const std::int32_t today = UtcDay(sources.clock.WallNanos());
  Result<ledger::SpendQuery> spend = ParseSpendQuery(std::move(query), caller, today);
  if (!spend.ok()) co_return std::move(spend).error();
  std::function<Result<std::string>()> read = [this,
                                               spend = std::move(*spend)]() -> Result<std::string> {
    TIDEGATE_ASSIGN(const std::vector<ledger::SpendRow> rows, sources.spend(spend));
    return EncodeSpend(spend, rows);
  };
  co_return co_await worker.Run(shard, std::move(read));
}

net::Task<Result<std::string>> Api::State::Status(net::Shard& shard) {
  std::function<Result<std::string>()> read = [this]() -> Result<std::string> {
    StatusFacts facts;
    facts.gate = sources.gate();
    facts.books = sources.books();
    facts.models = sources.models().size();
    facts.now_wall_nanos = sources.clock.WallNanos();
    return EncodeStatus(facts, sources.locate_engine());
  };
  co_return co_await worker.Run(shard, std::move(read));
}

net::Task<Result<std::string>> Api::State::Metrics(net::Shard& shard, obs::MetricsFormat format) {
  std::function<Result<std::string>()> read = [this, format]() -> Result<std::string> {
    const MetricsFacts facts{sources.gate(), sources.books(), sources.engine_models()};
    return EncodeMetrics(format, facts, sources.request_metrics);
  };
  co_return co_await worker.Run(shard, std::move(read));
}

net::Task<Result<std::string>> Api::State::Answer(net::Shard& shard, std::string path, Query query,
                                                  obs::MetricsFormat format,
                                                  const Principal& caller) {
  const Route* const route = FindRoute(path);
  if (route == nullptr) {
    co_return NotFound(
        "no such route; there are /metrics and /tidegate/decisions, decisions/{id}, spend, models, "
        "ps, status and policy/fields");
  }
  Result<void> allowed = policy::RequireScope(caller, route->scope);
  if (!allowed.ok()) co_return std::move(allowed).error();
  if (path == "/tidegate/decisions") {
    co_return co_await Decisions(shard, std::move(query), caller);
  }
  if (path == "/tidegate/spend") co_return co_await Spend(shard, std::move(query), caller);
  // The routes below take no parameters.
  Result<void> none = query.RequireAllTaken("none");
  if (!none.ok()) co_return std::move(none).error();
  if (route->path == kOneDecision) {
    co_return co_await OneDecision(shard, path.substr(kOneDecision.size()), caller);
  }
  if (path == "/tidegate/models") co_return EncodeModels(sources.models());
  if (path == "/tidegate/ps") co_return EncodeEngineModels(sources.engine_models());
  if (path == "/tidegate/status") co_return co_await Status(shard);
  if (path == kMetrics) co_return co_await Metrics(shard, format);
  co_return EncodePolicyFields(sources.policy_fields);
}

std::span<const Route> Routes() { return kRoutes; }

Api::Api(Sources sources) : state_(std::make_unique<State>(std::move(sources))) {}
Api::~Api() = default;

bool Api::Owns(std::string_view path) {
  if (path == kMetrics) return true;
  return path.starts_with(kRoot) && (path.size() == kRoot.size() || path[kRoot.size()] == '/');
}

net::Task<bool> Api::Handle(net::Exchange& exchange, const Principal& caller) {
  if (!Owns(exchange.head().path())) co_return false;
  if (exchange.head().method() != "GET") {
    const Error error = InvalidArgument("method", "this API only reads: use GET");
    // A client that is gone cannot be told anything; the connection ends by itself.
    (void)co_await exchange.Respond(405, kJsonFieldsGetOnly, EncodeError(error));
    co_return true;
  }
  const bool metrics = exchange.head().path() == kMetrics;
  const obs::MetricsFormat format =
      obs::ChooseMetricsFormat(exchange.head().Find("accept").value_or(std::string_view()));
  Result<Query> query = Query::Parse(exchange.head().query());
  std::optional<Result<std::string>> answer;
  if (query.ok()) {
    std::string path(exchange.head().path());
    answer = co_await state_->Answer(exchange.shard(), std::move(path), std::move(*query), format,
                                     caller);
  } else {
    answer = query.error();
  }
  if (answer->ok()) {
    std::string fields(kJsonFields);
    if (metrics) {
      fields = "cache-control: no-store\r\n";
      net::AppendField(fields, "content-type", obs::ContentTypeOf(format));
    }
    (void)co_await exchange.Respond(200, fields, answer->value());
    co_return true;
  }
  const Error& error = answer->error();
  std::string fields(kJsonFields);
  if (error.retry_after_s > 0) {
    fields += "retry-after: " + std::to_string(error.retry_after_s) + "\r\n";
  }
  (void)co_await exchange.Respond(HttpStatus(error.code), fields, EncodeError(error));
  co_return true;
}

}  // namespace tidegate::admin
