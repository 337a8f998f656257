#include "process/sandbox.h"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <sched.h>
#include <sstream>
#include <string.h>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <linux/fs.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include "base/unique_fd.h"
#include "process/child.h"
#include "process/run.h"

// What a hostile program would try is tried by a program of ours: this test itself, started again
// with a list of attempts in its environment, inside the sandbox and, to see that the attempt is
// one, outside. Where the kernel lacks a layer these tests fail; TIDEGATE_NO_SANDBOX=1 says that
// this is meant.
namespace tidegate::process {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr RunLimits kLimits{60 * kSecond, 1024 * 1024};
constexpr const char* kAttempts = "TIDEGATE_SANDBOX_ATTEMPTS";
constexpr long kFchmodat2 = 452;  // later than the headers of the reference machine

// --- inside: each answers 0 or the error ---

int Errno(long result) { return result < 0 ? errno : 0; }

int TryOpen(const std::string& path, int flags) {
  const UniqueFd fd(open(path.c_str(), flags | O_CLOEXEC, 0600));
  return fd.valid() ? 0 : errno;
}

int TryConnectTcp(const std::string& port) {
  const UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return errno;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(std::stoi(port)));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return Errno(connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address));
}

sockaddr_un UnixAddress(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  return address;
}

int TryConnectUnix(const std::string& path) {
  const UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return errno;
  const sockaddr_un address = UnixAddress(path);
  return Errno(connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address));
}

UniqueFd ListenUnix(const std::string& path) {
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_un address = UnixAddress(path);
  if (!fd.valid() ||
      bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      listen(fd.get(), 4) != 0) {
    return {};
  }
  return fd;
}

int TryExecute(const std::string& path) {
  const char* const argv[] = {path.c_str(), nullptr};
  const char* const environment[] = {nullptr};
  execve(path.c_str(), const_cast<char* const*>(argv), const_cast<char* const*>(environment));
  return errno;
}

int TryFork() {
  const pid_t child = fork();
  if (child == 0) _exit(0);
  if (child < 0) return errno;
  waitpid(child, nullptr, 0);
  return 0;
}

int TryThread() {
  int answer = EAGAIN;
  try {
    std::thread([&answer] { answer = 0; }).join();
  } catch (const std::system_error& error) {
    return error.code().value();
  }
  return answer;
}

int TryMemory(const std::string& mebibytes) {
  const std::size_t bytes = std::stoul(mebibytes) << 20U;
  char* const memory = static_cast<char*>(std::malloc(bytes));  // NOLINT: asks, does not use
  if (memory == nullptr) return ENOMEM;
  std::free(memory);
  return 0;
}

// What may be known of a file, and who may use it. Each call leaves the file as it was, as far as
// that goes; nothing for what is none of these.
std::optional<int> TryChangeFile(const std::string& what, const std::string& argument) {
  const char* const path = argument.c_str();
  const UniqueFd fd(open(path, O_RDONLY | O_CLOEXEC));  // where it may be read, as a model may
  struct stat info {};
  if (fstat(fd.get(), &info) != 0 && stat(path, &info) != 0) return std::nullopt;
  const timespec now[2] = {{0, UTIME_NOW}, {0, UTIME_NOW}};
  if (what == "chmod") return Errno(chmod(path, info.st_mode));
  if (what == "fchmod") return Errno(fchmod(fd.get(), info.st_mode));
  if (what == "fchmodat2") return Errno(syscall(kFchmodat2, AT_FDCWD, path, info.st_mode, 0));
  if (what == "chown") return Errno(chown(path, info.st_uid, info.st_gid));
  if (what == "lchown") return Errno(lchown(path, info.st_uid, info.st_gid));
  if (what == "fchown") return Errno(fchown(fd.get(), info.st_uid, info.st_gid));
  if (what == "utimens") return Errno(utimensat(AT_FDCWD, path, now, 0));
  if (what == "futimens") return Errno(futimens(fd.get(), now));
  if (what == "setxattr") return Errno(setxattr(path, "user.tidegate", "1", 1, 0));
  if (what == "fsetxattr") return Errno(fsetxattr(fd.get(), "user.tidegate", "1", 1, 0));
  if (what == "removexattr") return Errno(removexattr(path, "user.tidegate"));
  if (what == "truncate") return Errno(truncate(path, info.st_size));
  if (what == "cut-to-read") return TryOpen(argument, O_RDONLY | O_TRUNC);
  if (what == "cut-to-ask") return TryOpen(argument, O_ACCMODE | O_TRUNC);
  if (what == "flags") return Errno(ioctl(fd.get(), FS_IOC_SETFLAGS, nullptr));
  return std::nullopt;
}

