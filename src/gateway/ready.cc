// Requests that ask for no answer but that a model be ready, or be let go.
#include "gateway/call.h"
#include "net/server.h"
#include "plan/window.h"

namespace tidegate::gateway {
namespace {

const core::Deployment& Preferred(const Call& call) {
  return call.inventory->deployments()[call.plan.attempts.front().deployment];
}

// Waits until the model serves, then gives the lease back at once.
net::Task<Result<void>> Load(Call& call, const std::string& model) {
  Result<engine::Lease> lease = co_await call.inventory->engine()->Acquire(
      call.exchange.shard(), model, call.exchange.cancel(),
      ClaimOf(call, plan::WindowAsked(call.profile, call.effective)));
  if (!lease.ok()) co_return std::move(lease).error();
  if (call.effective.keep_alive_nanos) {
    call.inventory->engine()->KeepAlive(model, *call.effective.keep_alive_nanos);
  }
  co_return Result<void>();
}

Error PinnedError(const std::string& model) {
  return {
      ErrorCode::kConflict, ErrorSource::kCaller, Retry::kNever,
      "\"" + model + "\" is pinned and stays in memory; 'tidegate unpin " + model + "' lets it go"};
}

}  // namespace

bool PassesOn(const Call& call) { return Preferred(call).protocol == call.protocol.id(); }

// What no engine of ours runs is always ready, and nobody here can let go of it.
net::Task<Result<void>> ReadyModel(Call& call) {
  const std::string& model =
      call.inventory->route(call.plan.attempts.front().deployment).engine_model;
  const bool unload = call.request.readying == core::Readying::kUnload;
  if (!model.empty() && unload) {
    if (call.inventory->engine()->pinned(model)) co_return PinnedError(model);
    call.inventory->engine()->KeepAlive(model, 0);
  } else if (!model.empty()) {
    Result<void> loaded = co_await Load(call, model);
    if (!loaded.ok()) co_return loaded;
  }
  const std::int64_t now_s = call.record.wall_nanos / net::kSecond;
  const std::string body = call.protocol.EncodeReadied(call.request, now_s);
  std::string fields = "content-type: application/json\r\n";
  AppendDecisionFields(call, nullptr, false, fields);
  call.record.status = 200;
  co_return co_await call.exchange.Respond(200, fields, body);
}

}  // namespace tidegate::gateway
