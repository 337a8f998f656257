#include "process/call_filter.h"

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <fcntl.h>
#include <initializer_list>
#include <sched.h>
#include <utility>

#include <asm/sockios.h>
#include <linux/audit.h>
#include <linux/fs.h>
#include <linux/seccomp.h>
#include <sys/socket.h>
#include <sys/syscall.h>

// The filter is a list of things that are refused, not of those that are allowed: the program
// inside brings its own C library, and what a newer one calls tomorrow must not end it. What is
// refused is what could reach beyond the process:
//
//   - sockets other than UNIX streams, and connecting any: it listens, others connect
//   - new processes (threads are fine) and other programs
//   - other processes' memory, descriptors, namespaces, and signals to them: by the calls that send
//     one, and as the owner of a descriptor, to whom the kernel sends a signal of choice
//   - what is known of a file: its rights, owner, times, attributes. Files that are open to write
//     may be cut, those that are open to read may not
//   - mounts, modules, clocks, swap, keys, tracing: all that manages a machine
//   - io_uring, which does most of the above without a call that a filter sees
namespace tidegate::process {
namespace {

#if defined(__x86_64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#else
constexpr std::uint32_t kArchitecture = 0;
#endif

constexpr std::uint32_t kRefuse = SECCOMP_RET_ERRNO | EPERM;
constexpr std::uint32_t kPretendMissing = SECCOMP_RET_ERRNO | ENOSYS;
constexpr std::uint32_t kX32Bit = 0x4000'0000;  // x86_64: another table of calls
constexpr std::uint32_t kSocketTypeMask = 0xf;  // the rest are flags

// Later than the headers of the reference machine; the same number on every processor.
constexpr std::uint32_t kFchmodat2 = 452;
constexpr std::uint32_t kSetxattrat = 463;
constexpr std::uint32_t kRemovexattrat = 466;
constexpr std::uint32_t kFileSetattr = 469;

constexpr std::initializer_list<std::uint32_t> kRefused = {
    SYS_connect,
    SYS_execveat,
    // Other processes.
    SYS_ptrace,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_kcmp,
    SYS_pidfd_open,
    SYS_pidfd_getfd,
    SYS_pidfd_send_signal,
    SYS_process_madvise,
    SYS_setns,
    SYS_unshare,
    SYS_perf_event_open,
    SYS_userfaultfd,
    SYS_kill,
    SYS_rt_sigqueueinfo,
    SYS_rt_tgsigqueueinfo,
    SYS_tkill,
    // What is known of files.
    SYS_truncate,
    SYS_fchmod,
    SYS_fchmodat,
    kFchmodat2,
    SYS_fchown,
    SYS_fchownat,
    SYS_utimensat,
    SYS_setxattr,
    SYS_lsetxattr,
    SYS_fsetxattr,
    kSetxattrat,
    SYS_removexattr,
    SYS_lremovexattr,
    SYS_fremovexattr,
    kRemovexattrat,
    kFileSetattr,
    // The machine.
    SYS_mount,
    SYS_umount2,
    SYS_pivot_root,
    SYS_chroot,
    SYS_fsopen,
    SYS_fsconfig,
    SYS_fsmount,
    SYS_fspick,
    SYS_move_mount,
    SYS_open_tree,
    SYS_mount_setattr,
    SYS_bpf,
    SYS_keyctl,
    SYS_add_key,
    SYS_request_key,
    SYS_kexec_load,
    SYS_init_module,
    SYS_finit_module,
    SYS_delete_module,
    SYS_reboot,
    SYS_swapon,
    SYS_swapoff,
    SYS_acct,
    SYS_quotactl,
    SYS_settimeofday,
    SYS_clock_settime,
    SYS_clock_adjtime,
    SYS_adjtimex,
    SYS_sethostname,
    SYS_setdomainname,
    SYS_syslog,
    SYS_name_to_handle_at,
    SYS_open_by_handle_at,
    SYS_fanotify_init,
    SYS_vhangup,
    // Ways around a filter.
    SYS_io_uring_setup,
    SYS_io_uring_enter,
    SYS_io_uring_register,
#ifdef SYS_kexec_file_load
    SYS_kexec_file_load,
#endif
#ifdef SYS_chmod
    SYS_chmod,
    SYS_chown,
    SYS_lchown,
    SYS_utime,
    SYS_utimes,
    SYS_futimesat,
#endif
#ifdef SYS_fork
    SYS_fork,
    SYS_vfork,
#endif
#ifdef SYS_iopl
    SYS_iopl,
    SYS_ioperm,
    SYS_modify_ldt,
#endif
};

constexpr std::uint32_t OffsetOfArgument(std::uint32_t index) {
  return static_cast<std::uint32_t>(offsetof(seccomp_data, args) + index * sizeof(std::uint64_t));
}

// The two architectures are little-endian: the low half of an argument comes first.
class Program {
 public:
  void Load(std::uint32_t offset) { Add(BPF_LD | BPF_W | BPF_ABS, offset); }
  void LoadNumber() { Load(static_cast<std::uint32_t>(offsetof(seccomp_data, nr))); }
  void And(std::uint32_t mask) { Add(BPF_ALU | BPF_AND | BPF_K, mask); }
  void Return(std::uint32_t what) { Add(BPF_RET | BPF_K, what); }
  // Runs the next `count` instructions only if so.
  void IfEqual(std::uint32_t value, std::uint8_t count) { Jump(BPF_JEQ, value, 0, count); }
  void IfNotEqual(std::uint32_t value, std::uint8_t count) { Jump(BPF_JEQ, value, count, 0); }
  void IfAnySet(std::uint32_t mask, std::uint8_t count) { Jump(BPF_JSET, mask, 0, count); }
  void IfNoneSet(std::uint32_t mask, std::uint8_t count) { Jump(BPF_JSET, mask, count, 0); }
  std::size_t size() const { return code_.size(); }
  std::vector<sock_filter> Take() { return std::move(code_); }

