#include "gateway/gateway.h"

#include <iterator>

#include <fmt/format.h>

#include "gateway/call.h"
#include "gateway/limits.h"
#include "obs/log.h"

namespace tidegate::gateway {
namespace {

constexpr std::string_view kAdminPrefix = "/tidegate/";

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

net::Task<void> RespondError(net::Exchange& exchange, const protocols::Protocol& protocol,
                             const Error& error, std::string fields) {
  AppendErrorFields(error, fields);
  fields += protocol.ErrorFields(error);
  const std::string body = protocol.EncodeError(error);
  const Result<void> sent = co_await exchange.Respond(StatusOf(protocol, error), fields, body);
  if (!sent.ok())
    obs::Log(obs::Level::kDebug, "an error could not be sent: {}", Describe(sent.error()));
}

// The key as the SDKs send it: a bearer token, or one of two header fields.
std::string_view PresentedKey(const net::HttpHead& head) {
  constexpr std::string_view kBearer = "bearer ";
  if (const auto field = head.Find("authorization")) {
    if (field->size() > kBearer.size() &&
        net::EqualsIgnoreCase(field->substr(0, kBearer.size()), kBearer)) {
      return net::Trim(field->substr(kBearer.size()));
    }
    return *field;
  }
  for (const std::string_view name : {"x-api-key", "api-key"}) {
    if (const auto field = head.Find(name)) return *field;
  }
  return {};
}

Result<const policy::Principal*> Authenticate(const GatewayParts& parts, ShardState& shard,
                                              const net::Exchange& exchange) {
  const std::string_view key = PresentedKey(exchange.head());
  auto& last = shard.last_caller;
  if (last.principal != nullptr && ConstantTimeEqual(last.key.Reveal(), key)) return last.principal;
  TIDEGATE_ASSIGN(const policy::Principal* const principal,
                  parts.keyring.Authenticate(key, parts.trust_callers_without_key));
  if (!key.empty()) {
    last.key = Secret(std::string(key));
    last.principal = principal;
  }
  return principal;
}

void FinishRecord(Call& call) {
  call.record.total_us = (net::MonotonicNow() - call.exchange.arrived_nanos()) / 1'000;
  call.shared.parts.books.log().Record(std::move(call.record));
}

// Phase 16 for a request that failed: the record says why, the caller hears it in its own protocol.
net::Task<void> FailCall(Call& call, Error error) {
  call.record.error = Describe(error);
  if (call.exchange.cancel().cancelled() && error.code == ErrorCode::kCancelled) {
    call.record.status = HttpStatus(ErrorCode::kCancelled);
    co_return FinishRecord(call);
  }
  call.record.status = StatusOf(call.protocol, error);
  std::string fields;
  AppendDecisionFields(call, nullptr, false, fields);
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
  Result<void> step = Admit(call);
  if (step.ok()) step = co_await Decode(call);
  if (step.ok()) step = Constrain(call);
  if (step.ok()) step = MakePlan(call);
  if (!step.ok()) co_return step;
  if (call.effective.dry_run) {
    answered = true;
    co_await AnswerDryRun(call);
    co_return Result<void>();
  }
  co_return co_await RunAttempts(call);
}

net::Task<void> Chat(Shared& shared, ShardState& shard, net::Exchange& exchange,
                     const protocols::Protocol& protocol, const protocols::ClientHead& head,
                     const protocols::Route& route, const policy::Principal& principal) {
  Call call(shared, shard, exchange, protocol, head, route);
  call.principal = &principal;
  call.record.wall_nanos = shared.parts.clock.WallNanos();
  call.record.id = shard.ids.Next(call.record.wall_nanos);
  call.record.principal = principal.name;
  call.record.protocol = core::ToString(protocol.id());
  ++shard.in_flight;
  shared.requests.fetch_add(1, std::memory_order_relaxed);
  shared.in_flight.fetch_add(1, std::memory_order_relaxed);
  bool answered = false;
  Result<void> done = co_await RunPhases(call, answered);
  --shard.in_flight;
  shared.in_flight.fetch_sub(1, std::memory_order_relaxed);
  if (!done.ok()) {
    co_await FailCall(call, std::move(done).error());
  } else if (!answered) {
    FinishRecord(call);
  }
}

// What a caller can write in `model`: the names for the choice itself first, then every deployment.
std::vector<protocols::ModelEntry> ListModels(const Shared& shared, const Inventory& inventory,
                                              const policy::Principal& principal) {
  std::vector<protocols::ModelEntry> models;
  for (const char* name : {"auto", "auto:fast", "auto:cheap", "auto:best", "auto:private"}) {
    models.push_back({name, "tidegate", 0, nullptr});
  }
  for (const auto& [name, constraints] : shared.parts.policies)
    models.push_back({name, "tidegate", 0, nullptr});
  for (const core::Deployment& deployment : inventory.deployments()) {
    if (!principal.places.Has(deployment.place)) continue;
    models.push_back({deployment.ref.ToString(), deployment.ref.provider, 0, &deployment});
  }
  return models;
}

net::Task<void> Models(Shared& shared, ShardState& shard, net::Exchange& exchange,
                       const protocols::Protocol& protocol, const protocols::Route& route,
                       const policy::Principal& principal) {
  const std::shared_ptr<Inventory> inventory = shard.inventory;
  const std::vector<protocols::ModelEntry> models = ListModels(shared, *inventory, principal);
  std::string body;
  if (route.operation == protocols::Operation::kListModels) {
    body = protocol.EncodeModels(models);
  } else {
    for (const protocols::ModelEntry& model : models) {
      if (model.id == route.model) body = protocol.EncodeModel(model);
    }
    if (body.empty()) {
      Error error = NotFound(fmt::format(
          "there is no model '{}' here; GET /v1/models lists what there is", route.model));
      error.reason = "model_not_found";
      co_return co_await RespondError(exchange, protocol, error, "");
    }
  }
  const Result<void> sent =
      co_await exchange.Respond(200, "content-type: application/json\r\n", body);
  if (!sent.ok())
    obs::Log(obs::Level::kDebug, "the models could not be sent: {}", Describe(sent.error()));
}

Error NoRoute(const net::HttpHead& head) {
  Error error = NotFound(fmt::format("{} {} is not served here", head.method(), head.path()));
  error.reason = "unknown_route";
  return error;
}

}  // namespace

Gateway::Gateway(GatewayParts parts, std::shared_ptr<Inventory> inventory)
    : shared_(std::make_unique<Shared>(std::move(parts))) {
  shared_->inventory = inventory;
  for (std::size_t i = 0; i < shared_->parts.shards.size(); ++i) {
    shared_->shards.push_back(
        std::make_unique<ShardState>(shared_->parts.shards[i], shared_->parts, inventory));
  }
}

Gateway::~Gateway() = default;

GatewayStats Gateway::Stats() const {
  return {shared_->requests.load(std::memory_order_relaxed),
          shared_->in_flight.load(std::memory_order_relaxed)};
}

void Gateway::Replace(std::shared_ptr<Inventory> inventory) {
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
  const std::string_view path = head.path();
  if ((path == "/" || path == "/health") && (head.method() == "GET" || head.method() == "HEAD")) {
    const Result<void> sent =
        co_await exchange.Respond(200, "content-type: text/plain\r\n", "Tidegate is running\n");
    if (!sent.ok())
      obs::Log(obs::Level::kDebug, "health could not be sent: {}", Describe(sent.error()));
    co_return;
  }
  const protocols::Protocol& shape = ShapeFor(path);
  ShardState& shard = *shared.shards[exchange.shard().index()];
  const Result<const policy::Principal*> principal = Authenticate(shared.parts, shard, exchange);
  if (!principal.ok()) co_return co_await RespondError(exchange, shape, principal.error(), "");
  if (path.starts_with(kAdminPrefix)) {
    if (!co_await shared.parts.admin(exchange, **principal)) {
      co_await RespondError(exchange, shape, NoRoute(head), "");
    }
    co_return;
  }
  std::optional<std::string> decoded = std::string();
  if (path.find('%') != std::string_view::npos) decoded = net::PercentDecode(path);
  if (!decoded) co_return co_await RespondError(exchange, shape, NoRoute(head), "");
  const std::string_view plain = decoded->empty() ? path : std::string_view(*decoded);
  const HeadFields fields(head);
  const protocols::ClientHead client{head.method(), plain, head.query(), &fields};
  for (const protocols::Protocol* protocol : protocols::All()) {
    const std::optional<protocols::Route> route = protocol->Match(client);
    if (!route) continue;
    if (route->operation == protocols::Operation::kChat) {
      co_return co_await Chat(shared, shard, exchange, *protocol, client, *route, **principal);
    }
    co_return co_await Models(shared, shard, exchange, *protocol, *route, **principal);
  }
  co_await RespondError(exchange, shape, NoRoute(head), "");
}

}  // namespace tidegate::gateway