int TryQueueSignal(pid_t to) {
  siginfo_t info{};
  info.si_code = SI_QUEUE;
  return Errno(syscall(SYS_rt_tgsigqueueinfo, to, to, 0, &info));
}

// Who owns a descriptor gets a signal when something happens to it, a signal of choice.
int TryOwn(int how) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return errno;
  const UniqueFd read(ends[0]), write(ends[1]);
  const f_owner_ex parent{F_OWNER_PID, getppid()};
  if (how == F_SETOWN_EX) return Errno(fcntl(read.get(), how, &parent));
  return Errno(fcntl(read.get(), how, getppid()));
}

// As abort() does, which llama.cpp calls where it cannot go on.
int TryRaise() {
  (void)signal(SIGUSR1, SIG_IGN);
  return Errno(raise(SIGUSR1));
}

int TryCapabilities() {
  std::ifstream status("/proc/self/status");
  int none = 0;
  for (std::string line; std::getline(status, line);) {
    if (!line.starts_with("CapPrm:") && !line.starts_with("CapEff:")) continue;
    if (line.find_first_not_of("0\t", line.find(':') + 1) != line.npos) return 0;  // it has some
    ++none;
  }
  return none == 2 ? EPERM : ENOTSUP;
}

int Try(const std::string& what, const std::string& argument) {
  if (what == "capabilities") return TryCapabilities();
  if (what == "read") return TryOpen(argument, O_RDONLY);
  if (what == "list") return TryOpen(argument, O_RDONLY | O_DIRECTORY);
  if (what == "write") return TryOpen(argument, O_WRONLY);
  if (what == "overwrite") return TryOpen(argument, O_WRONLY | O_CREAT | O_TRUNC);
  if (what == "create") return TryOpen(argument, O_WRONLY | O_CREAT);
  if (what == "remove") return Errno(unlink(argument.c_str()));
  if (const std::optional<int> error = TryChangeFile(what, argument)) return *error;
  if (what == "tcp") return TryConnectTcp(argument);
  if (what == "udp") return Errno(socket(AF_INET, SOCK_DGRAM, 0));
  if (what == "unix-datagram") return Errno(socket(AF_UNIX, SOCK_DGRAM, 0));
  if (what == "connect") return TryConnectUnix(argument);
  if (what == "listen") return ListenUnix(argument).valid() ? 0 : errno;
  if (what == "execute") return TryExecute(argument);
  if (what == "fork") return TryFork();
  if (what == "thread") return TryThread();
  if (what == "memory") return TryMemory(argument);
  if (what == "signal") return Errno(kill(getppid(), 0));
  if (what == "signal-thread") return Errno(syscall(SYS_tgkill, getppid(), getppid(), 0));
  if (what == "signal-any-thread") return Errno(syscall(SYS_tkill, getppid(), 0));
  if (what == "queue-signal") return TryQueueSignal(getppid());
  if (what == "own") return TryOwn(F_SETOWN);
  if (what == "own-any") return TryOwn(F_SETOWN_EX);
  if (what == "signal-self") return Errno(syscall(SYS_tgkill, getpid(), gettid(), 0));
  if (what == "raise") return TryRaise();
  if (what == "trace") return Errno(ptrace(PTRACE_TRACEME, 0, nullptr, nullptr));
  if (what == "namespace") return Errno(unshare(CLONE_NEWUSER));
  if (what == "mount") return Errno(mount("none", "/tmp", "tmpfs", 0, nullptr));
  if (what == "bpf") return Errno(syscall(SYS_bpf, 0, nullptr, 0));
  if (what == "keyctl") return Errno(syscall(SYS_keyctl, 0, 0, 0));
  if (what == "io_uring") return Errno(syscall(SYS_io_uring_setup, 1, nullptr));
  if (what == "module") return Errno(syscall(SYS_finit_module, -1, "", 0));
  if (what == "kexec") return Errno(syscall(SYS_kexec_load, 0, 0, nullptr, 0));
  if (what == "limits") {
    rlimit limit{};
    return Errno(prlimit(getppid(), RLIMIT_NOFILE, nullptr, &limit));
  }
  return ENOTSUP;
}

