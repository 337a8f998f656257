#include "process/exit_status.h"

#include <string.h>

#include <sys/wait.h>

namespace tidegate::process {

ExitStatus ExitStatus::FromWait(int wait_status) {
  if (WIFEXITED(wait_status)) return {Kind::kExited, WEXITSTATUS(wait_status), false};
  if (WIFSIGNALED(wait_status)) {
    return {Kind::kSignalled, WTERMSIG(wait_status), WCOREDUMP(wait_status) != 0};
  }
  return {};
}

std::string ExitStatus::Describe() const {
  switch (kind) {
    case Kind::kExited:
      return "exited with status " + std::to_string(value);
    case Kind::kSignalled: {
      const char* name = sigabbrev_np(value);
      std::string text = "was killed by signal " + std::to_string(value);
      if (name != nullptr) text += std::string(" (SIG") + name + ")";
      if (dumped_core) text += " and dumped core";
      return text;
    }
    case Kind::kUnknown:
      break;
  }
  return "ended in an unknown way";
}

}  // namespace tidegate::process
