#include "process/child.h"

#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <poll.h>
#include <set>
#include <sstream>
#include <string>
#include <thread>

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "process/run.h"
#include "process/spawn_thread.h"

namespace tidegate::process {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr RunLimits kLimits{20 * kSecond, 1024 * 1024};

SpawnOptions Shell(const std::string& script) {
  SpawnOptions options;
  options.argv = {"/bin/sh", "-c", script};
  return options;
}

RunResult RunShell(const std::string& script) {
  Result<RunResult> result = RunProgram(Shell(script), kLimits);
  EXPECT_TRUE(result.ok()) << (result.ok() ? "" : Describe(result.error()));
  return result.ok() ? *result : RunResult{};
}

std::set<std::string> OpenDescriptors() {
  std::set<std::string> open;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    open.insert(entry.path().filename().string());
  }
  return open;
}

// Whether the process behind `pidfd` ends within ten seconds. Works for processes that are not our
// children.
bool Ends(int pidfd) {
  pollfd wanted{pidfd, POLLIN, 0};
  return poll(&wanted, 1, 10'000) == 1;
}

TEST(ChildTest, GetsItsArgumentsAsTheyAre) {
  SpawnOptions options;
  options.argv = {"/usr/bin/printf", "%s|", "two words", "", "$HOME", "a\nb"};
  const Result<RunResult> result = RunProgram(options, kLimits);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->output, "two words||$HOME|a\nb|");
}

TEST(ChildTest, InheritsNothingOfOurEnvironment) {
  ASSERT_EQ(setenv("TIDEGATE_TEST_SECRET", "hunter2", 1), 0);
  SpawnOptions options;
  options.argv = {"/usr/bin/env"};
  options.environment = {"ONLY=this"};
  const Result<RunResult> result = RunProgram(options, kLimits);
  unsetenv("TIDEGATE_TEST_SECRET");
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->output, "ONLY=this\n");
}

TEST(ChildTest, StartsInItsWorkingDirectoryWithAnEmptyInput) {
  SpawnOptions options = Shell("pwd; cat | wc -c");
  options.working_directory = "/usr";
  options.environment = {"PATH=/usr/bin:/bin"};
  const Result<RunResult> result = RunProgram(options, kLimits);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->output, "/usr\n0\n");
}

TEST(ChildTest, SeesNoDescriptorOfOursBesideTheStandardThree) {
  const UniqueFd leaky(open("/dev/null", O_RDONLY));  // on purpose without O_CLOEXEC
  ASSERT_TRUE(leaky.valid());
  SpawnOptions options;
  options.argv = {"/bin/ls", "/proc/self/fd"};
  const Result<RunResult> result = RunProgram(options, kLimits);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->output, "0\n1\n2\n3\n");  // 3: ls reads the folder through it
}

TEST(ChildTest, LeavesNoDescriptorOpenHereHoweverItEnds) {
  RunShell("exit 0");
  const std::set<std::string> before = OpenDescriptors();
  for (int i = 0; i < 20; ++i) RunShell("echo hello; exit 3");
  SpawnOptions missing;
  missing.argv = {"/nonexistent/program"};
  EXPECT_FALSE(Spawn(missing).ok());
  { const Result<Child> dropped = Spawn(Shell("while :; do :; done")); }
  EXPECT_EQ(OpenDescriptors(), before);
}

TEST(ChildTest, OutputAndErrorsComeThroughOnePipeInOrder) {
  EXPECT_EQ(RunShell("echo one; echo two >&2; echo three").output, "one\ntwo\nthree\n");
}

TEST(ChildTest, LeadsASessionOfItsOwnAndCannotGainPrivileges) {
  const RunResult result = RunShell(
      "read -r pid _ _ _ group session _ </proc/self/stat; echo $$ $group $session; "
      "while read -r k v; do case $k in NoNewPrivs:) echo $v;; esac; done </proc/self/status");
  std::istringstream words(result.output);
  int pid = 0, group = 0, session = 0, no_new_privs = 0;
  words >> pid >> group >> session >> no_new_privs;
  EXPECT_GT(pid, 0);
  EXPECT_EQ(group, pid);
  EXPECT_EQ(session, pid);
  EXPECT_NE(getsid(0), pid);
  EXPECT_EQ(no_new_privs, 1);
}

