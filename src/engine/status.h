// What the engine knows of a model at one moment, for the planner, the admin API and people.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tidegate::engine {

enum class ModelState : std::uint8_t {
  kAbsent,      // no process; the next request starts one
  kWaiting,     // somebody wants it, and memory for it is not free yet
  kStarting,    // the process starts or loads the weights
  kReady,       // serves
  kBackingOff,  // it failed, and waits before the next try
  kStopping,    // on its way out
};
std::string_view ToString(ModelState state);  // "absent", "waiting", "starting", …

// What happened to one model's processes since the gate began.
struct ModelCounts {
  std::int64_t starts = 0, failed_starts = 0, crashes = 0;
  std::int64_t loads = 0;       // starts that came to serve
  std::int64_t load_nanos = 0;  // that these took together
  std::int64_t evictions = 0;   // stopped to make room for another model
  std::int64_t waits_over = 0;  // requests that waited for memory as long as is allowed, in vain
};

struct ModelStatus {
  std::string model;
  ModelState state = ModelState::kAbsent;
  int users = 0;  // leases out
  int slots = 0;  // leases possible at once
  // Of the running process, else of the next: the window of one request, and how many of its layers
  // are on graphics devices.
  std::int64_t context_tokens = 0;
  int device_layers = 0;
  std::size_t queue_depth = 0;         // requests that wait for a slot or for the start
  std::int64_t oldest_wait_nanos = 0;  // of these: since the first of them came
  // While it waits for memory: who holds it, and for how long already. In the engine's statuses
  // only, as the next.
  std::string waits_for;
  // The longest that a request that came now, or has waited longest, can still wait for memory
  // before it is refused; -1 = there is no limit.
  std::int64_t wait_bound_nanos = 0;
  // How long a request that came now would wait for its slot, by what was observed: the queue
  // before it, loading, and, in the engine's statuses, memory that others hold.
  std::int64_t expected_wait_nanos = 0;
  std::int64_t load_nanos = 0;      // from nothing to serving: the last start's time, else a guess
  bool draining = false;            // while kReady: no new leases; it is stopped after those out
  bool pinned = false;              // neither idleness nor another model's need stops it
  int failures = 0;                 // in a row; 0 again after a minute of health
  std::string last_error;           // one sentence, of the last failure; empty when there was none
  std::int64_t retry_in_nanos = 0;  // while kBackingOff
  // While kReady: until it is stopped if nobody asks for it, for whoever uses it now counted from
  // now on; -1 = it stays.
  std::int64_t idle_stop_in_nanos = -1;
  // How long the last start took until it could serve; 0 = never started.
  std::int64_t last_start_nanos = 0;
  std::int64_t started_wall_nanos = 0;  // of the running process; 0 = none
  int pid = 0;                          // 0 = none
  std::uint64_t rss_bytes = 0;          // resident memory of the process
  std::uint64_t memory_bytes = 0;       // what is set aside for it of the memory budget
  std::uint64_t device_bytes = 0;       // likewise of graphics memory
  double use_weight = 0;                // its uses, each counting half as much after a half-life
  ModelCounts counts;
  // Of the present process, else of the latest: the means to guess tokens ahead, and why it is not
  // what was asked for; empty for none. What was guessed, and how much of it was right, is counted
  // since the gate began.
  std::string speculation, speculation_note;
  std::int64_t drafted_tokens = 0, draft_accepted_tokens = 0;
  // It runs, but with less than was planned, for this reason: "uses 0 of 1 planned devices".
  std::string degraded;
  std::string window_note;  // why its window is smaller than it was made to have
  std::string unfit;        // why it cannot be loaded on this machine at all, see core::MemoryFit
  std::vector<std::string>
      sandbox_missing;  // protections that this kernel did not give its process
};

}  // namespace tidegate::engine
