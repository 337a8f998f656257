// What the engine knows of a model at one moment, for the planner, the admin API and people.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tidegate::engine {

enum class ModelState : std::uint8_t {
  kAbsent,      // no process; the next request starts one
  kStarting,    // the process starts or loads the weights
  kReady,       // serves
  kBackingOff,  // it failed, and waits before the next try
  kStopping,    // on its way out
};
std::string_view ToString(ModelState state);  // "absent", "starting", …

struct ModelStatus {
  std::string model;
  ModelState state = ModelState::kAbsent;
  int users = 0;                    // leases out
  int slots = 0;                    // leases possible at once
  std::size_t queue_depth = 0;      // requests that wait for a slot or for the start
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
};

}  // namespace tidegate::engine
