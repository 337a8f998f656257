#include "process/child.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <utility>

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/check.h"
#include "base/clock.h"

// How a child is started
//
// vfork, not fork: a gateway may have gigabytes mapped and threads in the middle of requests, and
// fork would write-protect all of it for a child that is about to forget it. The price is that
// until execve the child runs in our memory while this thread waits, so between the two it may only
// make system calls on what was laid out before: no allocation, no locks. All signals are blocked
// meanwhile, because a handler that ran in the child would run on our data.
//
// A failed step in the child is told through a pipe that execve closes: nothing on it means the
// program runs.
namespace tidegate::process {
namespace {

enum class Step : int { kOrphan, kSession, kDescriptors, kLimits, kDirectory, kProgram };

struct Failure {
  Step step;
  int error;
};

struct Limit {
  int resource;
  rlim_t value;
};

// What the child needs, laid out before vfork.
struct Plan {
  char* const* argv;
  char* const* environment;
  const char* working_directory;
  const Limit* limits;
  std::size_t limit_count;
  int death_signal;
  pid_t parent;
  int null_fd, output_fd, failure_fd;  // above kFailureFd
  Sandbox* sandbox;                    // may be nullptr
  SandboxReport* report;               // written by the child: it runs in our memory
};

constexpr int kFailureFd = 3;  // in the child, after the standard three
constexpr int kSpawnFailedStatus = 127;

[[noreturn]] void Fail(int fd, Step step) {
  const Failure failure{step, errno};
  // A pipe takes this whole; if it does not, the exit status still says that nothing was started.
  [[maybe_unused]] const ssize_t written = write(fd, &failure, sizeof failure);
  _exit(kSpawnFailedStatus);
}

void ResetSignals() {
  struct sigaction action {};
  action.sa_handler = SIG_DFL;
  for (int signal = 1; signal < NSIG; ++signal) {
    sigaction(signal, &action,
              nullptr);  // refused for KILL, STOP and the C library's own: as it should be
  }
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

bool ApplyLimits(const Plan& plan) {
  for (std::size_t i = 0; i < plan.limit_count; ++i) {
    const auto resource = static_cast<__rlimit_resource>(plan.limits[i].resource);
    rlimit limit{};
    if (getrlimit(resource, &limit) != 0) return false;
    limit.rlim_max = std::min(limit.rlim_max, plan.limits[i].value);
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(resource, &limit) != 0) return false;
  }
  return true;
}

void TieToParent(const Plan& plan, int failure_fd) {
  if (prctl(PR_SET_PDEATHSIG, plan.death_signal) != 0) Fail(failure_fd, Step::kOrphan);
  // The parent may have died before the request above; then there is nobody left to send the
  // signal.
  if (getppid() != plan.parent) Fail(failure_fd, Step::kOrphan);
}

// Runs in the child, in the parent's memory: system calls only.
[[noreturn]] void BecomeProgram(const Plan& plan) {
  const int failure_fd = plan.failure_fd;
  TieToParent(plan, failure_fd);
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || setsid() < 0) Fail(failure_fd, Step::kSession);
  if (dup2(plan.null_fd, STDIN_FILENO) < 0 || dup2(plan.output_fd, STDOUT_FILENO) < 0 ||
      dup2(plan.output_fd, STDERR_FILENO) < 0 || dup3(failure_fd, kFailureFd, O_CLOEXEC) < 0 ||
      close_range(kFailureFd + 1, ~0U, 0) != 0) {
    Fail(failure_fd, Step::kDescriptors);
  }
  if (!ApplyLimits(plan)) Fail(kFailureFd, Step::kLimits);
  if (chdir(plan.working_directory) != 0) Fail(kFailureFd, Step::kDirectory);
  ResetSignals();
  if (plan.sandbox != nullptr) {
    plan.sandbox->EnterNetwork(*plan.report);
    plan.sandbox->EnterFiles(*plan.report);
    TieToParent(plan, kFailureFd);  // again: other rights may have untied it
    plan.sandbox->EnterCalls(*plan.report);
  }
  execve(plan.argv[0], plan.argv, plan.environment);
  Fail(kFailureFd, Step::kProgram);
}

// Alone in its function: nothing here lives in a register across vfork.
[[gnu::noinline]] pid_t Vfork(const Plan& plan) {
  const pid_t pid = vfork();
  if (pid == 0) BecomeProgram(plan);
  return pid;
}

Error SystemError(const std::string& what, int error) {
  return Unavailable(ErrorSource::kGateway, what + ": " + strerrordesc_np(error));
}

Error FailureError(const SpawnOptions& options, const Failure& failure) {
  const std::string& program = options.argv[0];
  switch (failure.step) {
    case Step::kOrphan:
      return SystemError("cannot tie the child to this process", failure.error);
    case Step::kSession:
      return SystemError("cannot start a session", failure.error);
    case Step::kDescriptors:
      return SystemError("cannot set up descriptors", failure.error);
    case Step::kLimits:
      return SystemError("cannot set resource limits", failure.error);
    case Step::kDirectory:
      return SystemError("cannot enter " + options.working_directory, failure.error);
    case Step::kProgram:
      break;
  }
  Error error = SystemError("cannot run " + program, failure.error);
  if (failure.error == ENOENT || failure.error == ENOTDIR) error.code = ErrorCode::kNotFound;
  if (failure.error == EACCES) error.code = ErrorCode::kPermissionDenied;
  error.retry = Retry::kNever;
  return error;
}

// `fd` under a number that the child's own layout does not use.
Result<UniqueFd> MoveUp(UniqueFd fd) {
  if (fd.get() > kFailureFd) return fd;
  UniqueFd moved(fcntl(fd.get(), F_DUPFD_CLOEXEC, kFailureFd + 1));
  if (!moved.valid()) return SystemError("cannot duplicate a descriptor", errno);
  return moved;
}

struct Pipe {
  UniqueFd read, write;
};

Result<Pipe> MakePipe() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return SystemError("cannot make a pipe", errno);
  Pipe pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
  TIDEGATE_ASSIGN(pipe.read, MoveUp(std::move(pipe.read)));
  TIDEGATE_ASSIGN(pipe.write, MoveUp(std::move(pipe.write)));
  return pipe;
}

