// Which models are in memory: who may load, who has to go for it, and when. All decisions, no I/O.
//
// Several models share one budget of bytes, of the host and of its graphics devices. The supervisor
// of each says what it is doing (Update); what comes back is who may start, who shall make room and
// who may go on after all. Time is a parameter, so every order of events is a plain test.
//
//   - A model that wants to load and fits starts at once.
//   - Else the one that has waited longest, the head, gets room made: by the idle models that are
//     worth least to keep (their loading time x how much they were used of late / their bytes), as
//     many as it takes and no more. Never by one that loads, is pinned, or serves in its turn.
//   - Models that cannot be in memory together take turns. One with requests serves on for a
//   quantum
//     after the head began to wait, a multiple of what loading it again costs; then it gets no new
//     requests, ends those it has, and goes. Requests gather meanwhile, so that each turn serves a
//     batch, and its own go on when it comes back. A client that asks again as soon as it has its
//     answer leaves its model idle for a moment only: that is no reason to load another (linger).
//   - A pinned model is never sent away, and while it has to be loaded, room is made for it as if
//     somebody waited. One that cannot be loaded beside other pinned ones is as soon as it can.
//   - A model that fits now may overtake the head, unless room is being made: then only out of what
//     the head leaves. The number of times is bounded.
//
// No answer is cut off for another model, however long it is, so how long a turn is, is not known.
// What is bounded is the wait: a request that has waited for memory for wait_nanos_max is told who
// holds it (kExpire). Its model keeps its place for a while, so that whoever comes again finds it
// loaded, or first in the line.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "engine/memory_amount.h"
#include "engine/use_weight.h"

namespace tidegate::engine {

struct ResidencyLimits {
  std::uint64_t budget_bytes = 0;  // for all models together; 0 = no limit
  // The same of all graphics devices together: llama-server shares a model out by what is free on
  // each.
  std::uint64_t device_bytes = 0;
  // Of the host's, what may hold models that nobody waits for; 0 = none is loaded unasked.
  std::uint64_t preload_bytes = 0;
  std::int64_t preload_pause_nanos = 5'000'000'000;  // of nothing to do, before one is
  double preload_weight_min = 0.5;                   // uses, see UseWeight

  // A turn while another model waits: so many times its loading time, within these.
  std::int64_t quantum_loads = 4;
  std::int64_t quantum_nanos_min = 2'000'000'000;
  std::int64_t quantum_nanos_max = 60'000'000'000;
  std::int64_t linger_nanos = 20'000'000;
  int overtaking_max = 4;                         // starts before the head, for each head
  std::int64_t wait_nanos_max = 300'000'000'000;  // of one request, for memory; 0 = no limit
  std::int64_t claim_nanos = 30'000'000'000;  // that a place is kept beyond the time to come again
};

enum class Phase : std::uint8_t {
  kAbsent,
  kWanting,  // to load
  kLoading,
  kResident,  // serves, also while it yields
  kLeaving,   // holds memory and gives it back without being asked
};

// What the supervisor of a model says of it.
struct Use {
  Phase phase = Phase::kAbsent;
  int users = 0;                   // leases out
  std::size_t waiting = 0;         // requests
  std::int64_t waiting_since = 0;  // of these, when the first came
  std::uint64_t grants = 0;        // leases ever given
  std::int64_t load_nanos = 0;     // from nothing to serving
};

struct Decision {
  enum class Kind : std::uint8_t {
    kStart,    // memory is set aside for it
    kRefuse,   // it can never fit; `error` for those who wait
    kExpire,   // `error` for those who have waited since `since` or longer; it goes on wanting
    kYield,    // no new leases; it ends after those that are out
    kResume,   // takes kYield back
    kPreload,  // nobody asks, but it would be of use
  };
  Kind kind;
  std::string model;
  Error error = {};
  std::int64_t since = 0;
};
using Decisions = std::vector<Decision>;

// "7.5 GiB"
std::string GibibytesText(std::uint64_t bytes);

// Not thread-safe. `now` is monotonic and in nanoseconds. After every call the driver carries out
// what it got, in order, and sets its one timer to wake_at(). A model that was not added is
// ignored.
class Residency {
 public:
  explicit Residency(const ResidencyLimits& limits) : limits_(limits) {}
  // Entries are pointed at from inside.
  Residency(const Residency&) = delete;
  Residency& operator=(const Residency&) = delete;

  // Also for a model that is known and needs another amount from its next start on.
  void Add(const std::string& model, const MemoryAmount& bytes);
  Decisions Remove(std::int64_t now, std::string_view model);
  Decisions Pin(std::int64_t now, std::string_view model, bool pinned);
  Decisions Update(std::int64_t now, std::string_view model, const Use& use);
  Decisions OnTimer(std::int64_t now);
  Decisions SetDeviceBytes(std::int64_t now, std::uint64_t bytes);
  // Counts for eviction and preloading as so many uses; for what was known before this process.
  void SeedUses(std::int64_t now, std::string_view model, double uses);

