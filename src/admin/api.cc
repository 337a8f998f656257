#include "admin/api.h"

#include <algorithm>
#include <utility>

#include "admin/decision_json.h"
#include "admin/query.h"
#include "admin/views.h"
#include "admin/worker.h"
#include "json/writer.h"

namespace tidegate::admin {
namespace {

constexpr std::string_view kRoot = "/tidegate";
constexpr std::string_view kOneDecision = "/tidegate/decisions/";
constexpr std::string_view kJsonFields =
    "content-type: application/json\r\ncache-control: no-store\r\n";
constexpr std::string_view kJsonFieldsGetOnly =
    "content-type: application/json\r\ncache-control: no-store\r\nallow: GET\r\n";

Error Denied(std::string message) {
  return Error{ErrorCode::kPermissionDenied, ErrorSource::kCaller, Retry::kNever,
               std::move(message)};
}

Error NoSuchDecision() {
  return NotFound("no decision has this id; records are kept for a limited time");
}

// Whose records a question is about: for a caller without admin rights its own, whatever it says.
Result<std::string> TakePrincipal(Query& query, const Caller& caller) {
  std::optional<std::string> asked = query.Take("principal");
  if (caller.admin) return std::move(asked).value_or("");
  if (asked && *asked != caller.principal) {
    return Denied("only a key with admin rights may see the records of others");
  }
  return caller.principal;
}

Result<ledger::SpendQuery> ParseSpendQuery(Query query, const Caller& caller, std::int32_t today) {
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

  net::Task<Result<std::string>> OneDecision(net::Shard& shard, std::string text, Caller caller);
  net::Task<Result<std::string>> Decisions(net::Shard& shard, Query query, Caller caller);
  net::Task<Result<std::string>> Spend(net::Shard& shard, Query query, Caller caller);
  net::Task<Result<std::string>> Status(net::Shard& shard, Caller caller);
  net::Task<Result<std::string>> Answer(net::Shard& shard, std::string path, Query query,
                                        Caller caller);

  Sources sources;
  Worker worker;
};

net::Task<Result<std::string>> Api::State::OneDecision(net::Shard& shard, std::string text,
                                                       Caller caller) {
  const std::optional<RequestId> id = RequestId::Parse(text);
  if (!id) {
    co_return InvalidArgument("id", "must be the 26 letters and digits of a tidegate-decision");
  }
  std::function<Result<std::string>()> read =
      [this, id = *id, caller = std::move(caller)]() -> Result<std::string> {
    Result<core::DecisionRecord> record = sources.find_decision(id);
    if (!record.ok()) {
      if (record.error().code == ErrorCode::kNotFound) return NoSuchDecision();
      return std::move(record).error();
    }
    if (!caller.admin && record->principal != caller.principal) return NoSuchDecision();
    return EncodeDecision(*record);
  };
  co_return co_await worker.Run(shard, std::move(read));
}

net::Task<Result<std::string>> Api::State::Decisions(net::Shard& shard, Query query,
                                                     Caller caller) {
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

net::Task<Result<std::string>> Api::State::Spend(net::Shard& shard, Query query, Caller caller) {
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

net::Task<Result<std::string>> Api::State::Status(net::Shard& shard, Caller caller) {
  if (!caller.admin) co_return Denied("only a key with admin rights may see the gate's status");
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

net::Task<Result<std::string>> Api::State::Answer(net::Shard& shard, std::string path, Query query,
                                                  Caller caller) {
  if (path == "/tidegate/decisions") {
    co_return co_await Decisions(shard, std::move(query), std::move(caller));
  }
  if (path == "/tidegate/spend")
    co_return co_await Spend(shard, std::move(query), std::move(caller));
  const bool one = path.starts_with(kOneDecision);
  // The routes below take no parameters.
  if (one || path == "/tidegate/models" || path == "/tidegate/ps" || path == "/tidegate/status" ||
      path == "/tidegate/policy/fields") {
    Result<void> none = query.RequireAllTaken("none");
    if (!none.ok()) co_return std::move(none).error();
  }
  if (one)
    co_return co_await OneDecision(shard, path.substr(kOneDecision.size()), std::move(caller));
  if (path == "/tidegate/models") co_return EncodeModels(sources.models());
  if (path == "/tidegate/ps") co_return EncodeEngineModels(sources.engine_models());
  if (path == "/tidegate/status") co_return co_await Status(shard, std::move(caller));
  if (path == "/tidegate/policy/fields") co_return EncodePolicyFields(sources.policy_fields);
  co_return NotFound(
      "no such route; there are /tidegate/decisions, decisions/{id}, spend, models, ps, status and "
      "policy/fields");
}

Api::Api(Sources sources) : state_(std::make_unique<State>(std::move(sources))) {}
Api::~Api() = default;

bool Api::Owns(std::string_view path) {
  return path.starts_with(kRoot) && (path.size() == kRoot.size() || path[kRoot.size()] == '/');
}

net::Task<bool> Api::Handle(net::Exchange& exchange, Caller caller) {
  if (!Owns(exchange.head().path())) co_return false;
  if (exchange.head().method() != "GET") {
    const Error error = InvalidArgument("method", "this API only reads: use GET");
    // A client that is gone cannot be told anything; the connection ends by itself.
    (void)co_await exchange.Respond(405, kJsonFieldsGetOnly, EncodeError(error));
    co_return true;
  }
  Result<Query> query = Query::Parse(exchange.head().query());
  std::optional<Result<std::string>> answer;
  if (query.ok()) {
    std::string path(exchange.head().path());
    answer = co_await state_->Answer(exchange.shard(), std::move(path), std::move(*query),
                                     std::move(caller));
  } else {
    answer = query.error();
  }
  if (answer->ok()) {
    (void)co_await exchange.Respond(200, kJsonFields, answer->value());
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