// Not a test of its own: what the tests below start.
TEST(SandboxProbe, DISABLED_Attempts) {
  const char* const attempts = std::getenv(kAttempts);
  ASSERT_NE(attempts, nullptr) << "started by the other tests of this file only";
  std::istringstream lines(attempts);
  std::string what;
  std::string argument;
  while (lines >> what >> argument) {
    const int error = Try(what, argument);
    std::printf("\nattempt %s %s %s\n", what.c_str(), argument.c_str(),
                error == 0 ? "done" : strerrorname_np(error));
    std::fflush(stdout);
  }
  _exit(0);  // what a test program does at its end is not what is tested
}

// --- outside ---

class SandboxTest : public testing::Test {
 protected:
  SandboxTest() {
    std::string pattern = "/tmp/tidegate-sandbox-test-XXXXXX";
    folder_ = mkdtemp(pattern.data());
    for (const char* name : {"model", "home", "run"}) fs::create_directory(folder_ / name);
    Write("model/weights.gguf", "weights");
    Write("home/secret", "secret");
    sandbox_.readable = {Path("model/weights.gguf"), "/usr/lib", "/lib", "/lib64",
                         "/etc/ld.so.cache", "/dev/urandom",
                         // What sanitizers want of their process.
                         "/proc/self"};
    sandbox_.devices = {"/dev/null"};
    sandbox_.socket_folders = {Path("run")};
  }
  ~SandboxTest() override { fs::remove_all(folder_); }

  void SetUp() override {
    const char* without = std::getenv("TIDEGATE_NO_SANDBOX");
    if (without != nullptr && std::string(without) == "1") GTEST_SKIP() << "TIDEGATE_NO_SANDBOX=1";
  }

  // Under it a child is forked with a thread of its runtime, and a process with threads gets no
  // namespace; what the child says of itself stays in its copy of the memory.
#if defined(__SANITIZE_THREAD__)
  static constexpr bool kUnderThreadSanitizer = true;
#else
  static constexpr bool kUnderThreadSanitizer = false;
#endif

