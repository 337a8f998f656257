#include "process/sandbox.h"

#include <cerrno>
#include <cstdint>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include <linux/capability.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

namespace tidegate::process {
namespace {

// Later than the headers of the reference machine. Source: the kernel's uapi/linux/landlock.h.
constexpr std::uint64_t kTruncate = 1ULL << 14U;
constexpr std::uint64_t kIoctlDevice = 1ULL << 15U;
constexpr std::uint64_t kNetworkTcp = 0b11;  // bind, connect
constexpr std::uint64_t kScopes = 0b11;      // abstract sockets, signals
constexpr int kVersionOfRefer = 2;
constexpr int kVersionOfTruncate = 3;
constexpr int kVersionOfTcp = 4;
constexpr int kVersionOfIoctlDevice = 5;
constexpr int kVersionOfScopes = 6;
struct RulesetAttributes {
  std::uint64_t files, network, scopes;
};

constexpr std::uint64_t kRead = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
constexpr std::uint64_t kExecute = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_EXECUTE;
constexpr std::uint64_t kWrite =
    LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | kTruncate;
constexpr std::uint64_t kDevice = kRead | LANDLOCK_ACCESS_FS_WRITE_FILE | kTruncate | kIoctlDevice;
constexpr std::uint64_t kSocketFolder =
    LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_REMOVE_FILE;
// What a rule on something that is no folder may name.
constexpr std::uint64_t kOfFiles = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE |
                                   LANDLOCK_ACCESS_FS_READ_FILE | kTruncate | kIoctlDevice;

// Everything that Landlock of this version can forbid.
RulesetAttributes Everything(int version) {
  std::uint64_t files = (1ULL << 13U) - 1;  // version 1
  if (version >= kVersionOfRefer) files |= LANDLOCK_ACCESS_FS_REFER;
  if (version >= kVersionOfTruncate) files |= kTruncate;
  if (version >= kVersionOfIoctlDevice) files |= kIoctlDevice;
  return {files, version >= kVersionOfTcp ? kNetworkTcp : 0,
          version >= kVersionOfScopes ? kScopes : 0};
}

int Errno(long result) { return result < 0 ? errno : 0; }

}  // namespace

std::vector<std::string> SandboxReport::Missing() const {
  std::vector<std::string> missing;
  const auto add = [&missing](const Layer& layer, const std::string& what) {
    if (!layer.wanted || layer.error == 0) return;
    missing.push_back(what + ": " + strerrordesc_np(layer.error));
  };
  add(network, "no network namespace of its own");
  add(files, "no limits on files (Landlock)");
  add(calls, "no limits on system calls (seccomp)");
  if (!files.active() || calls.active()) return missing;
  const auto too_old = [&](int version, const std::string& what) {
    if (landlock_version >= version) return;
    missing.push_back("Landlock of version " + std::to_string(landlock_version) + " does not " +
                      what + ", version " + std::to_string(version) + " does");
  };
  too_old(kVersionOfTruncate, "keep it from cutting files that it may read");
  too_old(kVersionOfScopes, "keep it from sending signals to other processes");
  return missing;
}

Sandbox::Sandbox(const SandboxOptions& options, const char* program)
    : network_(options.network), files_(options.files), calls_(options.calls) {
  const long version =
      syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  landlock_error_ = Errno(version);
  if (version > 0) landlock_version_ = static_cast<int>(version);
  Allow(options.readable, kRead);
  Allow(options.listable, LANDLOCK_ACCESS_FS_READ_DIR);
  Allow(ProgramFiles(program), kExecute);
  Allow(options.writable, kWrite);
  Allow(options.devices, kDevice);
  Allow(options.socket_folders, kSocketFolder);
  if (calls_) filter_ = MakeCallFilter(program);
}

void Sandbox::Allow(const std::vector<std::string>& paths, std::uint64_t access) {
  const std::uint64_t known = Everything(landlock_version_).files;
  for (const std::string& path : paths) rules_.push_back({path, access & known});
}

// A user namespace, in which an unprivileged process may make a network namespace. Nobody is mapped
// into it: as far as files go the child stays who it is, and it loses all rights that came with
// that. Where there are no user namespaces to be had (in a chroot, in some containers), whoever is
// privileged needs none, and gives up its capabilities: no program gets them back (no_new_privs).
void Sandbox::EnterNetwork(SandboxReport& report) const {
  report.network.wanted = network_;
  if (!network_) return;
  report.network.error = Errno(unshare(CLONE_NEWUSER | CLONE_NEWNET));
  if (report.network.error == 0 || unshare(CLONE_NEWNET) != 0) return;
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  const __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {};
  report.network.error = Errno(syscall(SYS_capset, &header, none));
}

void Sandbox::EnterFiles(SandboxReport& report) const {
  report.files.wanted = files_;
  report.files.error = landlock_error_;
  report.landlock_version = landlock_version_;
  if (!files_ || landlock_error_ != 0) return;
  const RulesetAttributes attributes = Everything(landlock_version_);
  const long ruleset = syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0U);
  if (ruleset < 0) {
    report.files.error = errno;
    return;
  }
  for (const Rule& rule : rules_) {
    const int fd = open(rule.path.c_str(), O_PATH | O_CLOEXEC);
    if (fd < 0) continue;  // it is not there, or not for this user
    struct stat info {};
    landlock_path_beneath_attr allowed{};
    allowed.allowed_access = rule.access;
    allowed.parent_fd = fd;
    if (fstat(fd, &info) == 0 && !S_ISDIR(info.st_mode)) allowed.allowed_access &= kOfFiles;
    if (allowed.allowed_access != 0) {
      const long added =
          syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &allowed, 0U);
      if (added != 0) report.files.error = errno;
    }
    close(fd);
  }
  if (syscall(SYS_landlock_restrict_self, ruleset, 0U) != 0) report.files.error = errno;
  close(static_cast<int>(ruleset));
}

void Sandbox::EnterCalls(SandboxReport& report) {
  report.calls.wanted = calls_;
  if (!calls_) return;
  if (filter_.code.empty()) {
    report.calls.error = ENOSYS;  // a processor that the filter does not know
    return;
  }
  filter_.code[filter_.own_pid_at].k = static_cast<std::uint32_t>(getpid());
  sock_fprog program{static_cast<unsigned short>(filter_.code.size()), filter_.code.data()};
  report.calls.error = Errno(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program));
}

}  // namespace tidegate::process
