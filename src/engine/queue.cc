#include "engine/queue.h"

#include <iterator>
#include <utility>

#include "base/check.h"

namespace tidegate::engine {

WaitQueue::Pushed WaitQueue::Push(WaiterId waiter, const Claim& claim, std::int64_t now) {
  Pushed pushed{true};
  if (size() >= max_) {
    pushed.displaced = WhoMakesWay(claim);
    if (!pushed.displaced) return {};
    Erase(*pushed.displaced);
  }
  const auto priority = static_cast<std::size_t>(claim.priority);
  Class& of = classes_[priority];
  auto known = of.by_principal.find(claim.principal);
  if (known == of.by_principal.end()) {
    of.lanes.push_back({claim.principal, {}});
    known = of.by_principal.emplace(claim.principal, std::prev(of.lanes.end())).first;
  }
  const Lanes::iterator lane = known->second;
  lane->waiters.push_back(waiter);
  const bool is_new =
      places_.emplace(waiter, Place{priority, lane, std::prev(lane->waiters.end()), now}).second;
  CHECK(is_new);
  by_age_.emplace(now, waiter);
  ++held_[claim.principal];
  return pushed;
}

// Fair shares first: the principal with the most places, if it keeps at least as many as the
// newcomer's then has. Else the newcomer's own request of a lower class.
std::optional<WaiterId> WaitQueue::WhoMakesWay(const Claim& claim) const {
  const auto own = held_.find(claim.principal);
  const std::size_t own_places = own == held_.end() ? 0 : own->second;
  auto most = held_.end();
  for (auto at = held_.begin(); at != held_.end(); ++at) {
    if (most == held_.end() || at->second > most->second) most = at;
  }
  if (most == held_.end()) return std::nullopt;  // a queue of no places
  if (most->second > own_places + 1) return Least(most->first, 0);
  return Least(claim.principal, static_cast<std::size_t>(claim.priority) + 1);
}

// The newest of the lowest class from `below` on.
std::optional<WaiterId> WaitQueue::Least(std::string_view principal, std::size_t below) const {
  for (std::size_t priority = kPriorities; priority-- > below;) {
    const auto at = classes_[priority].by_principal.find(principal);
    if (at != classes_[priority].by_principal.end()) return at->second->waiters.back();
  }
  return std::nullopt;
}

bool WaitQueue::Erase(WaiterId waiter) {
  const auto at = places_.find(waiter);
  if (at == places_.end()) return false;
  const Place place = at->second;
  places_.erase(at);
  by_age_.erase({place.since, waiter});
  Remove(place);
  return true;
}

void WaitQueue::Remove(const Place& place) {
  Class& of = classes_[place.priority];
  const auto held = held_.find(place.lane->principal);
  if (--held->second == 0) held_.erase(held);
  place.lane->waiters.erase(place.at);
  if (!place.lane->waiters.empty()) return;
  of.by_principal.erase(place.lane->principal);
  of.lanes.erase(place.lane);
  if (of.lanes.empty()) of.passed_over = 0;
}

std::size_t WaitQueue::NextClass() {
  std::size_t next = kPriorities;
  for (std::size_t i = 0; i < kPriorities; ++i) {
    if (classes_[i].lanes.empty()) continue;
    if (next == kPriorities || classes_[i].passed_over >= kPassedOverMax) next = i;
  }
  CHECK(next < kPriorities);
  for (std::size_t i = next + 1; i < kPriorities; ++i) {
    if (!classes_[i].lanes.empty()) ++classes_[i].passed_over;
  }
  classes_[next].passed_over = 0;
  return next;
}

WaiterId WaitQueue::Pop() {
  Class& of = classes_[NextClass()];
  const Lanes::iterator lane = of.lanes.begin();
  const WaiterId waiter = lane->waiters.front();
  // First: the lane is gone after the last of its waiters.
  of.lanes.splice(of.lanes.end(), of.lanes, lane);
  Erase(waiter);
  return waiter;
}

std::vector<WaiterId> WaitQueue::PopUntil(std::int64_t since) {
  std::vector<WaiterId> old;
  while (!empty() && oldest() <= since) {
    old.push_back(by_age_.begin()->second);
    Erase(old.back());
  }
  return old;
}

std::vector<WaiterId> WaitQueue::PopAll() {
  std::vector<WaiterId> all;
  while (!empty()) all.push_back(Pop());
  return all;
}

}  // namespace tidegate::engine