  std::string Path(const std::string& name) const { return (folder_ / name).string(); }
  void Write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name) << text;
  }

  // "done" or the name of the error, for each "what argument".
  std::map<std::string, std::string> Attempt(const std::vector<std::string>& attempts,
                                             bool in_sandbox = true) {
    SpawnOptions options;
    options.argv = {fs::read_symlink("/proc/self/exe").string(), "--gtest_also_run_disabled_tests",
                    "--gtest_filter=SandboxProbe.DISABLED_Attempts"};
    std::string list;
    for (const std::string& attempt : attempts) list += attempt + "\n";
    options.environment = {kAttempts + ("=" + list), "ASAN_OPTIONS=detect_leaks=0"};
    options.limits = limits_;
    if (in_sandbox) options.sandbox = sandbox_;
    const Result<RunResult> result = RunProgram(options, kLimits);
    EXPECT_TRUE(result.ok()) << (result.ok() ? "" : Describe(result.error()));
    std::map<std::string, std::string> answers;
    if (!result.ok()) return answers;
    EXPECT_TRUE(result->status.ok()) << result->status.Describe() << '\n' << result->output;
    std::istringstream lines(result->output);
    std::string line;
    while (std::getline(lines, line)) {
      std::istringstream words(line);
      std::string attempt, what, argument, answer;
      if (words >> attempt >> what >> argument >> answer && attempt == "attempt") {
        answers[what + " " + argument] = answer;
      }
    }
    EXPECT_EQ(answers.size(), attempts.size()) << result->output;
    return answers;
  }
  // Each is done outside and refused inside.
  void ExpectRefused(const std::vector<std::string>& attempts) {
    for (const auto& [attempt, answer] : Attempt(attempts, false)) {
      EXPECT_EQ(answer, "done") << attempt << ", outside";
    }
    for (const auto& [attempt, answer] : Attempt(attempts)) {
      EXPECT_TRUE(answer == "EPERM" || answer == "EACCES") << attempt << ": " << answer;
    }
  }

  fs::path folder_;
  SandboxOptions sandbox_;
  ResourceLimits limits_;
};

// A port of this machine that takes connections.
class Listener {
 public:
  Listener() : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(bind(fd_.get(), generic, size), 0);
    EXPECT_EQ(listen(fd_.get(), 4), 0);
    EXPECT_EQ(getsockname(fd_.get(), generic, &size), 0);
    port_ = ntohs(address.sin_port);
  }
  std::string port() const { return std::to_string(port_); }

 private:
  UniqueFd fd_;
  int port_ = 0;
};

TEST_F(SandboxTest, ThisKernelHasEveryLayer) {
  if (kUnderThreadSanitizer) GTEST_SKIP() << "tsan starts a thread in every child";
  const Result<SandboxReport> report = ProbeSandbox();
  ASSERT_TRUE(report.ok()) << Describe(report.error());
  EXPECT_TRUE(report->network.active());
  EXPECT_TRUE(report->files.active());
  EXPECT_TRUE(report->calls.active());
  EXPECT_TRUE(report->Missing().empty());
}

// As in a chroot. The program is this one again, with the rights of a user namespace in which there
// can be no other.
TEST_F(SandboxTest, WithoutUserNamespacesWhoeverIsPrivilegedHasEveryLayer) {
  if (kUnderThreadSanitizer) GTEST_SKIP() << "tsan starts a thread in every child";
  const auto run = [](const std::string& script) {
    SpawnOptions options;
    options.argv = {"/usr/bin/unshare", "--user", "--map-root-user", "/bin/sh", "-c", script};
    options.environment = {"PATH=/usr/bin:/bin", "ASAN_OPTIONS=detect_leaks=0"};
    return RunProgram(options, kLimits);
  };
  const Result<RunResult> may = run("true");
  ASSERT_TRUE(may.ok()) << Describe(may.error());
  if (!may->status.ok()) GTEST_SKIP() << "so it is here anyway";
  const std::string self = fs::read_symlink("/proc/self/exe").string();
  const Result<RunResult> done = run(
      "echo 0 > /proc/sys/user/max_user_namespaces && ! unshare --user true 2>/dev/null && exec " +
      self + " --gtest_brief=1 --gtest_filter=SandboxTest.*:-*WithoutUserNamespaces*");
  ASSERT_TRUE(done.ok()) << Describe(done.error());
  EXPECT_TRUE(done->status.ok()) << done->output;
  EXPECT_NE(done->output.find("PASSED"), std::string::npos) << done->output;
}

TEST_F(SandboxTest, TheChildHasNoCapabilities) {
  for (const auto& [attempt, answer] : Attempt({"capabilities -"})) EXPECT_EQ(answer, "EPERM");
}

