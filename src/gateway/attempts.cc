// Phases 11 to 15: the plan's attempts, one after the other, each with its own reservation and its
// own privacy check.
#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "base/check.h"
#include "core/beginnings.h"
#include "core/model_defaults.h"
#include "dispatch/attempt.h"
#include "gateway/answer.h"
#include "gateway/call.h"
#include "gateway/fit.h"
#include "gateway/limits.h"
#include "gateway/render_prompt.h"
#include "net/callback.h"
#include "obs/log.h"
#include "plan/window.h"

namespace tidegate::gateway {
namespace {

using core::AttemptOutcome;
using core::AttemptRecord;

// One attempt while it runs.
struct Running {
  std::size_t deployment;
  const plan::Estimate& estimate;
  AttemptRecord record;
  std::int64_t window_tokens = 0;  // of the window that a lease has to have
  bool fit = false;                // it was found not to fit, and what its caller allows is to go
  std::optional<engine::Lease> lease;
  dispatch::Target target;  // filled for leases only
  ledger::Reservation reservation;
  std::optional<core::Request> shortened;  // the request without its oldest messages
};

std::int64_t SinceArrivalUs(const Call& call) {
  return (net::MonotonicNow() - call.exchange.arrived_nanos()) / 1'000;
}

ledger::ReserveRequest ReservationOf(const Call& call, const Running& running,
                                     std::uint32_t number) {
  const core::Deployment& deployment = call.inventory->deployments()[running.deployment];
  return {call.record.id,   call.principal->name,        running.record.model,
          deployment.place, running.estimate.worst_cost, number};
}

// Only where the money has to be set aside by a commit first.
net::Task<Result<ledger::Reservation>> WaitForReservation(Call& call,
                                                          ledger::ReserveRequest request) {
  return net::AwaitCallback<Result<ledger::Reservation>>(
      call.exchange.shard(), [&call, request](auto done) {
        call.shared.parts.books.ledger().Reserve(request, std::move(done));
      });
}

// Without usage from the provider, or with one that cannot be (its decoder marks it as estimated),
// the tokens are counted from what was seen, never beyond what was reserved for.
core::Usage EstimateUsage(const Call& call, const dispatch::AttemptResult& result) {
  core::Usage usage = result.usage.value_or(core::Usage());
  usage.estimated = true;
  usage.input_tokens = std::max(usage.input_tokens, call.profile.input_tokens_estimate);
  usage.output_tokens =
      std::max(usage.output_tokens,
               (result.content_bytes + kEstimateBytesPerToken - 1) / kEstimateBytesPerToken);
  return usage;
}

// Phase 15. Every way an attempt can end has one settlement:
//   an answer, whole or in part: the usage that was reported, else our estimate from what was seen;
//   an error status: nothing, since providers do not charge for it;
//   no connection: nothing, since nothing was sent;
//   silence after sending: the whole reservation, since nobody knows what the provider did.
void Settle(Call& call, Running& running, const dispatch::AttemptResult& result) {
  const core::Deployment& deployment = call.inventory->deployments()[running.deployment];
  ledger::Ledger& ledger = call.shared.parts.books.ledger();
  AttemptRecord& record = running.record;
  if (!result.dispatched) {
    if (!running.reservation.dispatched()) return ledger.Void(std::move(running.reservation));
    return ledger.Settle(std::move(running.reservation), {});  // it was marked before there was one
  }
  ledger::Settlement settlement;
  const bool error_status = result.upstream_status >= 300;
  const bool answered = result.upstream_status / 100 == 2;
  if (answered &&
      (result.usage || result.outcome == AttemptOutcome::kOk || result.content_bytes > 0)) {
    const bool reported = result.usage && !result.usage->estimated;
    settlement.usage = reported ? *result.usage : EstimateUsage(call, result);
    if (deployment.prices)
      settlement.actual = CostOf(settlement.usage, *deployment.prices, result.requests);
    if (settlement.usage.estimated)
      settlement.actual = std::min(settlement.actual, running.estimate.worst_cost);
  } else if (!error_status) {
    settlement.assumed = true;
    settlement.actual = running.estimate.worst_cost;
  }
  record.usage = settlement.usage;
  record.cost = settlement.actual;
  record.assumed = settlement.assumed;
  ledger.Settle(std::move(running.reservation), settlement);
}

ModelCells& CellsOf(const Call& call, std::size_t deployment) {
  return call.inventory->series(deployment)->On(call.exchange.shard().index());
}

// What this attempt teaches the planner.
void Learn(Call& call, const Running& running, const dispatch::AttemptResult& result) {
  Inventory& inventory = *call.inventory;
  if (result.outcome == AttemptOutcome::kOk) {
    inventory.breaker(running.deployment).Succeeded();
    if (call.request.readying != core::Readying::kNone) return;  // nothing was generated
    if (call.work && !call.work->Teaches()) return;
    if (running.lease && result.usage && result.usage->draft_tokens > 0) {
      inventory.engine()->NoteDrafts(inventory.route(running.deployment).engine_model,
                                     result.usage->draft_tokens,
                                     result.usage->draft_accepted_tokens);
    }
    inventory.estimator().Observe(
        running.deployment, {.prompt_tokens = call.profile.input_tokens_estimate,
                             .ttft_us = result.ttft_nanos / 1'000,
                             .generation_us = (result.total_nanos - result.ttft_nanos) / 1'000,
                             .output_tokens = result.usage ? result.usage->output_tokens : 0});
  } else if (result.error &&
             inventory.breaker(running.deployment).Failed(net::MonotonicNow(), *result.error)) {
    CellsOf(call, running.deployment).breaker_opened.Add();
    call.shard.live.Invalidate();
    obs::Log(obs::Level::kWarning, "{} is left alone for a while: {}", running.record.model,
             Describe(*result.error));
  }
}

void Fill(AttemptRecord& record, const dispatch::AttemptResult& result) {
  record.outcome = result.dispatched ? result.outcome : AttemptOutcome::kNotSent;
  record.upstream_status = result.upstream_status;
  record.ttft_us = result.ttft_nanos / 1'000;
  record.total_us = result.total_nanos / 1'000;
  record.bytes_sent = result.bytes_sent;
  record.bytes_received = result.bytes_received;
  if (result.error) record.error = Describe(*result.error);
}

// The target behind an engine's lease, which may mean waiting for a model to load.
net::Task<Result<void>> LeaseEngine(Call& call, Running& running) {
  const Route& route = call.inventory->route(running.deployment);
  Result<engine::Lease> lease = co_await call.inventory->engine()->Acquire(
      call.exchange.shard(), route.engine_model, call.exchange.cancel(),
      ClaimOf(call, running.window_tokens));
  if (!lease.ok()) co_return std::move(lease).error();
  running.lease.emplace(*std::move(lease));
  if (call.effective.keep_alive_nanos) {
    call.inventory->engine()->KeepAlive(route.engine_model, *call.effective.keep_alive_nanos);
  }
  const engine::Endpoint& endpoint = running.lease->endpoint();
  running.target = route.target;
  running.target.origin = endpoint.origin;
  if (endpoint.peer_pid != 0) {
    call.shard.client.ExpectPeer(endpoint.origin, endpoint.peer_pid);
  }
  running.target.fields =
      Secret(fmt::format("authorization: {}\r\n", endpoint.authorization.Reveal()));
  co_return Result<void>();
}

// A broken connection to an engine says nothing to a caller: what became of its process does, and
// when to come back.
net::Task<void> ExplainEnd(Call& call, const Running& running, dispatch::AttemptResult& result) {
  const auto broke = [&] {
    return result.error && result.error->source == ErrorSource::kUpstream &&
           (result.error->code == ErrorCode::kUnavailable ||
            result.error->code == ErrorCode::kProtocol) &&
           result.upstream_status < 300;
  };
  if (!broke()) co_return;
  const std::optional<engine::ProcessEnd> end = co_await call.inventory->engine()->WhyEnded(
      call.exchange.shard(), running.lease->endpoint(), call.exchange.cancel());
  if (!end) co_return;
  Error error = Unavailable(
      ErrorSource::kEngine,
      fmt::format("{}: its engine {} before {}; it starts again by itself, so send the request "
                  "again in {} s",
                  running.target.name, end->how,
                  result.committed ? "the answer was complete" : "it answered",
                  end->retry_after_s));
  error.retry = Retry::kOtherTarget;
  error.reason = "engine_crashed";
  error.retry_after_s = end->retry_after_s;
  error.cause = std::make_shared<const Error>(*std::move(result.error));
  result.error = std::move(error);
}

protocols::UpstreamOptions OptionsFor(const Call& call, const Running& running) {
  const core::Deployment& deployment = call.inventory->deployments()[running.deployment];
  const Route& route = call.inventory->route(running.deployment);
  protocols::UpstreamOptions options;
  options.model = running.lease ? std::string_view(running.lease->endpoint().model)
                  : deployment.upstream_model.empty() ? std::string_view(deployment.ref.model)
                                                      : std::string_view(deployment.upstream_model);
  // The engine notices that nobody listens any more only while it streams, so it always does.
  options.force_stream = running.lease.has_value();
  options.want_stream_usage = deployment.capabilities.Has(core::Capability::kStreamUsage);
  options.dialect = &route.dialect;
  options.passes_unknown_fields = deployment.capabilities.Has(core::Capability::kVendorFields);
  options.output_tokens_limit = running.estimate.output_tokens_limit;
  options.output_tokens_max = deployment.output_tokens_max;
  options.fill_in = deployment.fill_in;
  options.cuts_here = running.lease.has_value();
  return options;
}

core::Protocol SpokenTo(const Call& call, const core::Deployment& deployment) {
  if (call.work) {
    if (const std::optional<core::Protocol> spoken = call.work->Spoken(deployment)) return *spoken;
  }
  if (deployment.Speaks(call.protocol.id())) return call.protocol.id();
  const core::CapabilitySet needs = call.profile.needs;
  const bool a_text =
      needs.Has(core::Capability::kRawPrompt) || needs.Has(core::Capability::kInsert);
  return a_text && deployment.Speaks(core::Protocol::kOpenAiCompletions)
             ? core::Protocol::kOpenAiCompletions
             : deployment.protocol;
}

Result<protocols::UpstreamRequest> Encode(const Call& call, const Running& running,
                                          const protocols::Protocol& upstream) {
  const protocols::UpstreamOptions options = OptionsFor(call, running);
  if (call.work) return call.work->Encode(upstream, options);
  const core::Deployment& deployment = call.inventory->deployments()[running.deployment];
  const core::Request& request = running.shortened ? *running.shortened : call.request;
  if (!deployment.defaults && !NeedsRendering(request, upstream.id())) {
    return upstream.EncodeRequest(request, options);
  }
  core::Request changed =
      deployment.defaults ? core::WithDefaults(request, *deployment.defaults) : request;
  if (NeedsRendering(changed, upstream.id())) TIDEGATE_TRY(RenderPrompt(changed));
  return upstream.EncodeRequest(changed, options);
}

// Leaves out of the request what does not fit the leased process.
net::Task<Result<void>> Fit(Call& call, Running& running) {
  const core::Deployment& deployment = call.inventory->deployments()[running.deployment];
  const engine::Endpoint& endpoint = running.lease->endpoint();
  const Process process{running.target, call.inventory->route(running.deployment).dialect,
                        endpoint.model, endpoint.context_tokens, deployment.defaults.get()};
  if (call.work) {
    Result<std::int64_t> cut = co_await CutToFit(call, process);
    if (!cut.ok()) co_return std::move(cut).error();
    running.record.cut_texts = *cut;
    co_return Result<void>();
  }
  Result<Shortened> shortened = co_await ShortenToFit(call, process);
  if (!shortened.ok()) co_return std::move(shortened).error();
  running.record.dropped_messages = shortened->dropped;
  running.shortened = std::move(shortened->request);
  co_return Result<void>();
}

// Phase 11 and 12 for one attempt. Whatever happens is in `running.record` and in the result.
net::Task<dispatch::AttemptResult> RunOne(Call& call, Running& running, std::uint32_t number,
                                          Answer& answer) {
  const auto not_sent = [](Error error) {
    dispatch::AttemptResult result;
    result.error = std::move(error);
    return result;
  };
  const Route& route = call.inventory->route(running.deployment);
  const bool leased = !route.engine_model.empty();
  if (leased) {
    Result<void> lease = co_await LeaseEngine(call, running);
    if (!lease.ok()) co_return not_sent(std::move(lease).error());
  }
  if (running.fit) {
    Result<void> fitted = co_await Fit(call, running);
    if (!fitted.ok()) co_return not_sent(std::move(fitted).error());
  }
  const dispatch::Target& target = leased ? running.target : route.target;
  ledger::Ledger& ledger = call.shared.parts.books.ledger();
  const ledger::ReserveRequest request = ReservationOf(call, running, number);
  std::optional<Result<ledger::Reservation>> reserved = ledger.TryReserve(request);
  if (!reserved) reserved = co_await WaitForReservation(call, request);
  if (!reserved->ok()) co_return not_sent(std::move(*reserved).error());
  running.reservation = **std::move(reserved);
  running.record.reserved = running.estimate.worst_cost;

  const core::Deployment& deployment = call.inventory->deployments()[running.deployment];
  const protocols::Protocol& upstream = protocols::Get(SpokenTo(call, deployment));
  Result<protocols::UpstreamRequest> encoded = Encode(call, running, upstream);
  if (!encoded.ok()) co_return not_sent(std::move(encoded).error());
  Result<privacy::Cleared> cleared =
      privacy::Clear(call.label, target.place, std::move(encoded->body.pieces));
  if (!cleared.ok()) co_return not_sent(std::move(cleared).error());
  running.record.egress = cleared->egress();
  co_await net::Turn::At(call.exchange.shard().turn(), net::Stage::kSend);
  if (call.exchange.cancel().cancelled()) co_return not_sent(call.exchange.cancel().MakeError());

  std::unique_ptr<dispatch::BodyReader> reader;
  if (call.work) reader = call.work->NewReader(upstream, call.record.id);
  ledger.MarkDispatched(running.reservation);
  const dispatch::Signing signing{call.shared.parts.clock, call.shard.signing_keys};
  const dispatch::AttemptInput input{.request = call.request,
                                     .client = call.protocol,
                                     .upstream = upstream,
                                     .target = target,
                                     .id = call.record.id,
                                     .created_s = call.record.wall_nanos / net::kSecond,
                                     .arrived_nanos = call.exchange.arrived_nanos(),
                                     .path = encoded->path,
                                     .fields = encoded->fields,
                                     .accept = encoded->accept,
                                     .streaming = encoded->streaming,
                                     .hide_stream_usage = encoded->hide_stream_usage,
                                     .free = running.estimate.worst_cost.nanodollars == 0,
                                     .signing = &signing,
                                     .reader = reader.get()};
  dispatch::AttemptResult result = co_await dispatch::RunAttempt(
      call.shard.client, input, *std::move(cleared), answer, call.exchange.cancel());
  if (leased) co_await ExplainEnd(call, running, result);
  co_return result;
}

// What the caller is told when every attempt has failed.
Error FinalError(Error last, std::size_t targets) {
  const bool ours =
      last.source == ErrorSource::kUpstream &&
      (last.code == ErrorCode::kUnauthenticated || last.code == ErrorCode::kPermissionDenied);
  if (ours) {  // our key was refused, not the caller's
    last.code = ErrorCode::kUnavailable;
    last.reason = "provider_key_refused";
  }
  if (targets > 1)
    last.message = fmt::format("all {} targets failed; the last: {}", targets, last.message);
  return last;
}

// An answer of our own, in the stead of a target's.
net::Task<Result<void>> RespondEstimate(Call& call, std::string body) {
  std::string fields = "content-type: application/json\r\n";
  AppendDecisionFields(call, nullptr, false, fields);
  net::AppendField(fields, "tidegate-token-count", "estimated");
  call.record.status = 200;
  co_return co_await call.exchange.Respond(200, fields, body);
}

// Whether the next attempt may be tried after `error`.
bool MayGoOn(const Call& call, const Error& error) {
  if (call.exchange.cancel().cancelled()) return false;
  if (error.code == ErrorCode::kBudgetExceeded) {
    return call.effective.on_over_budget.value_or(core::OnOverBudget::kDegrade) ==
           core::OnOverBudget::kDegrade;
  }
  return error.retry != Retry::kNever || error.source != ErrorSource::kUpstream;
}

// How to ask the same target once more.
struct Again {
  std::int64_t window_tokens = 0;  // 0 = not at all
  bool fit = false;
};

// The engine counted the prompt and found it too long for the window that the estimate had asked
// for: it is tried in one twice as large; where there is none, without what may be left out.
Again AskAgain(const Call& call, const Running& running, const core::Deployment& deployment,
               const dispatch::AttemptResult& result) {
  if (!running.lease || !result.error || result.committed) return {};
  if (result.error->reason != "context_length_exceeded") return {};
  const std::int64_t window = running.lease->endpoint().context_tokens;
  if (window <= 0) return {};
  if (window < deployment.window_max()) {
    const bool last = window > deployment.window_max() / 2;
    return {last ? deployment.window_max() : 2 * window, running.fit};
  }
  if (running.fit || !MayFit(call)) return {};
  return {window, true};
}

// Saturating: how often comes from the upstream.
Money Times(Money price, std::int64_t times) {
  std::int64_t product = 0;
  const bool overflow = __builtin_mul_overflow(price.nanodollars, times, &product);
  return overflow ? Money::Max() : Money{product};
}

// Whether what is asked may outlive the process that answers it, encrypted (engine/slot_keeper.h).
bool MayBeKept(const Call& call) {
  return call.effective.retention.value_or(core::Retention::kAny) !=
             core::Retention::kZeroDataRetention &&
         call.effective.cache != core::CacheMode::kOff;
}

engine::Priority PriorityOf(core::Priority priority) {
  switch (priority) {
    case core::Priority::kInteractive:
      return engine::Priority::kInteractive;
    case core::Priority::kNormal:
      return engine::Priority::kNormal;
    case core::Priority::kBackground:
      return engine::Priority::kBatch;
  }
  return engine::Priority::kNormal;
}

}  // namespace

void AddRemedy(const Call& call, Error& error) {
  const std::string_view remedy = call.asked().cut_remedy;
  if (remedy.empty() || error.reason != "context_length_exceeded") return;
  error.message += fmt::format(". With {} what does not fit is left out", remedy);
}

engine::Claim ClaimOf(const Call& call, std::int64_t window_tokens) {
  const core::Priority priority = call.effective.priority.value_or(core::Priority::kNormal);
  engine::Claim claim(PriorityOf(priority), call.principal->name);
  claim.context_tokens = window_tokens;
  claim.may_be_kept = MayBeKept(call);
  if (claim.may_be_kept && call.inventory->engine()->KeepsConversations()) {
    claim.conversation = core::BeginningsOf(call.request);
  }
  return claim;
}

Money CostOf(const core::Usage& usage, const core::Prices& prices, std::int64_t requests) {
  const std::int64_t read = std::min(usage.cached_read_tokens, usage.input_tokens);
  const std::int64_t written = std::min(usage.cached_write_tokens, usage.input_tokens - read);
  return Cost(usage.input_tokens - read - written, prices.input) + Cost(read, prices.cached_read) +
         Cost(written, prices.cached_write) + Cost(usage.output_tokens, prices.output) +
         Times(prices.per_request, requests);
}

void AppendDecisionFields(const Call& call, const AttemptRecord* attempt, bool emulated,
                          std::string& out) {
  net::AppendField(out, "tidegate-decision", call.record.id.ToString());
  if (attempt == nullptr) {
    return net::AppendField(out, "tidegate-egress", core::ToString(call.record.Left()));
  }
  net::AppendField(out, "tidegate-place", core::ToString(attempt->place));
  net::AppendField(out, "tidegate-model", attempt->model);
  net::AppendField(out, "tidegate-egress",
                   core::ToString(std::max(call.record.Left(), attempt->egress)));
  if (emulated) net::AppendField(out, "tidegate-emulated", "true");
  if (attempt->dropped_messages > 0) {
    net::AppendField(out, "tidegate-dropped-messages", std::to_string(attempt->dropped_messages));
  }
  if (attempt->cut_texts > 0) {
    net::AppendField(out, "tidegate-cut-texts", std::to_string(attempt->cut_texts));
  }
}

net::Task<Result<void>> RunAttempts(Call& call) {
  std::optional<Error> last;
  std::uint32_t number = 0;
  std::size_t targets = 0;
  Again again;
  for (std::size_t i = 0; i < call.plan.attempts.size();) {
    const plan::Attempt& planned = call.plan.attempts[i];
    const core::Deployment& deployment = call.inventory->deployments()[planned.deployment];
    if (call.work && !call.work->CanAsk(deployment)) {
      ++i;
      continue;
    }
    if (last && again.window_tokens == 0)
      call.shard.counts.fallbacks[static_cast<std::size_t>(last->code)].Add();
    Running running{
        planned.deployment, planned.estimate, {}, again.window_tokens, again.fit, {}, {}, {}, {}};
    if (again.window_tokens == 0) {
      running.window_tokens = plan::WindowNeeded(deployment, call.profile, call.effective);
    }
    running.record.model = deployment.ref.ToString();
    running.record.place = deployment.place;
    running.record.started_us = SinceArrivalUs(call);
    Answer answer(call, deployment, running.record);
    dispatch::AttemptResult result = co_await RunOne(call, running, number++, answer);
    Fill(running.record, result);
    if (running.reservation.active()) Settle(call, running, result);
    Learn(call, running, result);
    call.tried = planned.deployment;
    CellsOf(call, planned.deployment).CountAttempt(running.record);
    call.record.attempts.push_back(std::move(running.record));
    again = AskAgain(call, running, deployment, result);
    if (again.window_tokens == 0) {
      ++i;
      ++targets;
    }
    if (result.outcome == AttemptOutcome::kOk) {
      call.record.status = 200;
      co_return Result<void>();
    }
    last =
        result.error ? *std::move(result.error) : Internal("an attempt failed without saying why");
    if (result.committed) {
      call.shard.counts.CountError(*last);
      co_await answer.EndBroken(*last);
      call.record.status =
          last->code == ErrorCode::kCancelled ? HttpStatus(ErrorCode::kCancelled) : 200;
      call.record.error = Describe(*last);
      co_return Result<void>();
    }
    call.rate_limits = std::move(result.rate_limits);
    if (!MayGoOn(call, *last)) break;
  }
  if (call.work) {
    if (const std::optional<std::string> made = call.work->WithoutTarget(last)) {
      co_return co_await RespondEstimate(call, *made);
    }
  }
  CHECK(last.has_value());  // there was a first attempt
  AddRemedy(call, *last);
  co_return FinalError(*std::move(last), targets);
}

}  // namespace tidegate::gateway
