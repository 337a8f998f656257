// Which system calls a child in a sandbox may make, as a program for seccomp.
#pragma once

#include <cstddef>
#include <vector>

#include <linux/filter.h>

namespace tidegate::process {

// Empty code on a processor that it does not know.
struct CallFilter {
  std::vector<sock_filter> code;
  // The instruction whose value has to be the number of the process that the filter is for, which
  // is known only when it is there.
  std::size_t own_pid_at = 0;
};

// Forbidden calls fail with EPERM. Of execve only the one with the pointer `program` passes: the
// one that starts the child.
CallFilter MakeCallFilter(const char* program);

}  // namespace tidegate::process