  std::optional<std::int64_t> wake_at() const { return wake_at_; }

  // Of memory alone, without loading, for a request that came now or, when `model` waits, since
  // then; 0 when there is room or nothing is known of it. Likely.
  std::int64_t ExpectedWait(std::int64_t now, std::string_view model) const;
  // The same, certain, since who waits longer is refused; nothing when there is no limit.
  std::optional<std::int64_t> WaitBound(std::int64_t now, std::string_view model) const;
  // Who holds the memory that `model` waits for, and for how long; "" when it does not wait.
  std::string HeldBy(std::int64_t now, std::string_view model) const;
  // Why `model` cannot be pinned beside those that are, loaded or not; nothing when it can.
  std::optional<Error> PinError(std::string_view model) const;
  // Why `model` cannot be loaded at all as things are; nothing when it can.
  std::optional<Error> Impossible(std::string_view model) const;
  double Weight(std::int64_t now, std::string_view model) const;
  MemoryAmount bytes(std::string_view model) const;

 private:
  struct Entry {
    std::string model;
    MemoryAmount bytes;  // that its next start needs
    MemoryAmount held;   // that are set aside for it
    bool pinned = false;
    bool refused = false;     // while it was pinned and nobody waited; it is loaded once it can be
    bool preloadable = true;  // not after it was stopped for lack of use, or preloaded in vain
    Use use = {};
    UseWeight weight = {};
    bool started = false;   // kStart was said, and its supervisor has not answered yet
    bool yielding = false;  // kYield was said
    std::int64_t wanted_at = 0, ready_at = 0, idle_at = 0;
    std::uint64_t order = 0;  // among those that want
    int overtaken = 0;
    std::int64_t claim_until = 0;  // its requests were told to come again
    bool claimed = false;          // until then
    // Room is made for it.
    bool asked() const { return use.waiting > 0 || pinned || claimed; }
    Decision Say(Decision::Kind kind) const { return {kind, model}; }
  };
  struct Candidate {
    Entry* entry;
    bool idle;                  // or yields already: costs nobody a turn
    double value;               // of keeping it
    std::int64_t available_at;  // before that it may not be taken
  };

  const Entry* Find(std::string_view model) const;
  Entry* Find(std::string_view model);
  void Note(std::int64_t now, Entry& entry, const Use& use);
  void Queue(std::int64_t now, Entry& entry);
  static void Gone(Entry& entry);
  void Decide(std::int64_t now, Decisions& out);
  void RefuseImpossible(std::vector<Entry*>& wanting, Decisions& out);
  void RecallPinned(Decisions& out);
  static bool WaitsForMemory(const Entry& entry);
  void KeepClaims(std::int64_t now);
  void ShareOut(std::int64_t now, Decisions& out);
  void ExpireWaits(std::int64_t now, Decisions& out);
  Error WaitError(std::int64_t now, const Entry& entry) const;
  void Start(Entry& entry, Decisions& out);
  MemoryAmount MakeRoom(std::int64_t now, const Entry& head, Decisions& out);
  void Overtake(const std::vector<Entry*>& wanting, const MemoryAmount& coming, Decisions& out);
  void ResumeAll(const std::vector<Candidate>& except, Decisions& out);
  void Preload(std::int64_t now, Decisions& out);
  std::vector<Entry*> Wanting() const;
  std::vector<Candidate> Candidates(std::int64_t now, const Entry& head,
                                    std::int64_t wanted_at) const;
  static std::vector<Candidate> Cheapest(std::vector<Candidate> of, const MemoryAmount& need);
  bool limited() const { return limits_.budget_bytes > 0 || limits_.device_bytes > 0; }
  MemoryAmount Budget() const;
  MemoryAmount Free() const;
  MemoryAmount Leaving() const;
  std::int64_t Quantum(const Entry& entry) const;
  void WakeBy(std::int64_t when);
  std::optional<Error> ImpossibleError(const Entry& entry) const;
  std::optional<Error> BesidePinned(const Entry& entry, const MemoryAmount& pinned) const;

  ResidencyLimits limits_;
  std::map<std::string, Entry, std::less<>> entries_;
  std::vector<Entry*> active_;  // not absent, in the order of becoming so
  std::uint64_t next_order_ = 0;
  std::int64_t quiet_since_ = 0;  // when something loaded, left or waited for memory last
  bool preload_done_ = false;     // since then: there is nothing more to load unasked
  std::optional<std::int64_t> wake_at_;
};

}  // namespace tidegate::engine