std::vector<Limit> MakeLimits(const ResourceLimits& wanted) {
  std::vector<Limit> limits{{RLIMIT_CORE, wanted.core_bytes_max}};
  const auto add = [&limits](int resource, const std::optional<std::uint64_t>& value) {
    if (value) limits.push_back({resource, *value});
  };
  add(RLIMIT_NOFILE, wanted.open_files_max);
  add(RLIMIT_AS, wanted.address_space_bytes_max);
  add(RLIMIT_DATA, wanted.data_bytes_max);
  add(RLIMIT_FSIZE, wanted.file_bytes_max);
  add(RLIMIT_CPU, wanted.cpu_seconds_max);
  return limits;
}

std::vector<char*> Pointers(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  // execve takes char* for reasons of history and does not write.
  for (const std::string& text : strings) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

Result<void> CheckStrings(const SpawnOptions& options) {
  if (options.argv.empty() || options.argv[0].empty()) {
    return InvalidArgument("argv", "no program to run was named");
  }
  const auto has_nul = [](const std::string& text) { return text.find('\0') != text.npos; };
  if (std::any_of(options.argv.begin(), options.argv.end(), has_nul) ||
      std::any_of(options.environment.begin(), options.environment.end(), has_nul) ||
      has_nul(options.working_directory)) {
    return InvalidArgument("argv", "an argument contains a NUL byte");
  }
  return {};
}

// Starts the child and reads whether its program was loaded. The status of a child that failed is
// collected here.
Result<pid_t> Start(const SpawnOptions& options, const Plan& plan, Pipe failures) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t pid = Vfork(plan);
  const int error = errno;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (pid < 0) return SystemError("cannot start a process", error);
  failures.write.Close();
  Failure failure{};
  ssize_t got = 0;
  while ((got = read(failures.read.get(), &failure, sizeof failure)) < 0 && errno == EINTR) {
  }
  if (got == 0) return pid;
  while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  return FailureError(options, failure);
}

bool WaitReadable(int fd, std::int64_t timeout_nanos) {
  const std::int64_t due = SystemClock().MonotonicNanos() + timeout_nanos;
  while (true) {
    pollfd wanted{fd, POLLIN, 0};
    timespec left{};
    if (timeout_nanos >= 0) {
      const std::int64_t nanos = std::max<std::int64_t>(0, due - SystemClock().MonotonicNanos());
      left = {nanos / 1'000'000'000, nanos % 1'000'000'000};
    }
    const int ready = ppoll(&wanted, 1, timeout_nanos < 0 ? nullptr : &left, nullptr);
    if (ready >= 0) return ready > 0;
    CHECK(errno == EINTR);
  }
}

}  // namespace