 private:
  void Add(std::uint32_t code, std::uint32_t value) {
    code_.push_back({static_cast<std::uint16_t>(code), 0, 0, value});
  }
  void Jump(std::uint32_t test, std::uint32_t value, std::uint8_t if_true, std::uint8_t if_false) {
    const auto code = static_cast<std::uint16_t>(BPF_JMP | BPF_K | test);
    code_.push_back({code, if_true, if_false, value});
  }
  std::vector<sock_filter> code_;
};

void OnlyUnixStreams(Program& program, std::uint32_t number) {
  program.IfEqual(number, 8);
  program.Load(OffsetOfArgument(0));
  program.IfNotEqual(AF_UNIX, 1);
  program.Return(kRefuse);
  program.Load(OffsetOfArgument(1));
  program.And(kSocketTypeMask);
  program.IfNotEqual(SOCK_STREAM, 1);
  program.Return(kRefuse);
  program.LoadNumber();
}

// Of the commands of a call that takes many, in its argument 1, none of these.
void NoneOfCommands(Program& program, std::uint32_t number,
                    std::initializer_list<std::uint32_t> commands) {
  program.IfEqual(number, static_cast<std::uint8_t>(2 + 2 * commands.size()));
  program.Load(OffsetOfArgument(1));
  for (const std::uint32_t command : commands) {
    program.IfEqual(command, 1);
    program.Return(kRefuse);
  }
  program.LoadNumber();
}

// Whoever opens a file only to read it does not cut it, though the kernel would do that for whom
// the file belongs to.
void NoCuttingToRead(Program& program, std::uint32_t number, std::uint32_t flags) {
  program.IfEqual(number, 8);
  program.Load(OffsetOfArgument(flags));
  program.IfAnySet(O_TRUNC, 5);
  program.And(O_ACCMODE);
  for (const auto not_to_write : std::initializer_list<std::uint32_t>{O_RDONLY, O_ACCMODE}) {
    program.IfEqual(not_to_write, 1);
    program.Return(kRefuse);
  }
  program.LoadNumber();
}

// Signals to the threads of this process, as raise and abort send them, and to nobody else's.
// Returns where the number of the process goes.
std::size_t OnlyOwnThreads(Program& program) {
  program.IfEqual(SYS_tgkill, 4);
  program.Load(OffsetOfArgument(0));
  const std::size_t own_pid_at = program.size();
  program.IfNotEqual(0, 1);
  program.Return(kRefuse);
  program.LoadNumber();
  return own_pid_at;
}

}  // namespace

CallFilter MakeCallFilter(const char* program_pointer) {
  if (kArchitecture == 0) return {};
  const auto pointer = reinterpret_cast<std::uintptr_t>(program_pointer);
  Program program;
  program.Load(static_cast<std::uint32_t>(offsetof(seccomp_data, arch)));
  program.IfNotEqual(kArchitecture, 1);
  program.Return(SECCOMP_RET_KILL_PROCESS);
  program.LoadNumber();
#if defined(__x86_64__)
  program.IfAnySet(kX32Bit, 1);
  program.Return(kRefuse);
#endif
  for (const std::uint32_t number : kRefused) {
    program.IfEqual(number, 1);
    program.Return(kRefuse);
  }
  // Their flags lie in memory, where a filter cannot look; C libraries fall back to those before.
  for (const auto number : std::initializer_list<std::uint32_t>{SYS_clone3, SYS_openat2}) {
    program.IfEqual(number, 1);
    program.Return(kPretendMissing);
  }
  program.IfEqual(SYS_clone, 4);
  program.Load(OffsetOfArgument(0));
  program.IfNoneSet(CLONE_THREAD, 1);
  program.Return(kRefuse);
  program.LoadNumber();
  program.IfEqual(SYS_prlimit64, 4);  // its own limits, nobody else's
  program.Load(OffsetOfArgument(0));
  program.IfNotEqual(0, 1);
  program.Return(kRefuse);
  program.LoadNumber();
  const std::size_t own_pid_at = OnlyOwnThreads(program);
#ifdef SYS_open
  NoCuttingToRead(program, SYS_open, 1);
#endif
  NoCuttingToRead(program, SYS_openat, 2);
  NoneOfCommands(program, SYS_fcntl, {F_SETOWN, F_SETOWN_EX, F_SETSIG});
  NoneOfCommands(program, SYS_ioctl, {FIOSETOWN, SIOCSPGRP, FS_IOC_SETFLAGS, FS_IOC_FSSETXATTR});
  OnlyUnixStreams(program, SYS_socket);
  OnlyUnixStreams(program, SYS_socketpair);
  program.IfEqual(SYS_execve, 6);
  program.Load(OffsetOfArgument(0));
  program.IfNotEqual(static_cast<std::uint32_t>(pointer), 1);
  program.Return(kRefuse);
  program.Load(OffsetOfArgument(0) + 4);
  program.IfNotEqual(static_cast<std::uint32_t>(std::uint64_t{pointer} >> 32U), 1);
  program.Return(kRefuse);
  program.Return(SECCOMP_RET_ALLOW);
  return {program.Take(), own_pid_at};
}

}  // namespace tidegate::process