TEST_F(SandboxTest, AMissingLayerIsNamedWithTheReason) {
  SandboxReport report;
  EXPECT_TRUE(report.Missing().empty());  // nothing was wanted
  report.files = {true, EOPNOTSUPP};
  report.network = {true, 0};
  ASSERT_EQ(report.Missing().size(), 1U);
  EXPECT_NE(report.Missing()[0].find("Landlock"), std::string::npos);
  EXPECT_NE(report.Missing()[0].find("not supported"), std::string::npos) << report.Missing()[0];
}

TEST_F(SandboxTest, WhatAnOldLandlockDoesNotCoverIsMissingUnlessTheFilterCoversIt) {
  SandboxReport report;
  report.files = {true, 0};
  report.landlock_version = 6;
  EXPECT_TRUE(report.Missing().empty());
  report.landlock_version = 5;
  ASSERT_EQ(report.Missing().size(), 1U);
  EXPECT_NE(report.Missing()[0].find("version 5"), std::string::npos) << report.Missing()[0];
  EXPECT_NE(report.Missing()[0].find("signals"), std::string::npos) << report.Missing()[0];
  report.landlock_version = 2;
  ASSERT_EQ(report.Missing().size(), 2U);
  EXPECT_NE(report.Missing()[0].find("cutting files"), std::string::npos) << report.Missing()[0];
  report.calls = {true, 0};
  EXPECT_TRUE(report.Missing().empty());
  report.calls = {true, EINVAL};
  EXPECT_EQ(report.Missing().size(), 3U);
}

TEST_F(SandboxTest, WhatTheWorkNeedsIsAllowed) {
  const std::vector<std::string> attempts = {"read " + Path("model/weights.gguf"),
                                             "write /dev/null",
                                             "read /dev/urandom",
                                             "thread -",
                                             "listen " + Path("run/child.sock"),
                                             "remove " + Path("run/child.sock"),
                                             "memory 64"};
  for (const auto& [attempt, answer] : Attempt(attempts)) EXPECT_EQ(answer, "done") << attempt;
}