TEST(ChildTest, IgnoredAndBlockedSignalsOfOursAreNormalInTheChild) {
  signal(SIGTERM, SIG_IGN);
  sigset_t blocked;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &blocked, nullptr);
  const RunResult result = RunShell("kill -TERM $$; echo survived");
  pthread_sigmask(SIG_UNBLOCK, &blocked, nullptr);
  signal(SIGTERM, SIG_DFL);
  EXPECT_EQ(result.status, (ExitStatus{ExitStatus::Kind::kSignalled, SIGTERM, false}));
  EXPECT_EQ(result.output, "");
}

TEST(ChildTest, ResourceLimitsHold) {
  SpawnOptions options = Shell("ulimit -c; ulimit -n");
  options.limits.open_files_max = 17;
  const Result<RunResult> result = RunProgram(options, kLimits);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->output, "0\n17\n");
}

TEST(ChildTest, AProgramThatIsMissingOrMayNotRunIsAnErrorThatNamesIt) {
  SpawnOptions options;
  options.argv = {"/nonexistent/program"};
  const Result<Child> missing = Spawn(options);
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
  EXPECT_NE(missing.error().message.find("/nonexistent/program"), std::string::npos);
  const std::string plain = testing::TempDir() + "not_a_program";
  std::ofstream(plain) << "exit 0";
  ASSERT_EQ(chmod(plain.c_str(), 0600), 0);
  options.argv = {plain};
  const Result<Child> denied = Spawn(options);
  std::filesystem::remove(plain);
  ASSERT_FALSE(denied.ok());
  EXPECT_EQ(denied.error().code, ErrorCode::kPermissionDenied);
}

TEST(ChildTest, AMissingWorkingDirectoryIsAnErrorThatNamesIt) {
  SpawnOptions options = Shell("exit 0");
  options.working_directory = "/nonexistent";
  const Result<Child> child = Spawn(options);
  ASSERT_FALSE(child.ok());
  EXPECT_NE(child.error().message.find("/nonexistent"), std::string::npos);
}

TEST(ChildTest, ANulByteInAnArgumentIsRefusedRatherThanCut) {
  SpawnOptions options;
  options.argv = {"/bin/echo", std::string("a\0b", 3)};
  const Result<Child> child = Spawn(options);
  ASSERT_FALSE(child.ok());
  EXPECT_EQ(child.error().code, ErrorCode::kInvalidArgument);
  EXPECT_FALSE(Spawn(SpawnOptions{}).ok());
}

TEST(ChildTest, SaysHowItEnded) {
  EXPECT_EQ(RunShell("exit 0").status.Describe(), "exited with status 0");
  EXPECT_EQ(RunShell("exit 7").status.Describe(), "exited with status 7");
  EXPECT_EQ(RunShell("kill -KILL $$").status.Describe(), "was killed by signal 9 (SIGKILL)");
  EXPECT_TRUE(RunShell("exit 0").status.ok());
  EXPECT_FALSE(RunShell("exit 7").status.ok());
  EXPECT_EQ(ExitStatus{}.Describe(), "ended in an unknown way");
}

TEST(ChildTest, PollSaysNothingWhileItRunsAndTheStatusForEverAfter) {
  Result<Child> waiting = Spawn(Shell("while :; do sleep 1000; done"));
  ASSERT_TRUE(waiting.ok());
  EXPECT_EQ(waiting->Poll(), std::nullopt);
  waiting->SignalGroup(SIGKILL);
  const auto status = waiting->WaitFor(10 * kSecond);
  ASSERT_TRUE(status.has_value());
  EXPECT_EQ(status->value, SIGKILL);
  EXPECT_EQ(waiting->Poll(), status);
  EXPECT_EQ(waiting->WaitFor(0), status);
}

