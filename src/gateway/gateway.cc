#include "gateway/gateway.h"

#include <iterator>

#include <fmt/format.h>

#include "gateway/authenticate.h"
#include "gateway/authorize.h"
#include "gateway/call.h"
#include "gateway/limits.h"
#include "obs/log.h"

namespace tidegate::gateway {
namespace {

// The protocol whose shape an answer on this path has.
const protocols::Protocol& ShapeFor(std::string_view path) {
  for (const protocols::Protocol* protocol : protocols::All()) {
    if (protocol->OwnsPath(path)) return *protocol;
  }
  return *protocols::All().front();
}

class HeadFields final : public protocols::FieldLookup {
 public:
  explicit HeadFields(const net::HttpHead& head) : head_(head) {}
  std::optional<std::string_view> Find(std::string_view name) const override {
    return head_.Find(name);
  }

 private:
  const net::HttpHead& head_;
};

// `decoded` keeps the path where it had to be decoded. A path that cannot be is nobody's: empty.
protocols::ClientHead HeadOf(const net::HttpHead& head, const HeadFields& fields,
                             std::string& decoded) {
  std::string_view path = head.path();
  if (path.find('%') != std::string_view::npos) {
    decoded = net::PercentDecode(path).value_or(std::string());
    path = decoded;
  }
  return {head.method(), path, head.query(), &fields};
}

void AppendErrorFields(const Error& error, std::string& fields) {
  fields += "content-type: application/json\r\n";
  if (error.retry_after_s > 0) {
    net::AppendField(fields, "retry-after", std::to_string(error.retry_after_s));
  }
  if (error.code == ErrorCode::kUnauthenticated) fields += "www-authenticate: Bearer\r\n";
}

// A caller that sends its body too slowly hears so in HTTP's own word, whatever the protocol.
int StatusOf(const protocols::Protocol& protocol, const Error& error) {
  constexpr int kRequestTimeout = 408;
  return error.reason == "request_timeout" ? kRequestTimeout : protocol.ErrorStatus(error);
}

void CountRequest(const Call& call) {
  ModelSeries& series =
      call.tried ? *call.inventory->series(*call.tried) : call.shared.metrics.none();
  const std::size_t shard = call.exchange.shard().index();
  series.On(shard).CountRequest(call.protocol.id(), call.route.operation, call.record);
  for (const core::Candidate& candidate : call.record.candidates) {
    if (!candidate.rejected) continue;
    call.shard.counts.rejections[static_cast<std::size_t>(candidate.reason)].Add();
  }
}

void FinishRecord(Call& call) {
  call.record.total_us = (net::MonotonicNow() - call.exchange.arrived_nanos()) / 1'000;
  CountRequest(call);
  call.shared.parts.books.log().Record(std::move(call.record));
}

// Phase 16 for a request that failed: the record says why, the caller hears it in its own protocol.
net::Task<void> FailCall(Call& call, Error error) {
  call.record.error = Describe(error);
  call.shard.counts.CountError(error);
  if (call.exchange.cancel().cancelled() && error.code == ErrorCode::kCancelled) {
    call.record.status = HttpStatus(ErrorCode::kCancelled);
    co_return FinishRecord(call);
  }
  call.record.status = StatusOf(call.protocol, error);
  std::string fields;
  AppendDecisionFields(call, nullptr, false, fields);
  fields += call.rate_limits;
  FinishRecord(call);
  co_await RespondError(call.exchange, call.protocol, error, std::move(fields));
}

net::Task<void> AnswerDryRun(Call& call) {
  call.record.dry_run = true;
  call.record.status = 200;
  call.record.total_us = (net::MonotonicNow() - call.exchange.arrived_nanos()) / 1'000;
  const std::string body = call.shared.parts.encode_decision(call.record);
  std::string fields = "content-type: application/json\r\n";
  AppendDecisionFields(call, nullptr, false, fields);
  FinishRecord(call);
  const Result<void> sent = co_await call.exchange.Respond(200, fields, body);
  if (!sent.ok())
    obs::Log(obs::Level::kDebug, "a plan could not be sent: {}", Describe(sent.error()));
}

Result<void> Admit(const Call& call) {
  if (call.shard.in_flight > kInFlightPerShardMax || !call.shared.parts.books.log().Admits(false)) {
    Error error{ErrorCode::kUnavailable, ErrorSource::kGateway, Retry::kSameTarget,
                "the gate is overloaded; try again in a moment"};
    error.reason = "overloaded";
    error.retry_after_s = kOverloadRetryAfterSeconds;
    return error;
  }
  return {};
}

// The phases of DESIGN §3 from 3 on, in order. The error of any of them ends the request.
net::Task<Result<void>> RunPhases(Call& call, bool& answered) {
  net::Turn& turn = call.exchange.shard().turn();
  Result<void> step = Admit(call);
  if (!step.ok()) co_return step;
  co_await net::Turn::At(turn, net::Stage::kDecode);
  step = co_await Decode(call);
  if (!step.ok()) co_return step;
  step = AuthorizeDecoded(*call.principal, call.route.operation,
                          call.request.readying != core::Readying::kNone);
  if (!step.ok()) co_return step;
  co_await net::Turn::At(turn, net::Stage::kPlan);
  step = Constrain(call);
  if (step.ok()) step = MakePlan(call);
  if (!step.ok()) co_return step;
  if (call.effective.dry_run) {
    answered = true;
    co_await AnswerDryRun(call);
    co_return Result<void>();
  }
  if (call.request.readying != core::Readying::kNone && !PassesOn(call)) {
    co_return co_await ReadyModel(call);
  }
  co_await net::Turn::At(turn, net::Stage::kReserve);
  co_return co_await RunAttempts(call);
}

// A chat, or other work for a model.
net::Task<void> Run(Shared& shared, ShardState& shard, net::Exchange& exchange,
                    const protocols::Protocol& protocol, const protocols::ClientHead& head,
                    const protocols::Route& route, const Caller& caller) {
  const policy::Principal& principal = *caller.principal;
  Call call(shared, shard, exchange, protocol, head, route);
  call.principal = &principal;
  call.body = caller.body;
  call.record.wall_nanos = shared.parts.clock.WallNanos();
  call.record.id = shard.ids.Next(call.record.wall_nanos);
  call.record.principal = principal.name;
  call.record.protocol = NameOf(protocol, route.operation);
  ++shard.in_flight;
  shard.counts.begun.Add();
  bool answered = false;
  Result<void> done = co_await RunPhases(call, answered);
  --shard.in_flight;
  shard.counts.ended.Add();
  if (!done.ok()) {
    co_await FailCall(call, std::move(done).error());
  } else if (!answered) {
    FinishRecord(call);
  }
}

// Who is asked, and for what.
struct Matched {
  const protocols::Protocol* protocol = nullptr;
  std::optional<protocols::Route> route;
};

Matched Match(const protocols::ClientHead& head) {
  for (const protocols::Protocol* protocol : protocols::All()) {
    if (std::optional<protocols::Route> route = protocol->Match(head)) return {protocol, route};
  }
  return {};
}

net::Task<void> RespondFixed(net::Exchange& exchange, protocols::FixedAnswer answer) {
  std::string fields;
  net::AppendField(fields, "content-type", answer.content_type);
  const Result<void> sent = co_await exchange.Respond(200, fields, answer.body);
  if (!sent.ok())
    obs::Log(obs::Level::kDebug, "a fixed answer could not be sent: {}", Describe(sent.error()));
}

net::Task<void> Stored(Shared& shared, net::Exchange& exchange, const protocols::Protocol& protocol,
                       const protocols::Route& route, std::string_view query,
                       const policy::Principal& principal) {
  const Result<std::string> body =
      co_await AskStored(shared, exchange, protocol, route.operation, std::string(route.id),
                         std::string(query), principal.name);
  if (!body.ok()) co_return co_await RespondError(exchange, protocol, body.error(), "");
  const Result<void> sent = co_await exchange.Respond(
      200, "content-type: application/json\r\ncache-control: no-store\r\n", *body);
  if (!sent.ok())
    obs::Log(obs::Level::kDebug, "an answer could not be read: {}", Describe(sent.error()));
}

Error NoRoute(const net::HttpHead& head) {
  Error error = NotFound(fmt::format("{} {} is not served here", head.method(), head.path()));
  error.reason = "unknown_route";
  return error;
}

// Before it was a request for a model.
net::Task<void> RefuseEarly(ShardState& shard, net::Exchange& exchange,
                            const protocols::Protocol& protocol, const Error& error) {
  shard.counts.CountError(error);
  return RespondError(exchange, protocol, error, "");
}

}  // namespace

net::Task<void> RespondError(net::Exchange& exchange, const protocols::Protocol& protocol,
                             const Error& error, std::string fields) {
  AppendErrorFields(error, fields);
  fields += protocol.ErrorFields(error);
  const std::string body = protocol.EncodeError(error);
  const Result<void> sent = co_await exchange.Respond(StatusOf(protocol, error), fields, body);
  if (!sent.ok())
    obs::Log(obs::Level::kDebug, "an error could not be sent: {}", Describe(sent.error()));
}

Gateway::Gateway(GatewayParts parts, std::shared_ptr<Inventory> inventory)
    : shared_(std::make_unique<Shared>(std::move(parts))) {
  inventory->CountIn(shared_->metrics);
  shared_->inventory = inventory;
  for (std::size_t i = 0; i < shared_->parts.shards.size(); ++i) {
    shared_->shards.push_back(std::make_unique<ShardState>(shared_->parts.shards[i], shared_->parts,
                                                           inventory, shared_->metrics.On(i)));
  }
}

Gateway::~Gateway() = default;

GatewayStats Gateway::Stats() const {
  return {shared_->metrics.Requests(), shared_->metrics.InFlight()};
}

void Gateway::WriteMetrics(obs::MetricsText& out) const {
  const std::shared_ptr<Inventory> now = inventory();
  shared_->metrics.Write(*now, net::MonotonicNow(), out);
}

void Gateway::Replace(std::shared_ptr<Inventory> inventory) {
  inventory->CountIn(shared_->metrics);
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->inventory = inventory;
  }
  for (std::size_t i = 0; i < shared_->shards.size(); ++i) {
    shared_->parts.shards[i].Post([shard = shared_->shards[i].get(), inventory] {
      shard->inventory = inventory;
      shard->live.Invalidate();
    });
  }
}