TEST_F(SandboxTest, AChildThatListensCanBeReachedFromOutside) {
  SpawnOptions options;
  options.argv = {fs::read_symlink("/proc/self/exe").string(), "--gtest_also_run_disabled_tests",
                  "--gtest_filter=SandboxProbe.DISABLED_Serve"};
  options.environment = {std::string(kAttempts) + "=" + Path("run/child.sock"),
                         "ASAN_OPTIONS=detect_leaks=0"};
  options.sandbox = sandbox_;
  Result<Child> child = Spawn(options);
  ASSERT_TRUE(child.ok()) << Describe(child.error());
  EXPECT_TRUE(child->sandbox().Missing().empty());
  int error = ENOENT;
  for (int i = 0; i < 5'000 && error != 0; ++i) {
    error = TryConnectUnix(Path("run/child.sock"));
    if (error != 0) usleep(2'000);
  }
  EXPECT_EQ(error, 0);
  const std::optional<ExitStatus> status = child->WaitFor(20 * kSecond);
  ASSERT_TRUE(status.has_value());
  EXPECT_TRUE(status->ok()) << status->Describe();
}

TEST(SandboxProbe, DISABLED_Serve) {
  const char* const path = std::getenv(kAttempts);
  ASSERT_NE(path, nullptr) << "started by the other tests of this file only";
  const UniqueFd listener = ListenUnix(path);
  const UniqueFd peer(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  _exit(peer.valid() ? 0 : 1);
}

TEST_F(SandboxTest, NothingIsReachedOverTheNetwork) {
  const Listener listener;
  ExpectRefused({"tcp " + listener.port(), "udp -"});
}

TEST_F(SandboxTest, TheNetworkNamespaceAloneHasNoWayOut) {
  if (kUnderThreadSanitizer) GTEST_SKIP() << "tsan starts a thread in every child";
  const Listener listener;
  sandbox_.files = sandbox_.calls = false;
  const auto answers = Attempt({"tcp " + listener.port(), "udp -"});
  EXPECT_EQ(answers.at("tcp " + listener.port()), "ENETUNREACH");
  EXPECT_EQ(answers.at("udp -"), "done");  // that is the other layer's
}

TEST_F(SandboxTest, TheFilterAloneLetsNobodyConnect) {
  const Listener listener;
  const std::string path = Path("run/other.sock");
  const UniqueFd other = ListenUnix(path);
  ASSERT_TRUE(other.valid());
  sandbox_.files = sandbox_.network = false;
  ExpectRefused({"tcp " + listener.port(), "udp -", "unix-datagram -", "connect " + path});
}

TEST_F(SandboxTest, FilesThatAreNotListedCannotBeReadWrittenOrMade) {
  sandbox_.network = sandbox_.calls = false;
  ExpectRefused({"read " + Path("home/secret"), "write " + Path("home/secret"),
                 "create " + Path("home/new"), "list " + Path("home"), "read /etc/passwd", "list /",
                 "list /tmp"});
}

TEST_F(SandboxTest, WhatMayBeReadMayNotBeChangedAndFoldersForSocketsTakeNothingElse) {
  Write("run/key", "another child's");
  ExpectRefused({"write " + Path("model/weights.gguf"), "read " + Path("run/key"),
                 "create " + Path("run/file"), "create " + Path("model/file")});
}

TEST_F(SandboxTest, AFileThatMayBeWrittenIsNoWayToMakeOthers) {
  Write("home/out", "");
  sandbox_.writable = {Path("home/out")};
  const std::vector<std::string> allowed = {
      "overwrite " + Path("home/out"), "write " + Path("home/out"), "read " + Path("home/out")};
  for (const auto& [attempt, answer] : Attempt(allowed)) EXPECT_EQ(answer, "done") << attempt;
  const std::string remove = "remove " + Path("home/out");
  EXPECT_EQ(Attempt({remove}).at(remove), "EACCES");
  ExpectRefused({"overwrite " + Path("home/secret"), "overwrite " + Path("home/new")});
}

TEST_F(SandboxTest, NamesThatMayBeListedAreNoContents) {
  sandbox_.listable = {Path("home")};
  const auto answers = Attempt({"list " + Path("home"), "read " + Path("home/secret")});
  EXPECT_EQ(answers.at("list " + Path("home")), "done");
  EXPECT_EQ(answers.at("read " + Path("home/secret")), "EACCES");
}

// Landlock asks who opens a file, and not who changes what it is called, whose it is or who may
// read it; nor, before its third version, who cuts it.
TEST_F(SandboxTest, TheFilterAloneChangesNothingOfAFileThatItMayRead) {
  sandbox_.network = sandbox_.files = false;
  const std::string file = " " + Path("model/weights.gguf");
  ExpectRefused({"chmod" + file, "fchmod" + file, "chown" + file, "lchown" + file, "fchown" + file,
                 "utimens" + file, "futimens" + file, "truncate" + file, "cut-to-read" + file,
                 "cut-to-ask" + file});
  // Not known to every kernel and file system.
  const auto answers = Attempt({"fchmodat2" + file, "setxattr" + file, "fsetxattr" + file,
                                "removexattr" + file, "flags" + file});
  for (const auto& [attempt, answer] : answers) EXPECT_EQ(answer, "EPERM") << attempt;
}

TEST_F(SandboxTest, TheFilterAloneLetsAThreadSignalItsOwnProcessOnly) {
  sandbox_.network = sandbox_.files = false;
  ExpectRefused({"signal-thread -", "signal-any-thread -", "own -", "own-any -"});
  EXPECT_EQ(Attempt({"queue-signal -"}).at("queue-signal -"), "EPERM");
  const auto answers = Attempt({"signal-self -", "raise -", "thread -"});
  for (const auto& [attempt, answer] : answers) EXPECT_EQ(answer, "done") << attempt;
}

TEST_F(SandboxTest, LandlockAloneRunsNoOtherProgramAndSignalsNobody) {
  sandbox_.network = sandbox_.calls = false;
  const auto answers = Attempt({"signal -", "signal-thread -", "execute /bin/true"});
  EXPECT_EQ(answers.at("signal -"), "EPERM");
  EXPECT_EQ(answers.at("signal-thread -"), "EPERM");
  EXPECT_EQ(answers.at("execute /bin/true"), "EACCES");
}

TEST_F(SandboxTest, TheFilterAloneStartsNothingAndTouchesNoOtherProcess) {
  sandbox_.network = sandbox_.files = false;
  ExpectRefused({"fork -", "signal -", "trace -", "limits -"});
  const auto answers = Attempt({"execute /bin/true"});  // ends a probe that is outside
  EXPECT_EQ(answers.at("execute /bin/true"), "EPERM");
}

// Some of these need privileges outside, or fail there for their arguments: what counts is that the
// filter, and not something behind it, refuses.
TEST_F(SandboxTest, TheFilterRefusesWhatManagesTheMachine) {
  sandbox_.network = sandbox_.files = false;
  const auto answers =
      Attempt({"namespace -", "mount -", "bpf -", "keyctl -", "io_uring -", "module -", "kexec -"});
  for (const auto& [attempt, answer] : answers) EXPECT_EQ(answer, "EPERM") << attempt;
  const auto outside = Attempt({"io_uring -", "keyctl -", "module -"}, false);
  for (const auto& [attempt, answer] : outside) EXPECT_NE(answer, "EPERM") << attempt;
}

TEST_F(SandboxTest, MemoryBeyondTheLimitIsRefused) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer needs more memory than any limit worth testing";
#endif
  limits_.data_bytes_max = 512ULL << 20U;
  const auto answers = Attempt({"memory 64", "memory 1024"});
  EXPECT_EQ(answers.at("memory 64"), "done");
  EXPECT_EQ(answers.at("memory 1024"), "ENOMEM");
}

TEST_F(SandboxTest, AProgramInASandboxDiesWithTheThreadThatStartedIt) {
  SpawnOptions options;
  options.argv = {"/bin/sh", "-c", "while :; do :; done"};
  options.sandbox = sandbox_;
  std::optional<Result<Child>> child;
  std::thread([&] { child.emplace(Spawn(options)); }).join();
  ASSERT_TRUE(child->ok()) << Describe((*child).error());
  const std::optional<ExitStatus> status = (*child)->WaitFor(20 * kSecond);
  ASSERT_TRUE(status.has_value());
  EXPECT_EQ(status->kind, ExitStatus::Kind::kSignalled);
  EXPECT_EQ(status->value, SIGKILL);
}

TEST_F(SandboxTest, KnowsWhatAProgramIsRunWith) {
  Write("script", "#! /bin/sh -e\nexit 0\n");
  const std::vector<std::string> files = ProgramFiles(Path("script"));
  ASSERT_EQ(files.size(), 3U);
  EXPECT_EQ(files[1], "/bin/sh");
  EXPECT_NE(files[2].find("ld-linux"), std::string::npos);
  EXPECT_EQ(ProgramFiles("/nowhere"), std::vector<std::string>{"/nowhere"});
  Write("cut", "\177ELF\2");
  EXPECT_EQ(ProgramFiles(Path("cut")).size(), 1U);
  Write("empty", "#!\n");
  EXPECT_EQ(ProgramFiles(Path("empty")).size(), 1U);
  Write("loop", "#!" + Path("loop") + "\n");
  EXPECT_LE(ProgramFiles(Path("loop")).size(), 5U);
}

}  // namespace
}  // namespace tidegate::process
