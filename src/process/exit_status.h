// How a process ended, in words that a person can act on.
#pragma once

#include <string>

namespace tidegate::process {

struct ExitStatus {
  enum class Kind { kExited, kSignalled, kUnknown };
  Kind kind = Kind::kUnknown;  // kUnknown: somebody else collected the status
  int value = 0;               // the exit status, or the signal's number
  bool dumped_core = false;

  bool ok() const { return kind == Kind::kExited && value == 0; }
  // "exited with status 1", "was killed by signal 9 (SIGKILL)".
  std::string Describe() const;
  // Of what waitpid stores.
  static ExitStatus FromWait(int wait_status);

  friend bool operator==(const ExitStatus&, const ExitStatus&) = default;
};

}  // namespace tidegate::process