void Gateway::ForgetLive() {
  for (std::size_t i = 0; i < shared_->shards.size(); ++i) {
    shared_->parts.shards[i].Post([shard = shared_->shards[i].get()] { shard->live.Invalidate(); });
  }
}

std::shared_ptr<Inventory> Gateway::inventory() const {
  const std::lock_guard lock(shared_->mutex);
  return shared_->inventory;
}

net::RefusalBody Gateway::Refuse(std::string_view path, const Error& error) {
  return {ShapeFor(path).EncodeError(error), "application/json"};
}

net::Task<void> Gateway::Handle(net::Exchange& exchange) {
  Shared& shared = *shared_;
  const net::HttpHead& head = exchange.head();
  if (head.path() == "/health" && (head.method() == "GET" || head.method() == "HEAD")) {
    constexpr protocols::FixedAnswer kHealthy{"text/plain", "Tidegate is running\n"};
    co_return co_await RespondFixed(exchange, kHealthy);
  }
  const HeadFields fields(head);
  std::string decoded;
  protocols::ClientHead client = HeadOf(head, fields, decoded);
  Matched matched = Match(client);
  if (matched.route && matched.route->operation == protocols::Operation::kFixed) {
    co_return co_await RespondFixed(exchange, matched.protocol->EncodeFixed(*matched.route));
  }
  ShardState& shard = *shared.shards[exchange.shard().index()];
  Result<Caller> caller = Caller();
  if (IsProvenByItsBody(shared.parts, head)) {
    caller = co_await AuthenticateSigned(shared.parts, shard, exchange);
    client = HeadOf(head, fields, decoded);  // reading the body may have moved the head
    matched = Match(client);
  } else {
    caller = Authenticate(shared.parts, shard, head);
  }
  const protocols::Protocol& shape = ShapeFor(head.path());
  if (!caller.ok()) co_return co_await RefuseEarly(shard, exchange, shape, caller.error());
  const policy::Principal& principal = *caller->principal;
  if (IsAdminPath(head.path())) {
    if (!co_await shared.parts.admin(exchange, principal)) {
      co_await RefuseEarly(shard, exchange, shape, NoRoute(head));
    }
    co_return;
  }
  if (!matched.route) co_return co_await RefuseEarly(shard, exchange, shape, NoRoute(head));
  const Result<void> allowed = Authorize(principal, matched.route->operation);
  if (!allowed.ok()) {
    co_return co_await RefuseEarly(shard, exchange, *matched.protocol, allowed.error());
  }
  if (matched.route->operation == protocols::Operation::kManageModels) {
    if (shared.parts.manage) co_return co_await shared.parts.manage(exchange);
    co_return co_await RefuseEarly(shard, exchange, shape, NoRoute(head));
  }
  if (protocols::IsForAModel(matched.route->operation)) {
    co_return co_await Run(shared, shard, exchange, *matched.protocol, client, *matched.route,
                           *caller);
  }
  if (protocols::IsOfStored(matched.route->operation)) {
    co_return co_await Stored(shared, exchange, *matched.protocol, *matched.route, client.query,
                              principal);
  }
  co_await AnswerModels(shared, shard, exchange, *matched.protocol, *matched.route, principal);
}

}  // namespace tidegate::gateway
