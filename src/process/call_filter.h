// Which system calls a child in a sandbox may make, as a program for seccomp.
#pragma once

#include <vector>

#include <linux/filter.h>

namespace tidegate::process {

// Forbidden calls fail with EPERM. Of execve only the one with the pointer `program` passes: the
// one that starts the child. Empty on a processor that it does not know.
std::vector<sock_filter> CallFilter(const char* program);

}  // namespace tidegate::process
