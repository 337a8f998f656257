// Takes from a child everything that it does not need for its work, before its program runs.
//
// A child that parses hostile files may end up running somebody else's code. What that code finds
// then is decided here, in three layers, each of which holds by itself:
//
//   network   a network namespace of its own, empty: no interface, no route, not even loopback
//   files     Landlock: only what is listed can be opened, executed or made; no signals to others
//   calls     seccomp: no socket but UNIX streams that others connect to, no new process, no other
//             program, no change to what is known of a file, no signals to others, and none of the
//             calls that manage the machine or look into other processes
//
// Each holds what an older kernel's Landlock does not: it asks nobody who changes a file's rights,
// owner or times, before version 3 (Linux 6.2) who cuts it, and before 6 (6.12) who sends signals.
//
// A kernel may lack some; the child starts with what there is, and SandboxReport says what is
// missing. Nothing here needs privileges, and the child has none.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "process/call_filter.h"

namespace tidegate::process {

// Paths that do not exist are passed over. A folder stands for everything below it.
struct SandboxOptions {
  std::vector<std::string> readable;
  std::vector<std::string> listable;        // folders whose names, but not contents, may be read
  std::vector<std::string> writable;        // files that are there: read, written and cut
  std::vector<std::string> devices;         // read, written and controlled
  std::vector<std::string> socket_folders;  // sockets may be made and removed in them
  // The program itself, and what the kernel loads to run it, need not be listed.

  // Off for a child that cannot work inside the layer, and to test the others.
  bool network = true, files = true, calls = true;
};

struct SandboxReport {
  struct Layer {
    bool wanted = false;
    int error = 0;  // why it is not active
    bool active() const { return wanted && error == 0; }
  };
  Layer network, files, calls;
  int landlock_version = 0;  // 0 = the layer of files was not tried
  // One sentence for each layer that was wanted and is not active, and for each thing that the
  // Landlock of this kernel is too old for and no other layer refuses.
  std::vector<std::string> Missing() const;
};

// The program and what the kernel loads to run it: its dynamic loader, or the interpreter of a
// script and that one's loader. What cannot be read is left out.
std::vector<std::string> ProgramFiles(const std::string& program);

// A sandbox, laid out so that entering it takes nothing but system calls (see child.cc).
class Sandbox {
 public:
  // `program` is the very pointer that will be given to execve: no other program may be run.
  Sandbox(const SandboxOptions& options, const char* program);

  // In the child, right before execve; REQUIRES: PR_SET_NO_NEW_PRIVS is set. Allocates nothing and
  // takes no lock. May clear the signal that PR_SET_PDEATHSIG set.
  void EnterNetwork(SandboxReport& report) const;
  void EnterFiles(SandboxReport& report) const;
  void EnterCalls(SandboxReport& report);  // the last of all

 private:
  struct Rule {
    std::string path;
    std::uint64_t access;
  };
  void Allow(const std::vector<std::string>& paths, std::uint64_t access);

  bool network_, files_, calls_;
  int landlock_version_ = 0;
  int landlock_error_ = 0;
  std::vector<Rule> rules_;
  CallFilter filter_;
};

}  // namespace tidegate::process
