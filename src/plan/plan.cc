#include "plan/plan.h"

#include <algorithm>

#include "base/check.h"
#include "plan/query.h"
#include "plan/rules/fallback.h"
#include "plan/rules/rule.h"

namespace tidegate::plan {
namespace {

// Nearest to the name first, then the caller's order of providers, then the score, then the order
// of the inventory.
struct Rank {
  Nearness nearness;
  std::size_t order;
  double score;
  std::uint32_t deployment;
  std::size_t position;  // among those that were judged
  friend bool operator<(const Rank& a, const Rank& b) {
    if (a.nearness != b.nearness) return a.nearness < b.nearness;
    if (a.order != b.order) return a.order < b.order;
    if (a.score != b.score) return a.score < b.score;
    return a.deployment < b.deployment;
  }
};

Rank RankOf(const Query& query, std::vector<Candidate>& judged, std::size_t position) {
  Candidate& candidate = judged[position];
  const core::Deployment& deployment = query.input.deployments[candidate.deployment];
  candidate.score = Score(query, deployment, candidate.estimate);
  const std::vector<std::string>& order = query.input.constraints.providers_order;
  const auto place = std::find(order.begin(), order.end(), deployment.ref.provider);
  return {query.NearnessOf(candidate.deployment), static_cast<std::size_t>(place - order.begin()),
          candidate.score, candidate.deployment, position};
}

Candidate Judge(const Query& query, std::uint32_t index) {
  const core::Deployment& deployment = query.input.deployments[index];
  const core::LiveState& live = query.input.live[index];
  Candidate candidate;
  candidate.deployment = index;
  const Case judged{query, deployment, live, query.NearnessOf(index), candidate.estimate};
  bool estimated = false;
  for (const Rule* rule : Rules()) {
    if (rule->needs_estimate && !estimated) {
      candidate.estimate = MakeEstimate(query, deployment, live);
      estimated = true;
    }
    if (rule->admits(judged)) continue;
    candidate.rejected = true;
    candidate.reason = rule->reason;
    break;
  }
  return candidate;
}

std::vector<Candidate> JudgeAll(const Query& query) {
  std::vector<Candidate> candidates;
  if (query.among) {
    candidates.reserve(query.among->size());
    for (const std::uint32_t i : *query.among) candidates.push_back(Judge(query, i));
    return candidates;
  }
  candidates.reserve(query.input.deployments.size());
  for (std::uint32_t i = 0; i < query.input.deployments.size(); ++i)
    candidates.push_back(Judge(query, i));
  return candidates;
}

bool OverBudget(const Candidate& candidate) {
  return candidate.rejected && candidate.reason == core::RejectReason::kBudget;
}

// An explicit name that the budget cannot pay is answered on the device, if the caller or a policy
// said so.
bool MayDegrade(const Query& query, const std::vector<Candidate>& candidates) {
  if (query.name.automatic ||
      query.input.constraints.on_over_budget != core::OnOverBudget::kDegrade)
    return false;
  return std::all_of(candidates.begin(), candidates.end(),
                     [](const Candidate& c) { return c.rejected; }) &&
         std::any_of(candidates.begin(), candidates.end(), OverBudget);
}

// With on_over_budget = refuse, a budget that cannot pay the first choice ends the matter: nothing
// lesser answers instead.
void RefuseLesser(const Query& query, std::vector<Candidate>& candidates,
                  std::vector<Rank>& eligible) {
  if (query.input.constraints.on_over_budget != core::OnOverBudget::kRefuse || eligible.empty())
    return;
  const Rank best = *std::min_element(eligible.begin(), eligible.end());
  bool refused = false;
  for (std::size_t i = 0; i < candidates.size() && !refused; ++i) {
    refused = OverBudget(candidates[i]) && RankOf(query, candidates, i) < best;
  }
  if (!refused) return;
  for (const Rank& rank : eligible) {
    candidates[rank.position].rejected = true;
    candidates[rank.position].reason = core::RejectReason::kBudget;
  }
  eligible.clear();
}

}  // namespace

Plan Make(const Input& input) {
  CHECK(input.live.size() == input.deployments.size());
  Query query(input);
  std::vector<Candidate> judged = JudgeAll(query);
  if (MayDegrade(query, judged)) {
    query.device_stands_in = true;
    judged = JudgeAll(query);
  }

  std::vector<Rank> eligible;
  for (std::size_t i = 0; i < judged.size(); ++i) {
    if (!judged[i].rejected) eligible.push_back(RankOf(query, judged, i));
  }
  RefuseLesser(query, judged, eligible);
  const std::size_t ordered_count = std::min(eligible.size(), kOrderedMax);
  std::partial_sort(eligible.begin(), eligible.begin() + static_cast<std::ptrdiff_t>(ordered_count),
                    eligible.end());
  std::vector<Candidate*> ordered;
  ordered.reserve(eligible.size());
  for (const Rank& rank : eligible) ordered.push_back(&judged[rank.position]);
  RejectFallbacks(query, ordered);

  Plan plan;
  plan.candidates.reserve(judged.size());
  for (const Candidate* candidate : ordered) {
    if (candidate->rejected) continue;
    plan.candidates.push_back(*candidate);
    if (plan.attempts.size() < kAttemptsMax)
      plan.attempts.push_back({candidate->deployment, candidate->estimate});
  }
  for (const Candidate& candidate : judged) {
    if (candidate.rejected) plan.candidates.push_back(candidate);
  }
  return plan;
}

}  // namespace tidegate::plan