Result<Child> Spawn(const SpawnOptions& options) {
  TIDEGATE_TRY(CheckStrings(options));
  TIDEGATE_ASSIGN(Pipe output, MakePipe());
  TIDEGATE_ASSIGN(Pipe failures, MakePipe());
  TIDEGATE_ASSIGN(const UniqueFd null_fd,
                  MoveUp(UniqueFd(open("/dev/null", O_RDONLY | O_CLOEXEC))));
  if (fcntl(output.read.get(), F_SETFL, O_NONBLOCK) != 0) {
    return SystemError("cannot set up a pipe", errno);
  }
  const std::vector<char*> argv = Pointers(options.argv);
  const std::vector<char*> environment = Pointers(options.environment);
  const std::vector<Limit> limits = MakeLimits(options.limits);
  SandboxReport report;
  std::optional<Sandbox> sandbox;
  if (options.sandbox) sandbox.emplace(*options.sandbox, argv[0]);
  const Plan plan{argv.data(),
                  environment.data(),
                  options.working_directory.c_str(),
                  limits.data(),
                  limits.size(),
                  options.death_signal,
                  getpid(),
                  null_fd.get(),
                  output.write.get(),
                  failures.write.get(),
                  sandbox ? &*sandbox : nullptr,
                  &report};
  TIDEGATE_ASSIGN(const pid_t pid, Start(options, plan, std::move(failures)));
  // Not collected yet, so the number is still this child's. (glibc 2.36 declares pidfd_open for C
  // only.)
  UniqueFd pidfd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd.valid()) {
    const int error = errno;
    kill(-pid, SIGKILL);
    waitpid(pid, nullptr, 0);
    return SystemError("cannot watch the child", error);
  }
  return Child(pid, std::move(pidfd), std::move(output.read), report);
}

Result<SandboxReport> ProbeSandbox() {
  SpawnOptions options;
  options.argv = {"/bin/true"};
  options.sandbox.emplace();
  TIDEGATE_ASSIGN(const Child child, Spawn(options));
  return child.sandbox();
}

Child::Child(int pid, UniqueFd pidfd, UniqueFd output, const SandboxReport& sandbox)
    : pid_(pid), pidfd_(std::move(pidfd)), output_(std::move(output)), sandbox_(sandbox) {}

Child& Child::operator=(Child&& other) noexcept {
  if (this != &other) {
    End();
    pid_ = other.pid_;
    pidfd_ = std::move(other.pidfd_);
    output_ = std::move(other.output_);
    sandbox_ = other.sandbox_;
    status_ = other.status_;
  }
  return *this;
}

Child::~Child() { End(); }

void Child::End() {
  if (!pidfd_.valid() || status_) return;  // moved from, or collected
  SignalGroup(SIGKILL);
  WaitFor(-1);
}

void Child::SignalGroup(int signal) {
  if (!status_) kill(-pid_, signal);  // fails only when nothing of the group is left
}

std::optional<ExitStatus> Child::Poll() {
  if (status_) return status_;
  siginfo_t info{};
  const auto id = static_cast<id_t>(pidfd_.get());
  if (waitid(P_PIDFD, id, &info, WEXITED | WNOHANG | WNOWAIT) != 0) {
    // ECHILD: SIGCHLD is ignored in this process, or somebody else collected it.
    status_ = ExitStatus{};
    return status_;
  }
  if (info.si_pid == 0) return std::nullopt;
  // The dead leader still holds the number of its group, so this cannot hit anybody else.
  SignalGroup(SIGKILL);
  int wait_status = 0;
  const pid_t collected = waitpid(pid_, &wait_status, 0);
  status_ = collected == pid_ ? ExitStatus::FromWait(wait_status) : ExitStatus{};
  return status_;
}

std::optional<ExitStatus> Child::WaitFor(std::int64_t timeout_nanos) {
  if (!status_ && !WaitReadable(pidfd_.get(), timeout_nanos)) return std::nullopt;
  return Poll();
}

ExitStatus Child::Stop(std::int64_t grace_nanos) {
  SignalGroup(SIGTERM);
  std::optional<ExitStatus> status = WaitFor(grace_nanos);
  if (!status) {
    SignalGroup(SIGKILL);
    status = WaitFor(-1);
  }
  return *status;
}

}  // namespace tidegate::process