TEST(ChildTest, StopEndsOneThatIgnoresSigterm) {
  Result<Child> child = Spawn(Shell("trap '' TERM; echo ready; while :; do :; done"));
  ASSERT_TRUE(child.ok());
  pollfd output{child->output_fd(), POLLIN, 0};
  ASSERT_EQ(poll(&output, 1, 10'000), 1);  // the trap is set
  const ExitStatus status = child->Stop(kSecond / 20);
  EXPECT_EQ(status.Describe(), "was killed by signal 9 (SIGKILL)");
}

TEST(ChildTest, ItsDescendantsEndWithIt) {
  // The grandchild keeps the pipe open; its end shows as the end of the output.
  Result<Child> child = Spawn(Shell("while :; do :; done & echo $!; exit 0"));
  ASSERT_TRUE(child.ok());
  const UniqueFd output = child->TakeOutput();
  ASSERT_TRUE(child->WaitFor(10 * kSecond).has_value());
  fcntl(output.get(), F_SETFL, 0);
  char buffer[64];
  ASSERT_GT(read(output.get(), buffer, sizeof buffer), 0);
  pollfd wanted{output.get(), POLLIN, 0};
  ASSERT_EQ(poll(&wanted, 1, 10'000), 1);
  EXPECT_EQ(read(output.get(), buffer, sizeof buffer), 0);
}

TEST(ChildTest, DroppingAChildEndsIt) {
  UniqueFd pidfd;
  {
    Result<Child> child = Spawn(Shell("while :; do :; done"));
    ASSERT_TRUE(child.ok());
    pidfd = UniqueFd(fcntl(child->pidfd(), F_DUPFD_CLOEXEC, 0));
  }
  EXPECT_TRUE(Ends(pidfd.get()));
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1);  // and it was collected
  EXPECT_EQ(errno, ECHILD);
}

TEST(ChildTest, EndsWhenTheProcessThatStartedItIsKilled) {
  ASSERT_EQ(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  const pid_t parent = fork();
  ASSERT_GE(parent, 0);
  if (parent == 0) {  // starts a child, tells its number and waits to be killed
    Result<Child> child = Spawn(Shell("trap '' TERM HUP INT; while :; do :; done"));
    const int pid = child.ok() ? child->pid() : -1;
    if (write(ends[1], &pid, sizeof pid) != sizeof pid) _exit(1);
    while (true) pause();
  }
  int grandchild = 0;
  ASSERT_EQ(read(ends[0], &grandchild, sizeof grandchild), static_cast<ssize_t>(sizeof grandchild));
  ASSERT_GT(grandchild, 0);
  const UniqueFd pidfd(static_cast<int>(syscall(SYS_pidfd_open, grandchild, 0)));
  ASSERT_TRUE(pidfd.valid());
  pollfd running{pidfd.get(), POLLIN, 0};
  EXPECT_EQ(poll(&running, 1, 0), 0);
  ASSERT_EQ(kill(parent, SIGKILL), 0);
  EXPECT_TRUE(Ends(pidfd.get()));
  int status = 0;
  EXPECT_EQ(waitpid(parent, &status, 0), parent);
  EXPECT_EQ(waitpid(grandchild, &status, 0), grandchild);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  close(ends[0]);
  close(ends[1]);
  prctl(PR_SET_CHILD_SUBREAPER, 0);
}

TEST(SpawnThreadTest, ItsChildrenOutliveTheThreadThatAskedForThemAndNotItself) {
  auto spawner = std::make_unique<SpawnThread>();
  std::optional<Child> child;
  std::thread asker([&] {
    std::mutex mutex;
    std::condition_variable done;
    bool started = false;
    spawner->Post([&] {
      Result<Child> result = Spawn(Shell("while :; do :; done"));
      const std::lock_guard lock(mutex);
      if (result.ok()) child.emplace(std::move(*result));
      started = true;
      done.notify_one();
    });
    std::unique_lock lock(mutex);
    done.wait(lock, [&] { return started; });
  });
  asker.join();
  ASSERT_TRUE(child.has_value());
  EXPECT_EQ(child->Poll(), std::nullopt);
  spawner.reset();
  const auto status = child->WaitFor(10 * kSecond);
  ASSERT_TRUE(status.has_value());
  EXPECT_EQ(status->value, SIGKILL);
}

TEST(SpawnThreadTest, RunsWhatWasPostedInOrderBeforeItEnds) {
  std::string order;
  {
    SpawnThread spawner;
    for (char c = 'a'; c <= 'e'; ++c) spawner.Post([&order, c] { order += c; });
  }
  EXPECT_EQ(order, "abcde");
}

}  // namespace
}  // namespace tidegate::process
