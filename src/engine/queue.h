// Who waits for one model, and in which order they get it: all decisions, no I/O.
//
// Three classes, the higher one first, yet nobody starves: a class that was passed over
// kPassedOverMax times in a row goes next. Inside a class the principals take turns, so one that
// waits with a thousand requests costs another with one request a single turn. The bound is fair
// too: when the queue is full, whoever holds most of it makes way for one who holds less.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/digest.h"

namespace tidegate::engine {

enum class Priority : std::uint8_t {
  kInteractive,  // somebody watches
  kNormal,
  kBatch,  // any time will do
};
inline constexpr std::size_t kPriorities = 3;
inline constexpr int kPassedOverMax = 8;

using WaiterId = std::uint64_t;

// On whose behalf a model is asked for. No aggregate: g++ 12 copies those bit by bit when they are
// temporaries of an expression that awaits.
struct Claim {
  Claim() = default;
  Claim(Priority priority_in, std::string principal_in)
      : priority(priority_in), principal(std::move(principal_in)) {}
  Priority priority = Priority::kNormal;
  std::string principal;            // whom turns are taken between; any text, empty is one more
  std::int64_t context_tokens = 0;  // of the window that it needs; 0 = any will do
  // Of what is asked, by the process that answers: for the next one, on the disk.
  bool may_be_kept = true;
  // Digests of the beginnings of what is asked (core/beginnings.h), by which the process that
  // answered the turn before is known to have it. Empty = it is too short, or no conversation.
  std::vector<Sha256> conversation = {};
  // It measures: a process that starts for it gets no conversations to go on with and leaves none,
  // and if it cannot start with settings that are being tried, that is what it wants to know.
  bool of_trial = false;
};

// Not thread-safe. Every call is O(log n), except PopUntil, which is so for each that it returns,
// and a Push to a full queue, which is linear in the number of principals that wait.
class WaitQueue {
 public:
  explicit WaitQueue(std::size_t max) : max_(max) {}
  // Lanes are pointed at from inside.
  WaitQueue(const WaitQueue&) = delete;
  WaitQueue& operator=(const WaitQueue&) = delete;

  struct Pushed {
    bool queued = false;  // false: it is full, and this one has no better right than those in it
    std::optional<WaiterId> displaced = std::nullopt;  // had to leave for it
  };
  // `now`: any clock that does not go back. REQUIRES: `waiter` does not wait already.
  Pushed Push(WaiterId waiter, const Claim& claim, std::int64_t now = 0);
  bool Erase(WaiterId waiter);  // false when it does not wait
  WaiterId Pop();               // REQUIRES: !empty()
  std::vector<WaiterId> PopAll();
  // Those that came then or before.
  std::vector<WaiterId> PopUntil(std::int64_t since);
  // When the one came that has waited longest. REQUIRES: !empty()
  std::int64_t oldest() const { return by_age_.begin()->first; }

  bool empty() const { return places_.empty(); }
  std::size_t size() const { return places_.size(); }

 private:
  struct Lane {  // of one principal in one class; never empty
    std::string principal;
    std::list<WaiterId> waiters;
  };
  using Lanes = std::list<Lane>;
  struct Class {
    Lanes lanes;  // the first is next
    std::map<std::string, Lanes::iterator, std::less<>> by_principal;
    int passed_over = 0;
  };
  struct Place {
    std::size_t priority;
    Lanes::iterator lane;
    std::list<WaiterId>::iterator at;
    std::int64_t since;
  };

  std::optional<WaiterId> WhoMakesWay(const Claim& claim) const;
  std::optional<WaiterId> Least(std::string_view principal, std::size_t below) const;
  std::size_t NextClass();
  void Remove(const Place& place);

  const std::size_t max_;
  std::array<Class, kPriorities> classes_;
  std::unordered_map<WaiterId, Place> places_;
  std::set<std::pair<std::int64_t, WaiterId>> by_age_;    // the same
  std::map<std::string, std::size_t, std::less<>> held_;  // places by principal, none is zero
};

}  // namespace tidegate::engine
