// Which deployments may run a request, in which order, and why not the others.
//
// Two steps that stay apart: rules filter, each giving the reason of its rejection; a score orders
// what is left. No weight can make up for a broken rule. All of it is a pure function of its input,
// so a decision can be replayed from its record.
//
// Model names. "auto" (or none) leaves the choice to the plan; "auto:fast", "auto:cheap",
// "auto:best" prefer latency, cost, quality, and "auto:private" is auto with privacy "local".
// Everything else names a model: "provider/model", or a model alone, wherever it is. An explicit
// name is tried first; the default of `fallback` is then "same_model" (the same weights at another
// provider), and "any" for auto. Names of policies are resolved by the caller.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/money.h"
#include "core/constraints.h"
#include "core/decision.h"
#include "core/deployment.h"
#include "core/place.h"
#include "plan/name_index.h"
#include "profile/profile.h"

namespace tidegate::plan {

inline constexpr std::size_t kAttemptsMax = 8;
// Eligible candidates that are put in order.
inline constexpr std::size_t kOrderedMax = 32;

// Everything that a plan depends on. The referenced values must outlive the Input and the Plan's
// explanations.
struct Input {
  const profile::Profile& profile;
  const core::Constraints& constraints;           // merged
  core::Privacy privacy = core::Privacy::kLocal;  // the label …
  core::PlaceSet label_places;                    // … and the places it allows (privacy::Label)
  std::string_view asked_model;
  std::span<const core::Deployment> deployments;
  std::span<const core::LiveState> live;  // one for each deployment
  core::PlaceSet key_places = core::PlaceSet::All();
  Money budget_left = Money::Max();  // Max = no budget applies
  // Of `deployments`, or nullptr. With it a plan for an explicit name leaves out of its candidates
  // what could only be rejected for bearing another name.
  const NameIndex* names = nullptr;
  bool engine_off = false;  // this machine runs no models, whatever is pulled
};

// What running the request on one deployment is expected to take. Times in milliseconds.
struct Estimate {
  Money cost;        // expected
  Money worst_cost;  // a bound: what is reserved
  // The output limit that must be written into the request for worst_cost to hold; nothing = the
  // caller's own, or the model's, already bounds it.
  std::optional<std::int64_t> output_tokens_limit;
  std::int64_t ttft_ms = 0;
  std::int64_t total_ms = 0;
  // With the 95th percentile of TTFT and the 5th of speed, where they are known.
  std::int64_t total_ms_slow = 0;
  double quality = 0;  // chance of a right answer at this request's difficulty, 0 … 1
};

struct Candidate {
  std::uint32_t deployment = 0;  // index into Input::deployments
  bool rejected = false;
  core::RejectReason reason = core::RejectReason::kModelName;
  double score = 0;  // lower is better; meaningful when not rejected
  Estimate estimate;
};

struct Attempt {
  std::uint32_t deployment = 0;
  Estimate estimate;
};

struct Plan {
  std::vector<Attempt> attempts;  // in the order to try; empty = nothing may run the request
  // The best kOrderedMax of the eligible, best first; the other eligible; the rejected in the order
  // of the inventory. All deployments, but for what Input::names leaves out.
  std::vector<Candidate> candidates;
};

// REQUIRES: as many live states as deployments.
Plan Make(const Input& input);

// One English sentence: why the candidate was rejected. REQUIRES: `candidate` is a rejected one of
// Make(input).
std::string Explain(const Input& input, const Candidate& candidate);

// The candidates as the decision record keeps them, with their explanations: at most `eligible_max`
// of the eligible, the best first, then at most `rejected_max` of the rejected, those that only
// bear another name last.
std::vector<core::Candidate> ToRecords(const Input& input, const Plan& plan,
                                       std::size_t eligible_max, std::size_t rejected_max);

// What the caller is told when nothing may run the request:
//   kNotFound          nobody knows the model; the nearest name is in the message
//   kBudgetExceeded    money was the only obstacle of at least one candidate
//   kTooLarge          the prompt fits no window (reason "context_length_exceeded")
//   kInvalidArgument   what the request holds is more than any of them can do
//   kPermissionDenied  the caller's key may use none of the places
//   kNoCandidate       otherwise, with the reasons and what would help
// REQUIRES: plan.attempts is empty and plan = Make(input).
Error NoCandidateError(const Input& input, const Plan& plan);

// What a model name alone asks for: "auto:private" sets privacy, the other auto names set `prefer`.
// To be merged as a source of constraints like any other, so that the label knows it too.
core::Constraints ConstraintsOfModelName(std::string_view asked_model);

}  // namespace tidegate::plan
