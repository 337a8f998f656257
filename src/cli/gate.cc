#include "cli/gate.h"

#include <algorithm>

#include "cli/progress.h"

namespace tidegate::cli {
namespace {

// A key becomes a header field: a line break in it would become another one.
Result<void> CheckKey(const Secret& key) {
  const std::string_view bytes = key.Reveal();
  const bool fits =
      std::all_of(bytes.begin(), bytes.end(), [](char c) { return c > ' ' && c < 127; });
  if (fits) return Result<void>();
  return Error{ErrorCode::kUnauthenticated, ErrorSource::kCaller, Retry::kNever,
               "TIDEGATE_API_KEY holds blanks or control characters; is it the whole key and "
               "nothing else?"};
}

}  // namespace

Result<std::unique_ptr<Gate>> Gate::Find(Context& context, WhenAbsent when_absent) {
  const Secret& key = context.console.environment.api_key;
  TIDEGATE_TRY(CheckKey(key));
  std::string host = context.arguments.Text("--host");
  if (host.empty()) host = context.console.environment.host;
  const bool named = !host.empty();
  TIDEGATE_ASSIGN(net::Url at, ParseHost(named ? host : context.services.default_host()));
  std::unique_ptr<Gate> gate(new Gate());
  gate->client_ = std::make_unique<GateClient>(std::move(at), key);
  if (named || when_absent == WhenAbsent::kFail) return gate;
  // Any answer at all, also a refusal, means that a gate is there.
  const Result<std::string> probe = gate->client_->Get("/tidegate/policy/fields");
  if (probe.ok() || probe.error().reason != kReasonNoGate) return gate;
  Spinner spinner(context.console, "starting a gate");
  TIDEGATE_ASSIGN(GateHandle started, context.services.start_gate());
  gate->stop_ = std::move(started.stop);
  gate->client_ = std::make_unique<GateClient>(net::Url{started.origin, ""}, key);
  return gate;
}

Gate::~Gate() {
  client_.reset();
  if (stop_) stop_();
}

}  // namespace tidegate::cli
