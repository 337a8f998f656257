// The plan in words: only for records, dry runs and refusals, so never on the way of a request that
// runs.
#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <string>

#include "base/check.h"
#include "plan/plan.h"
#include "plan/query.h"
#include "plan/rules/fallback.h"
#include "plan/rules/rule.h"
#include "policy/fields.h"

namespace tidegate::plan {
namespace {

using core::RejectReason;

constexpr std::size_t kExamplesMax = 3;          // candidates named in a refusal
constexpr std::size_t kShownNameBytesMax = 128;  // of the asked name in a message

std::string ExplainCase(const Query& query, const Candidate& candidate) {
  if (candidate.reason == RejectReason::kFallback) return ExplainFallback(query);
  const Case judged{query, query.input.deployments[candidate.deployment],
                    query.input.live[candidate.deployment], query.NearnessOf(candidate.deployment),
                    candidate.estimate};
  for (const Rule* rule : Rules()) {
    if (rule->reason == candidate.reason) return rule->explain(judged);
  }
  return {};
}

core::Candidate ToRecord(const Input& input, const Candidate& candidate) {
  const core::Deployment& deployment = input.deployments[candidate.deployment];
  core::Candidate record;
  record.model = deployment.ref.ToString();
  record.place = deployment.place;
  record.rejected = candidate.rejected;
  record.reason = candidate.reason;
  record.score = candidate.score;
  record.estimated_cost = candidate.estimate.cost;
  record.worst_case_cost = candidate.estimate.worst_cost;
  record.estimated_ttft_ms = candidate.estimate.ttft_ms;
  record.estimated_total_ms = candidate.estimate.total_ms;
  record.estimated_quality = candidate.estimate.quality;
  return record;
}

constexpr std::string_view kTurnEngineOn =
    "have this machine run models again (engine.enabled = true in the configuration)";

// What would help, for the reason that stood in the way.
std::string_view Remedy(RejectReason reason, bool engine_off) {
  switch (reason) {
    case RejectReason::kModelName:
      return "ask for one of the models that 'tidegate list' and GET /v1/models show, or for "
             "'auto'";
    case RejectReason::kPlace:
      return "allow another place, or add a model at an allowed one";
    case RejectReason::kPrivacy:
      return engine_off ? kTurnEngineOn : "add a model on the device ('tidegate pull')";
    case RejectReason::kRetention:
      return "add a provider with zero data retention, or a model on the device";
    case RejectReason::kRegion:
      return "add a provider in an allowed region, or state its region in the configuration";
    case RejectReason::kProviderList:
      return "allow another provider";
    case RejectReason::kCapability:
      return "leave out what is lacking, or add a model that can do it";
    case RejectReason::kContext:
      return "shorten the prompt, or add a model with a larger window";
    case RejectReason::kPriceUnknown:
      return "state the price in the provider's configuration";
    case RejectReason::kMaxCost:
      return "raise max_cost_usd, or state max_tokens";
    case RejectReason::kBudget:
      return "wait for the budget's next day, raise it, or add a model on the device";
    case RejectReason::kDeadline:
      return "allow more time";
    case RejectReason::kQuality:
      return "lower min_quality, or add a better model";
    case RejectReason::kUnavailable:
      return "try again later";
    case RejectReason::kFallback:
      return "allow fallback";
    case RejectReason::kKeyPlace:
      return "use a key that may use the place";
  }
  return "";
}

// "a/b: it lacks: tools (capability); c/d: …; and 7 more".
std::string Examples(const Query& query, std::span<const Candidate* const> rejected) {
  std::string text;
  for (std::size_t i = 0; i < std::min(rejected.size(), kExamplesMax); ++i) {
    const Candidate& candidate = *rejected[i];
    if (i > 0) text += "; ";
    text += query.input.deployments[candidate.deployment].ref.ToString() + ": " +
            ExplainCase(query, candidate) + " (" + std::string(core::ToString(candidate.reason)) +
            ")";
  }
  if (rejected.size() > kExamplesMax)
    text += "; and " + std::to_string(rejected.size() - kExamplesMax) + " more";
  return text;
}

Error UnknownModel(const Query& query) {
  std::vector<std::string> refs;
  refs.reserve(query.input.deployments.size());
  for (const core::Deployment& deployment : query.input.deployments)
    refs.push_back(deployment.ref.ToString());
  std::vector<std::string_view> names(kAutoNames.begin(), kAutoNames.end());
  names.insert(names.end(), refs.begin(), refs.end());
  for (const core::Deployment& deployment : query.input.deployments)
    names.push_back(deployment.ref.model);
  const std::string_view near = policy::Nearest(query.name.whole, names);
  std::string message = "no model is named '" +
                        std::string(query.name.whole.substr(0, kShownNameBytesMax)) + "' here; ";
  if (near.empty()) {
    message += Remedy(RejectReason::kModelName, query.input.engine_off);
  } else {
    message += "did you mean '" + std::string(near) + "'?";
  }
  Error error = NotFound(std::move(message));
  error.source = ErrorSource::kCaller;
  error.field = "model";
  error.reason = "model_not_found";
  return error;
}

Error NothingConfigured(bool engine_off) {
  Error error;
  error.code = ErrorCode::kNoCandidate;
  error.message = "no model is configured: set a provider's key (as OPENAI_API_KEY) or ";
  error.message += engine_off ? kTurnEngineOn : "add a model on the device ('tidegate pull')";
  error.reason = "no_models";
  return error;
}

bool IsMoney(RejectReason reason) {
  return reason == RejectReason::kMaxCost || reason == RejectReason::kBudget;
}

// Code and stable word for the reasons found; `all` are the rejected candidates that bear the asked
// name.
void Classify(std::span<const Candidate* const> all, Error& error) {
  const auto every = [&](auto predicate) { return std::all_of(all.begin(), all.end(), predicate); };
  const auto money =
      std::find_if(all.begin(), all.end(), [](const Candidate* c) { return IsMoney(c->reason); });
  error.code = ErrorCode::kNoCandidate;
  error.reason = core::ToString(all.front()->reason);
  if (money != all.end()) {
    error.code = ErrorCode::kBudgetExceeded;
    error.reason = core::ToString((*money)->reason);
  } else if (every([](const Candidate* c) { return c->reason == RejectReason::kContext; })) {
    error.code = ErrorCode::kTooLarge;
    error.source = ErrorSource::kCaller;
    error.reason = "context_length_exceeded";
  } else if (every([](const Candidate* c) { return c->reason == RejectReason::kCapability; })) {
    error.code = ErrorCode::kInvalidArgument;
    error.source = ErrorSource::kCaller;
  } else if (every([](const Candidate* c) { return c->reason == RejectReason::kKeyPlace; })) {
    error.code = ErrorCode::kPermissionDenied;
    error.source = ErrorSource::kCaller;
  } else if (std::any_of(all.begin(), all.end(), [](const Candidate* c) {
               return c->reason == RejectReason::kUnavailable;
             })) {
    error.reason = core::ToString(RejectReason::kUnavailable);
  }
}

}  // namespace

std::string Explain(const Input& input, const Candidate& candidate) {
  CHECK(candidate.rejected);
  return ExplainCase(Query(input), candidate);
}

std::vector<core::Candidate> ToRecords(const Input& input, const Plan& plan,
                                       std::size_t eligible_max, std::size_t rejected_max) {
  std::optional<Query> query;  // what explains the rejected, if there are any
  std::vector<core::Candidate> records;
  std::size_t eligible = 0, rejected = 0;
  for (const bool other_names : {false, true}) {
    for (const Candidate& candidate : plan.candidates) {
      if ((candidate.rejected && candidate.reason == RejectReason::kModelName) != other_names)
        continue;
      if (candidate.rejected && rejected++ >= rejected_max) break;
      if (!candidate.rejected && eligible++ >= eligible_max) continue;
      records.push_back(ToRecord(input, candidate));
      if (!candidate.rejected) continue;
      if (!query) query.emplace(input);
      records.back().detail = ExplainCase(*query, candidate);
    }
  }
  return records;
}

Error NoCandidateError(const Input& input, const Plan& plan) {
  CHECK(plan.attempts.empty());
  const Query query(input);
  if (input.deployments.empty()) return NothingConfigured(input.engine_off);
  if (!query.name.automatic && !query.named_exists) return UnknownModel(query);
  std::vector<const Candidate*> rejected;
  for (const Candidate& candidate : plan.candidates) {
    if (candidate.reason != RejectReason::kModelName) rejected.push_back(&candidate);
  }
  CHECK(!rejected.empty());  // what bears the name is rejected for another reason
  // The nearest to being eligible is the most useful to know: the rules are asked in the order of
  // the list.
  const auto progress = [](const Candidate* candidate) {
    const std::span<const Rule* const> rules = Rules();
    return std::find_if(rules.begin(), rules.end(),
                        [&](const Rule* r) { return r->reason == candidate->reason; }) -
           rules.begin();
  };
  std::stable_sort(rejected.begin(), rejected.end(), [&](const Candidate* a, const Candidate* b) {
    return progress(a) > progress(b);
  });
  Error error;
  error.retry = Retry::kNever;
  Classify(rejected, error);
  error.message = "no target may run this request: " + Examples(query, rejected) +
                  ". To change that, " +
                  std::string(Remedy(rejected.front()->reason, input.engine_off)) + ".";
  return error;
}

core::Constraints ConstraintsOfModelName(std::string_view asked_model) {
  const ModelName name = ParseModelName(asked_model);
  core::Constraints constraints;
  if (name.local_only) constraints.privacy = core::Privacy::kLocal;
  if (name.prefer != core::Prefer::kBalanced) constraints.prefer = name.prefer;
  return constraints;
}

}  // namespace tidegate::plan
