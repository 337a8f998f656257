// Phases 3 to 10: from bytes to a plan. Everything here but reading the body is a pure function of
// what came before.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/ascii.h"
#include "gateway/call.h"
#include "gateway/limits.h"
#include "plan/window.h"
#include "policy/fields.h"
#include "protocols/media_field.h"

namespace tidegate::gateway {
namespace {

constexpr std::string_view kFieldPrefix = "tidegate-";

// The constraints that stand in `tidegate-<field>` header fields.
Result<bool> ReadHeaderConstraints(const net::HttpHead& head, core::Constraints& out) {
  bool any = false;
  for (std::size_t i = 0; i < head.fields(); ++i) {
    const std::string_view name = head.name(i);
    if (name.size() <= kFieldPrefix.size() ||
        !EqualsIgnoreCase(name.substr(0, kFieldPrefix.size()), kFieldPrefix)) {
      continue;
    }
    const std::string field = ToLower(name.substr(kFieldPrefix.size()));
    TIDEGATE_TRY(policy::ApplyText(out, field, head.value(i), name));
    any = true;
  }
  return any;
}

// An explicit name rules out everything else by its name alone: that is no news to anybody who
// explains a decision.
std::size_t RejectedWorthTelling(const plan::Plan& plan) {
  const auto count = std::count_if(
      plan.candidates.begin(), plan.candidates.end(), [](const plan::Candidate& candidate) {
        return candidate.rejected && candidate.reason != core::RejectReason::kModelName;
      });
  return std::min(static_cast<std::size_t>(count), kRejectedRecordedMax);
}

// The policy that a caller asks for by naming it as the model, with Ollama's default tag or
// without.
auto FindPolicy(const GatewayParts& parts, std::string_view model) {
  const auto exact = parts.policies.find(model);
  return exact != parts.policies.end() ? exact
                                       : parts.policies.find(plan::WithoutDefaultTag(model));
}

// The field in which the caller asks for a window, if that asks for more than the prompt takes.
std::string WindowField(const Call& call) {
  const std::int64_t asked = plan::WindowAsked(call.profile, call.effective);
  if (asked <= plan::WindowEstimate(call.profile)) return "";
  if (asked == call.profile.window_tokens) return "options.num_ctx";
  const bool in_body = asked == call.asked().constraints.require_context_tokens;
  return in_body ? "tidegate.require_context_tokens" : "require_context_tokens";
}

// What the candidates that bear the asked name lack.
core::CapabilitySet Missing(const Call& call, const plan::Input& input) {
  core::CapabilitySet missing;
  for (const plan::Candidate& candidate : call.plan.candidates) {
    if (candidate.reason != core::RejectReason::kCapability) continue;
    const core::Deployment& deployment = input.deployments[candidate.deployment];
    missing = missing.Union(deployment.capabilities.Missing(call.profile.needs));
  }
  return missing;
}

// With the field of the request that nobody can be sent, if that is what keeps it from being sent.
Error NoCandidate(const Call& call, const plan::Input& input) {
  Error error = plan::NoCandidateError(input, call.plan);
  if (error.reason == "context_length_exceeded") {
    error.field = WindowField(call);
    AddRemedy(call, error);
  } else if (error.reason == core::ToString(core::RejectReason::kCapability)) {
    const core::CapabilitySet missing = Missing(call, input);
    error.field = protocols::MediaField(call.request, missing);
    if (missing.Has(core::Capability::kRawPrompt)) {
      error.field = call.request.prompt_template.empty() ? "raw" : "template";
    }
    if (missing.Has(core::Capability::kInsert)) error.field = "suffix";
    if (error.field.empty()) error.field = call.asked().vendor_field;
  }
  return error;
}

}  // namespace

Result<void> RequireJson(const net::HttpHead& head) {
  const auto type = head.Find("content-type");
  if (!type) return {};
  const std::string_view essence = net::Trim(type->substr(0, type->find(';')));
  if (EqualsIgnoreCase(essence, "application/json")) return {};
  return InvalidArgument("Content-Type", "send the body as application/json");
}

void Call::KeepHead() {
  method = head.method;
  path = head.path;
  query = head.query;
  head = {method, path, query, head.fields};
  route = *protocol.Match(head);
}

net::Task<Result<void>> Decode(Call& call) {
  Result<void> json = RequireJson(call.exchange.head());
  if (!json.ok()) co_return std::move(json).error();
  const std::size_t size_max = call.shared.parts.body_bytes_max;
  std::optional<Result<std::string_view>> read;
  if (call.body) {
    read = *call.body;
  } else {
    read = call.exchange.ReadBodyNow(size_max);
  }
  if (!read) {
    call.KeepHead();
    read = co_await call.exchange.ReadBody(size_max);
  }
  Result<std::string_view>& body = *read;
  if (!body.ok()) co_return std::move(body).error();
  call.body = *body;
  const protocols::ConstraintParser& parser = call.shared.parts.constraint_parser;
  const protocols::Operation operation = call.route.operation;
  if (operation == protocols::Operation::kChat || operation == protocols::Operation::kCountTokens) {
    Result<core::Request> request =
        call.protocol.DecodeRequest(call.head, call.route, *body, parser);
    if (!request.ok()) co_return std::move(request).error();
    call.request = std::move(*request);
  } else {
    Result<std::unique_ptr<Work>> work = DecodeWork(call.protocol, call.route, *body, parser);
    if (!work.ok()) co_return std::move(work).error();
    call.work = *std::move(work);
  }
  if (!call.request.previous_id.empty() || !call.request.references.empty()) {
    Result<void> recalled = co_await Recall(call);
    if (!recalled.ok()) co_return recalled;
  }
  if (operation == protocols::Operation::kCountTokens) {
    call.work = CountTokens(call.protocol, call.request);
  }
  call.record.asked_model = call.asked().model;
  call.record.stream = call.request.stream;
  co_return Result<void>();
}

Result<void> Constrain(Call& call) {
  const GatewayParts& parts = call.shared.parts;
  core::Constraints headers;
  TIDEGATE_ASSIGN(const bool has_headers, ReadHeaderConstraints(call.exchange.head(), headers));
  call.planned_model = call.asked().model;
  const auto named = FindPolicy(parts, call.asked().model);
  if (named != parts.policies.end()) call.planned_model = "auto";
  const core::Constraints by_name = plan::ConstraintsOfModelName(call.planned_model);

  std::array<policy::Source, 8> sources;
  std::size_t count = 0;
  sources[count++] = {"request", &call.asked().constraints};
  if (has_headers) sources[count++] = {"header", &headers};
  // What was said before goes no further than it might when it was said.
  if (!call.recalled_body.empty()) sources[count++] = {"conversation", &call.recalled};
  sources[count++] = {"model name", &by_name};
  if (named != parts.policies.end()) sources[count++] = {"named policy", &named->second};
  sources[count++] = {"key", &call.principal->constraints};
  const auto policy = parts.policies.find(call.principal->policy);
  if (policy != parts.policies.end()) sources[count++] = {"policy", &policy->second};
  sources[count++] = {"defaults", &parts.defaults};
  call.effective = policy::Merge(std::span(sources.data(), count)).constraints;

  call.label = privacy::ComputeLabel(call.effective, privacy::Findings{});
  call.record.privacy = call.label.level;
  call.record.allowed = call.effective.place.value_or(core::PlaceSet::All())
                            .Intersect(call.label.places)
                            .Intersect(call.principal->places);
  call.record.session = call.effective.session;
  call.record.run = call.effective.run;
  call.record.tags = call.effective.tags;
  if (call.effective.deadline_ms) {
    call.exchange.SetDeadline(call.exchange.arrived_nanos() +
                              *call.effective.deadline_ms * net::kMillisecond);
  }
  return {};
}

Result<void> MakePlan(Call& call) {
  const std::int64_t begun = net::MonotonicNow();
  GatewayParts& parts = call.shared.parts;
  call.profile = call.work ? call.work->Profile() : profile::Compute(call.request);
  call.record.difficulty = call.profile.difficulty;
  call.record.input_tokens_estimate = call.profile.input_tokens_estimate;
  call.record.output_tokens_estimate = call.profile.output_tokens_estimate;
  const Money left =
      parts.books.ledger().Remaining(call.principal->name).day.value_or(Money::Max());
  const plan::Input input{call.profile,
                          call.effective,
                          call.label.level,
                          call.label.places,
                          call.planned_model,
                          call.inventory->deployments(),
                          call.shard.live.At(*call.inventory, begun),
                          call.principal->places,
                          left,
                          &call.inventory->names(),
                          call.inventory->engine() == nullptr};
  call.plan = plan::Make(input);
  call.record.candidates =
      plan::ToRecords(input, call.plan, kEligibleRecordedMax, RejectedWorthTelling(call.plan));
  call.record.plan_us = (net::MonotonicNow() - begun) / 1'000;
  if (call.plan.attempts.empty()) return NoCandidate(call, input);
  return {};
}

}  // namespace tidegate::gateway
