// Starts programs that get nothing from us but what is listed, and that cannot outlive us.
//
// A child has exactly the argument list, the environment and the working directory of its
// SpawnOptions; its standard input is empty, its output comes back through one pipe, and every
// other descriptor is closed. It leads a session of its own, so that it can be ended with all its
// descendants, and the kernel kills it when the thread that started it ends.
//
// That last point decides where Spawn may be called: the kernel ties the child to the *thread*, not
// to the process. Call it from a thread that outlives the child: one that waits for it (RunProgram
// does), or a SpawnThread.
#pragma once

#include <csignal>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "process/exit_status.h"
#include "process/sandbox.h"

namespace tidegate::process {

struct ResourceLimits {
  std::uint64_t core_bytes_max = 0;  // memory holds prompts: no dumps
  std::optional<std::uint64_t> open_files_max;
  std::optional<std::uint64_t> address_space_bytes_max;
  // Of what it may write to: heap, stacks, private mappings. Files that it maps to read, such as a
  // model's weights, do not count.
  std::optional<std::uint64_t> data_bytes_max;
  std::optional<std::uint64_t> file_bytes_max;  // of any file that it writes
  std::optional<std::uint64_t> cpu_seconds_max;
};

struct SpawnOptions {
  std::vector<std::string> argv;         // argv[0] is the path of the program; PATH is not searched
  std::vector<std::string> environment;  // "NAME=value"; nothing is inherited
  std::string working_directory = "/";
  ResourceLimits limits;
  std::optional<SandboxOptions> sandbox;
  // When the starting thread ends; SIGTERM where the child has to tidy up.
  int death_signal = SIGKILL;
};

// A running or ended process. Movable; used by one thread at a time, which need not be the one that
// started it. Destroying it kills what still runs of its group and collects it, so nothing is left
// behind.
class Child {
 public:
  Child(Child&&) noexcept = default;
  Child& operator=(Child&& other) noexcept;
  ~Child();

  int pid() const { return pid_; }
  const SandboxReport& sandbox() const { return sandbox_; }  // nothing wanted, nothing active
  // Readable once the process has ended; for poll. Owned by the Child.
  int pidfd() const { return pidfd_.get(); }
  // Standard output and error together, non-blocking. Owned by the Child until taken.
  int output_fd() const { return output_.get(); }
  UniqueFd TakeOutput() { return std::move(output_); }

  // Sends `signal` to the process and all its descendants that have not left its group. A no-op
  // once it was collected.
  void SignalGroup(int signal);

  // The status, if the process has ended. The first time, also kills what is left of its group.
  // Does not block.
  std::optional<ExitStatus> Poll();
  // Blocks until the process has ended, but not longer than `timeout_nanos`; negative = without
  // end.
  std::optional<ExitStatus> WaitFor(std::int64_t timeout_nanos);
  // Ends the group: SIGTERM, and SIGKILL after `grace_nanos`. Blocks.
  ExitStatus Stop(std::int64_t grace_nanos);

 private:
  friend Result<Child> Spawn(const SpawnOptions& options);
  Child(int pid, UniqueFd pidfd, UniqueFd output, const SandboxReport& sandbox);
  void End();

  int pid_ = -1;
  UniqueFd pidfd_, output_;
  SandboxReport sandbox_;
  std::optional<ExitStatus> status_;
};

// REQUIRES: the calling thread outlives the child; see above. Blocks until the program was loaded
// or could not be. Errors: kNotFound (no such program), kPermissionDenied, kInvalidArgument (a NUL
// byte, no argv), kUnavailable (no resources).
Result<Child> Spawn(const SpawnOptions& options);

// What this kernel gives to children in a sandbox, tried out with one that ends at once. Blocks.
// Errors: those of Spawn.
Result<SandboxReport> ProbeSandbox();

}  // namespace tidegate::process
