#include "engine/engine.h"

#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/testing/read_bytes.h"
#include "base/unique_fd.h"
#include "engine/testing/engine_fixture.h"
#include "models/local_models.h"
#include "models/model_store.h"
#include "net/client.h"

namespace tidegate::engine {
namespace {

namespace fs = std::filesystem;

using testing::AcquireTask;
using testing::Boxed;
using testing::Ends;
using testing::Eventually;
using testing::kChat;
using testing::kSecond;
using testing::kStarter;
using testing::Model;
using testing::OpenPid;
using LeaseResult = Boxed<Lease>;

template <typename T>
std::future<T> Start(net::Shard& shard, net::Task<T> task) {
  return net::SpawnFuture(shard.io(), std::move(task));
}

class EngineTest : public testing::EngineFixture {
 protected:
  ~EngineTest() override { held_.clear(); }

  // A machine with so many devices, and an engine that says of some that it uses them.
  void Devices(int there, int used) {
    for (int i = 0; i < there; ++i) {
      options_.machine.devices.push_back(
          {"CUDA" + std::to_string(i), "made up", 8ULL << 30U, 8ULL << 30U});
    }
    Locator locator(options_.locator);
    const Result<EngineBinary> binary = locator.Locate();
    ASSERT_TRUE(binary.ok());
    const std::string program = (folder_ / "llama-server").string();
    std::ofstream script(program);
    script << "#!/bin/sh\n";
    for (int i = 0; i < used; ++i) {
      script << "echo 'load_tensors:        CUDA" << i << " model buffer size =     1.00 MiB'\n";
    }
    script << "exec " << binary->path << " \"$@\"\n";
    fs::permissions(program, fs::perms::owner_all);
    options_.locator.configured_path = program;
    options_.protection.enabled = false;  // it would not let one program start another
  }
  std::optional<ProcessEnd> WhyEnded(const Endpoint& endpoint) {
    net::CancelToken cancel;
    return Start(shards_[1], engine_->WhyEnded(shards_[1], endpoint, cancel)).get();
  }
  // Sockets and keys of all engines here.
  std::size_t PrivateFiles() {
    std::size_t count = 0;
    for (const auto& entry : fs::recursive_directory_iterator(folder_ / "run")) {
      const std::string extension = entry.path().extension();
      count += extension == ".sock" || extension == ".key" ? 1 : 0;
    }
    return count;
  }

  std::vector<Lease> held_;
};

TEST_F(EngineTest, StartsTheModelThatIsAskedForAndItAnswers) {
  Create({Model("tiny")});
  EXPECT_EQ(StatusOf("tiny").state, ModelState::kAbsent);
  Result<Lease> lease = Acquire("tiny");
  ASSERT_TRUE(lease.ok()) << Describe(lease.error());
  EXPECT_EQ(lease->endpoint().model, "tiny");
  const net::SimpleResponse answer = Post(lease->endpoint(), "/v1/chat/completions", kChat);
  EXPECT_EQ(answer.status, 200);
  EXPECT_NE(answer.body.find("\"content\""), std::string::npos) << answer.body;
  EXPECT_NE(answer.body.find("\"model\":\"tiny\""), std::string::npos) << answer.body;

  const ModelStatus status = StatusOf("tiny");
  EXPECT_EQ(status.state, ModelState::kReady);
  EXPECT_EQ(status.users, 1);
  EXPECT_GT(status.rss_bytes, 1'000'000U);
  EXPECT_GT(status.last_start_nanos, 0);
  EXPECT_LT(status.last_start_nanos, 20 * kSecond);
  RecordProperty("cold_start_ms", static_cast<int>(status.last_start_nanos / 1'000'000));
  held_.push_back(std::move(*lease));
}

TEST_F(EngineTest, WithoutTheKeyNothingIsAnswered) {
  Create({Model("tiny")});
  Result<Lease> lease = Acquire("tiny");
  ASSERT_TRUE(lease.ok());
  EXPECT_EQ(Post(lease->endpoint(), "/v1/chat/completions", kChat, false).status, 401);
  Endpoint wrong = lease->endpoint();
  wrong.authorization = Secret("Bearer 0000000000000000");
  EXPECT_EQ(Post(wrong, "/v1/chat/completions", kChat).status, 401);
}

TEST_F(EngineTest, TheKeyIsNowhereThatOthersCanLook) {
  options_.locator.environment.clear();  // of whoever runs the tests
  Create({Model("tiny")});
  Result<Lease> lease = Acquire("tiny");
  ASSERT_TRUE(lease.ok());
  const std::string authorization(lease->endpoint().authorization.Reveal());
  const std::string key = authorization.substr(authorization.find(' ') + 1);
  ASSERT_EQ(key.size(), 64U);
  const std::string process = "/proc/" + std::to_string(StatusOf("tiny").pid);
  const std::string command_line = ReadBytes(process + "/cmdline");
  EXPECT_NE(command_line.find("--api-key-file"), std::string::npos);
  EXPECT_EQ(command_line.find(key), std::string::npos);
  EXPECT_EQ(ReadBytes(process + "/environ"), "");
  // It has read the key, so the file is gone; the folder and the socket in it are for this user
  // only.
  const fs::path socket = lease->endpoint().origin.unix_path;
  struct stat info {};
  ASSERT_EQ(stat(socket.parent_path().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700U);
  ASSERT_EQ(stat(options_.runtime_folder.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700U);
  EXPECT_EQ(PrivateFiles(), 1U);  // the socket
}

TEST_F(EngineTest, AChildHasTheVariablesThatAreNamedForItAndNoOthers) {
  options_.locator.environment = {"CUDA_VISIBLE_DEVICES=1", "GGML_CUDA_NO_PINNED=1"};
  Create({Model("tiny")});
  Result<Lease> lease = Acquire("tiny");
  ASSERT_TRUE(lease.ok());
  const std::string process = "/proc/" + std::to_string(StatusOf("tiny").pid);
  EXPECT_EQ(ReadBytes(process + "/environ"),
            std::string("CUDA_VISIBLE_DEVICES=1\0GGML_CUDA_NO_PINNED=1\0", 45));
}

TEST_F(EngineTest, EveryStartHasAKeyOfItsOwn) {
  options_.limits.keep_alive_nanos = 0;
  Create({Model("tiny")});
  std::optional<Result<Lease>> lease = Acquire("tiny");
  ASSERT_TRUE(lease->ok());
  const std::string first((*lease)->endpoint().authorization.Reveal());
  lease.reset();
  ASSERT_TRUE(Reaches("tiny", ModelState::kAbsent));
  lease = Acquire("tiny");
  ASSERT_TRUE(lease->ok());
  EXPECT_NE((*lease)->endpoint().authorization.Reveal(), first);
}

TEST_F(EngineTest, AChildThatIsKilledInUseComesBackForThoseWhoWait) {
  options_.limits.slots = 1;
  Create({Model("tiny")});
  Result<Lease> lease = Acquire("tiny");
  ASSERT_TRUE(lease.ok());
  std::future<LeaseResult> waiting = StartAcquire("tiny");
  ASSERT_TRUE(Eventually([&] { return StatusOf("tiny").queue_depth == 1; }));
  const int killed = StatusOf("tiny").pid;
  ASSERT_EQ(kill(killed, SIGKILL), 0);

  const LeaseResult second = waiting.get();
  ASSERT_TRUE(second->ok()) << Describe(second->error());
  const ModelStatus status = StatusOf("tiny");
  EXPECT_NE(status.pid, killed);
  EXPECT_EQ(status.failures, 1);
  EXPECT_NE(status.last_error.find("SIGKILL"), std::string::npos) << status.last_error;
  EXPECT_EQ(Post((*second)->endpoint(), "/v1/chat/completions", kChat).status, 200);
  Endpoint old = lease->endpoint();
  EXPECT_NE(old.peer_pid, (*second)->endpoint().peer_pid);
  EXPECT_EQ(Post(old, "/v1/chat/completions", kChat).status, 401);  // the old key is void
  held_.push_back(std::move(*lease));
  held_.clear();  // a lease of the dead child gives back no slot of the new one
  std::future<LeaseResult> third = StartAcquire("tiny");
  EXPECT_TRUE(Eventually([&] { return StatusOf("tiny").queue_depth == 1; }));
  EXPECT_EQ(StatusOf("tiny").users, 1);
  held_.push_back(std::move(**second));
  held_.clear();
  EXPECT_TRUE(third.get()->ok());
}

TEST_F(EngineTest, AStartBeginsAnewWithTheMachineThatIsFoundBeforeIt) {
  Devices(1, 1);
  const Machine found = std::exchange(options_.machine, {});
  options_.before_start = [&, first = true]() mutable {
    if (!std::exchange(first, false)) return false;
    engine_->SetMachine(found);
    return true;
  };
  Create({Model("tiny")});
  EXPECT_EQ(StatusOf("tiny").device_layers, 0);
  Result<Lease> lease = Acquire("tiny");
  ASSERT_TRUE(lease.ok()) << Describe(lease.error());
  const ModelStatus status = StatusOf("tiny");
  EXPECT_GT(status.device_layers, 0);
  EXPECT_EQ(status.degraded, "");
  EXPECT_EQ(status.counts.failed_starts, 0);
  EXPECT_EQ(status.failures, 0);
}

// Stopped, it keeps its connections and answers nothing.
TEST_F(EngineTest, AChildThatHangsUnderItsUsersIsKilledAndComesBack) {
  options_.limits.check_nanos = options_.limits.check_timeout_nanos = kSecond / 10;
  options_.limits.check_misses_max = 2;
  Create({Model("tiny")});
  Result<Lease> lease = Acquire("tiny");
  ASSERT_TRUE(lease.ok());
  const int hung = StatusOf("tiny").pid;
  const UniqueFd child = OpenPid(hung);
  ASSERT_EQ(kill(hung, SIGSTOP), 0);
  EXPECT_TRUE(Ends(child.get()));
  const std::optional<ProcessEnd> end = WhyEnded(lease->endpoint());
  ASSERT_TRUE(end.has_value());
  EXPECT_NE(end->how.find("hung"), std::string::npos) << end->how;
  EXPECT_GE(end->retry_after_s, 1);
  ASSERT_TRUE(Reaches("tiny", ModelState::kReady));  // by itself
  EXPECT_NE(StatusOf("tiny").pid, hung);
  EXPECT_EQ(StatusOf("tiny").counts.crashes, 1);
}

TEST_F(EngineTest, AChildThatIsOnlyBusyIsLeftAlone) {
  options_.limits.check_nanos = kSecond / 100;
  Create({Model("tiny")});
  Result<Lease> lease = Acquire("tiny");
  ASSERT_TRUE(lease.ok());
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(Answers(*lease));
  EXPECT_EQ(StatusOf("tiny").counts.crashes, 0);
  EXPECT_EQ(WhyEnded(lease->endpoint()), std::nullopt);
}

TEST_F(EngineTest, HowAChildEndedIsToldToThoseWhoUsedIt) {
  Create({Model("tiny")});
  Result<Lease> first = Acquire("tiny");
  ASSERT_TRUE(first.ok());
  ASSERT_EQ(kill(StatusOf("tiny").pid, SIGSEGV), 0);
  const std::optional<ProcessEnd> end = WhyEnded(first->endpoint());
  ASSERT_TRUE(end.has_value());
  EXPECT_NE(end->how.find("SIGSEGV"), std::string::npos) << end->how;
  Result<Lease> second = Acquire("tiny");
  ASSERT_TRUE(second.ok());
  EXPECT_NE(second->endpoint().run, first->endpoint().run);
  EXPECT_NE(WhyEnded(first->endpoint()), std::nullopt);  // also when the next one runs
}

TEST_F(EngineTest, AnIdleChildIsStoppedAndLeavesNothing) {
  options_.limits.keep_alive_nanos = kSecond / 100;
  Create({Model("tiny")});
  {
    Result<Lease> lease = Acquire("tiny");
    ASSERT_TRUE(lease.ok());
    EXPECT_EQ(StatusOf("tiny").state, ModelState::kReady);
  }
  ASSERT_TRUE(Reaches("tiny", ModelState::kAbsent));
  EXPECT_EQ(StatusOf("tiny").pid, 0);
  EXPECT_EQ(StatusOf("tiny").failures, 0);
  EXPECT_EQ(PrivateFiles(), 0U);
}

TEST_F(EngineTest, AModelMayStayLongerOrShorterThanTheOthers) {
  options_.keep_alives = {{"short", 0}, {"ever", -1}};
  Create({Model("short"), Model("ever"), Model("usual")});
  for (const char* name : {"ever", "usual", "short"}) ASSERT_TRUE(Acquire(name).ok());
  EXPECT_TRUE(Reaches("short", ModelState::kAbsent));
  EXPECT_EQ(StatusOf("ever").idle_stop_in_nanos, -1);
  EXPECT_GT(StatusOf("usual").idle_stop_in_nanos, 0);
}

TEST_F(EngineTest, HoldsTheFilesOfAStoredModelWhileItRuns) {
  models::ModelStore store((folder_ / "store").string());
  const models::Digest digest = *store.blobs().Put(ReadBytes(kStarter));
  models::LocalModel model = Model("kept", store.blobs().PathOf(digest));
  model.origin = models::ModelOrigin::kStore;
  const std::vector<models::Digest> digests = {digest};
  Create({model});
  {
    Result<Lease> lease = Acquire("kept");
    ASSERT_TRUE(lease.ok()) << Describe(lease.error());
    EXPECT_EQ(store.DropUnused(digests)->in_use, 1U);
    EXPECT_TRUE(store.blobs().SizeOf(digest));
  }
  engine_->Stop("kept");
  ASSERT_TRUE(Reaches("kept", ModelState::kAbsent));
  EXPECT_EQ(store.DropReleased()->blobs, 1U);
  EXPECT_FALSE(store.blobs().SizeOf(digest));
  const Result<Lease> gone = Acquire("kept");
  ASSERT_FALSE(gone.ok());
  EXPECT_NE(gone.error().message.find("is not in the store"), std::string::npos);
}

TEST_F(EngineTest, TwoModelsRunBesideEachOther) {
  Create({Model("one"), Model("two")});
  std::future<LeaseResult> first = StartAcquire("one");
  std::future<LeaseResult> second = StartAcquire("two");
  const LeaseResult one = first.get();
  const LeaseResult two = second.get();
  ASSERT_TRUE(one->ok() && two->ok());
  EXPECT_NE(StatusOf("one").pid, StatusOf("two").pid);
  EXPECT_EQ(Post((*one)->endpoint(), "/v1/chat/completions", kChat).status, 200);
  EXPECT_EQ(Post((*two)->endpoint(), "/v1/chat/completions", kChat).status, 200);
  Endpoint crossed = (*one)->endpoint();
  crossed.authorization = (*two)->endpoint().authorization;
  EXPECT_EQ(Post(crossed, "/v1/chat/completions", kChat).status, 401);
}

TEST_F(EngineTest, StopEndsEveryChildAndRefusesWhoeverWaits) {
  options_.limits.slots = 1;
  Create({Model("one"), Model("two")});
  Result<Lease> lease = Acquire("one");
  ASSERT_TRUE(lease.ok());
  const UniqueFd child = OpenPid(StatusOf("one").pid);
  std::future<LeaseResult> waiting = StartAcquire("one");
  std::future<LeaseResult> starting = StartAcquire("two");
  ASSERT_TRUE(Eventually([&] { return StatusOf("one").queue_depth == 1; }));
  engine_->Stop();
  EXPECT_TRUE(Ends(child.get()));
  EXPECT_FALSE(waiting.get()->ok());
  const LeaseResult two = starting.get();  // it may just have been ready
  if (!two->ok()) {
    EXPECT_EQ(two->error().code, ErrorCode::kUnavailable);
  }
  for (const ModelStatus& status : engine_->Statuses()) {
    EXPECT_EQ(status.state, ModelState::kAbsent);
    EXPECT_EQ(status.pid, 0);
  }
  EXPECT_EQ(PrivateFiles(), 0U);
  EXPECT_FALSE(Acquire("one").ok());
  EXPECT_FALSE(engine_->Live("one")->available);
  held_.push_back(std::move(*lease));  // released after everything, by the fixture
}

TEST_F(EngineTest, AModelFileThatCannotBeLoadedIsAnErrorInTheEnginesOwnWords) {
  const std::string path = (folder_ / "cut.gguf").string();
  fs::copy_file(kStarter, path);
  models::LocalModel model = Model("cut", path);
  fs::resize_file(path, fs::file_size(path) / 2);  // after it was read
  Create({model});
  const Result<Lease> lease = Acquire("cut");
  ASSERT_FALSE(lease.ok());
  EXPECT_EQ(lease.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(lease.error().source, ErrorSource::kEngine);
  EXPECT_EQ(lease.error().reason, "engine_failed");
  EXPECT_GT(lease.error().retry_after_s, 0);
  EXPECT_NE(lease.error().message.find("exited with status 1: "), std::string::npos);
  EXPECT_NE(lease.error().message.find("corrupted or incomplete"), std::string::npos)
      << lease.error().message;
  EXPECT_EQ(PrivateFiles(), 0U);
}

TEST_F(EngineTest, ACancelledRequestLeavesTheQueueAndLosesNoSlot) {
  options_.limits.slots = 1;
  Create({Model("tiny")});
  {
    Result<Lease> lease = Acquire("tiny");
    ASSERT_TRUE(lease.ok());
    std::future<LeaseResult> waiting = StartAcquire("tiny");
    ASSERT_TRUE(Eventually([&] { return StatusOf("tiny").queue_depth == 1; }));
    shards_[1].Post([token = cancels_.back().get()] { token->Cancel(ErrorCode::kCancelled); });
    const LeaseResult cancelled = waiting.get();
    ASSERT_FALSE(cancelled->ok());
    EXPECT_EQ(cancelled->error().code, ErrorCode::kCancelled);
    EXPECT_TRUE(Eventually([&] { return StatusOf("tiny").queue_depth == 0; }));
  }
  EXPECT_TRUE(Acquire("tiny").ok());
}

TEST_F(EngineTest, ManyRequestsFromBothShardsAllGetTheirTurn) {
  options_.limits.slots = 2;
  Create({Model("tiny")});
  std::vector<std::thread> askers;
  std::atomic<int> served = 0;
  std::atomic<int> at_once = 0;
  std::atomic<bool> too_many = false;
  for (std::size_t i = 0; i < 16; ++i) {
    askers.emplace_back([&, i] {
      auto cancel = std::make_unique<net::CancelToken>();
      const LeaseResult lease =
          Start(shards_[i % 2], AcquireTask(*engine_, shards_[i % 2], "tiny", *cancel)).get();
      if (!lease->ok()) return;
      if (++at_once > 2) too_many = true;
      ++served;
      --at_once;
    });
  }
  for (std::thread& asker : askers) asker.join();
  EXPECT_EQ(served, 16);
  EXPECT_FALSE(too_many);
  EXPECT_TRUE(Eventually([&] { return StatusOf("tiny").users == 0; }));
}

TEST_F(EngineTest, TellsThePlannerWhatToExpect) {
  Create({Model("tiny")});
  EXPECT_FALSE(engine_->Live("other").has_value());
  std::optional<core::LiveState> live = engine_->Live("tiny");
  ASSERT_TRUE(live.has_value());
  EXPECT_TRUE(live->available);
  EXPECT_FALSE(live->loaded);
  EXPECT_GT(live->load_ms, 0);
  Result<Lease> lease = Acquire("tiny");
  ASSERT_TRUE(lease.ok());
  live = engine_->Live("tiny");
  EXPECT_TRUE(live->loaded);
  EXPECT_EQ(live->context_tokens, 512);
  EXPECT_GT(live->load_ms, 0);  // to load it once more
}

TEST_F(EngineTest, AChildDiesWithTheProcessThatStartedIt) {
  ASSERT_EQ(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  shards_.Stop();  // one thread only, for fork
  const pid_t gate = fork();
  ASSERT_GE(gate, 0);
  if (gate == 0) {  // a gate that leases its model for ever
    net::ShardSet shards(1);
    auto engine = Engine::Create(shards[0], options_, {Model("tiny")});
    net::CancelToken cancel;
    const LeaseResult lease =
        Start(shards[0], AcquireTask(**engine, shards[0], "tiny", cancel)).get();
    const int pid = lease->ok() ? (*engine)->Statuses()[0].pid : -1;
    if (write(ends[1], &pid, sizeof pid) != sizeof pid) _exit(1);
    while (true) pause();
  }
  int child = 0;
  ASSERT_EQ(read(ends[0], &child, sizeof child), static_cast<ssize_t>(sizeof child));
  ASSERT_GT(child, 0);
  const UniqueFd pidfd = OpenPid(child);
  ASSERT_TRUE(pidfd.valid());
  EXPECT_EQ(ReadBytes("/proc/" + std::to_string(child) + "/comm"), "llama-server\n");
  EXPECT_EQ(PrivateFiles(), 1U);
  ASSERT_EQ(kill(gate, SIGKILL), 0);
  EXPECT_TRUE(Ends(pidfd.get()));
  waitpid(gate, nullptr, 0);
  waitpid(child, nullptr, 0);
  close(ends[0]);
  close(ends[1]);
  prctl(PR_SET_CHILD_SUBREAPER, 0);
  // What it could not clear away, the next one does.
  net::ShardSet shards(1);
  const auto next = Engine::Create(shards[0], options_, {});
  ASSERT_TRUE(next.ok());
  EXPECT_EQ(PrivateFiles(), 0U);
}

// --- models that change ---

TEST_F(EngineTest, AModelThatIsAddedCanBeAskedForAtOnce) {
  Create({Model("one")});
  EXPECT_EQ(Acquire("two").error().code, ErrorCode::kNotFound);
  engine_->SetModels({Model("one"), Model("two")});
  Result<Lease> two = Acquire("two");
  ASSERT_TRUE(two.ok()) << Describe(two.error());
  EXPECT_TRUE(Answers(*two));
  EXPECT_EQ(engine_->Statuses().size(), 2U);
}

TEST_F(EngineTest, AModelThatIsRemovedServesItsUsersAndNobodyElse) {
  options_.limits.slots = 1;
  Create({Model("one"), Model("two")});
  Result<Lease> user = Acquire("one");
  ASSERT_TRUE(user.ok());
  const UniqueFd child = OpenPid(StatusOf("one").pid);
  std::future<LeaseResult> waiting = StartAcquire("one");
  ASSERT_TRUE(Eventually([&] { return StatusOf("one").queue_depth == 1; }));
  engine_->SetModels({Model("two")});
  EXPECT_FALSE(engine_->Live("one").has_value());
  EXPECT_EQ(Acquire("one").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(waiting.get()->error().code, ErrorCode::kNotFound);
  EXPECT_TRUE(Answers(*user));
  { const Result<Lease> ends = std::move(user); }
  EXPECT_TRUE(Ends(child.get()));
  EXPECT_TRUE(Eventually([&] { return PrivateFiles() == 0; }));
  engine_->SetModels({Model("one")});
  EXPECT_TRUE(Acquire("one").ok());
}

TEST_F(EngineTest, AModelThatIsBackBeforeItsUsersEndedIsServedAgain) {
  Create({Model("one")});
  Result<Lease> user = Acquire("one");
  ASSERT_TRUE(user.ok());
  engine_->SetModels({});
  engine_->SetModels({Model("one")});
  std::future<LeaseResult> waiting = StartAcquire("one");
  ASSERT_TRUE(Eventually([&] { return StatusOf("one").queue_depth == 1; }));
  { const Result<Lease> ends = std::move(user); }
  const LeaseResult lease = waiting.get();
  ASSERT_TRUE(lease->ok()) << Describe(lease->error());
  EXPECT_TRUE(Answers(**lease));
}

TEST_F(EngineTest, AModelWithAnotherFileIsLoadedAnewForWhoeverComes) {
  const std::string path = (folder_ / "copy.gguf").string();
  fs::copy_file(kStarter, path);
  Create({Model("one")});
  Result<Lease> user = Acquire("one");
  ASSERT_TRUE(user.ok());
  const int before = StatusOf("one").pid;
  engine_->SetModels({Model("one")});  // nothing new
  ASSERT_TRUE(Acquire("one").ok());
  EXPECT_EQ(StatusOf("one").pid, before);
  engine_->SetModels({Model("one", path)});
  std::future<LeaseResult> waiting = StartAcquire("one");
  ASSERT_TRUE(Eventually([&] { return StatusOf("one").queue_depth == 1; }));
  EXPECT_TRUE(Answers(*user));  // the old file, to the end
  { const Result<Lease> ends = std::move(user); }
  const LeaseResult lease = waiting.get();
  ASSERT_TRUE(lease->ok()) << Describe(lease->error());
  EXPECT_NE(ReadBytes("/proc/" + std::to_string(StatusOf("one").pid) + "/cmdline").find(path),
            std::string::npos);
  EXPECT_EQ(StatusOf("one").failures, 0);
}

// --- what a child may do ---

TEST_F(EngineTest, TheChildRunsInASandboxOfEveryLayerAndAnswers) {
  const char* without = std::getenv("TIDEGATE_NO_SANDBOX");
  if (without != nullptr && std::string(without) == "1") GTEST_SKIP() << "TIDEGATE_NO_SANDBOX=1";
  Create({Model("tiny")});
  Result<Lease> lease = Acquire("tiny");
  ASSERT_TRUE(lease.ok()) << Describe(lease.error());
  EXPECT_TRUE(Answers(*lease));
  EXPECT_TRUE(StatusOf("tiny").sandbox_missing.empty());
  const std::string process = "/proc/" + std::to_string(StatusOf("tiny").pid);
  const std::string status = ReadBytes(process + "/status");
  EXPECT_NE(status.find("Seccomp:\t2"), std::string::npos) << status;
  EXPECT_NE(status.find("NoNewPrivs:\t1"), std::string::npos) << status;
  EXPECT_NE(status.find("CapEff:\t0000000000000000"), std::string::npos) << status;
  EXPECT_NE(fs::read_symlink(process + "/ns/net"), fs::read_symlink("/proc/self/ns/net"));
}

TEST_F(EngineTest, WithoutASandboxItIsJustAChild) {
  options_.protection.enabled = false;
  Create({Model("tiny")});
  Result<Lease> lease = Acquire("tiny");
  ASSERT_TRUE(lease.ok());
  const std::string process = "/proc/" + std::to_string(StatusOf("tiny").pid);
  EXPECT_NE(ReadBytes(process + "/status").find("Seccomp:\t0"), std::string::npos);
}

TEST_F(EngineTest, AChildMayNotTakeManyTimesTheMemoryThatItsModelNeeds) {
  Create({Model("tiny")});
  Result<Lease> lease = Acquire("tiny");
  ASSERT_TRUE(lease.ok()) << Describe(lease.error());
  const std::string limits = ReadBytes("/proc/" + std::to_string(StatusOf("tiny").pid) + "/limits");
  const std::size_t at = limits.find("Max data size");
  ASSERT_NE(at, std::string::npos);
  const std::uint64_t bytes = std::stoull(limits.substr(at + std::string("Max data size").size()));
  EXPECT_GT(bytes, StatusOf("tiny").memory_bytes);
  EXPECT_LT(bytes, 4ULL << 30U);
}

TEST_F(EngineTest, AChildThatWantsMoreMemoryThanItMayHaveFailsAlone) {
  options_.protection.data_bytes_max = 8U << 20U;
  Create({Model("tiny")});
  const Result<Lease> lease = Acquire("tiny");
  ASSERT_FALSE(lease.ok());
  EXPECT_EQ(lease.error().reason, "engine_failed");
}

TEST_F(EngineTest, AChildWithFewerDevicesThanPlannedIsCalledDegraded) {
  Devices(1, 0);
  Create({Model("tiny")});
  Result<Lease> lease = Acquire("tiny");
  ASSERT_TRUE(lease.ok()) << Describe(lease.error());
  EXPECT_EQ(StatusOf("tiny").degraded, "uses 0 of 1 planned devices");
  EXPECT_GT(StatusOf("tiny").device_layers, 0);
}

TEST_F(EngineTest, AChildThatSaysItUsesItsDevicesIsNotDegraded) {
  Devices(2, 2);
  options_.machine.require_gpu = true;
  Create({Model("tiny")});
  Result<Lease> lease = Acquire("tiny");
  ASSERT_TRUE(lease.ok()) << Describe(lease.error());
  EXPECT_EQ(StatusOf("tiny").degraded, "");
}

TEST_F(EngineTest, WhereDevicesAreRequiredAChildWithoutThemDoesNotServe) {
  Devices(2, 1);
  options_.machine.require_gpu = true;
  Create({Model("tiny")});
  const Result<Lease> lease = Acquire("tiny");
  ASSERT_FALSE(lease.ok());
  EXPECT_EQ(lease.error().reason, "engine_no_device");
  EXPECT_NE(lease.error().message.find("uses 1 of 2 planned devices"), std::string::npos)
      << lease.error().message;
  EXPECT_EQ(StatusOf("tiny").pid, 0);
}

// --- without the engine: these run everywhere ---

class NoEngineTest : public EngineTest {
 protected:
  void SetUp() override {}
};

TEST_F(NoEngineTest, WhereNoneIsInstalledTheErrorSaysHowToInstallIt) {
  options_.locator = {"", "", (folder_ / "nowhere").string()};
  Create({Model("tiny")});
  const Result<Lease> lease = Acquire("tiny");
  ASSERT_FALSE(lease.ok());
  EXPECT_EQ(lease.error().reason, "engine_not_installed");
  EXPECT_NE(lease.error().message.find("tidegate engine install"), std::string::npos);
}

TEST_F(NoEngineTest, AModelThatIsNotThereIsNotFound) {
  Create({Model("tiny")});
  const Result<Lease> lease = Acquire("huge");
  ASSERT_FALSE(lease.ok());
  EXPECT_EQ(lease.error().code, ErrorCode::kNotFound);
}

TEST_F(NoEngineTest, AChildThatNeverServesIsEndedAtTheStartLimit) {
  const std::string program = (folder_ / "llama-server").string();
  std::ofstream(program)
      << "#!/bin/sh\n"
         "case $1 in\n"
         "--version) echo 'version: 1 (fake)' ;;\n"
         "--help) printf '%s\\n' '--model F' '--host H.sock' '--api-key-file F' "
         "'--ctx-size N' '--parallel N' ;;\n"
         "*) trap '' TERM; echo 'error: loading for ever'; while :; do :; done ;;\n"
         "esac\n";
  fs::permissions(program, fs::perms::owner_all);
  options_.locator.configured_path = program;
  options_.limits.start_nanos = kSecond / 5;
  Create({Model("tiny")});
  const Result<Lease> lease = Acquire("tiny");
  ASSERT_FALSE(lease.ok());
  EXPECT_NE(lease.error().message.find("was not ready within"), std::string::npos)
      << lease.error().message;
  EXPECT_EQ(StatusOf("tiny").pid, 0);
}

}  // namespace
}  // namespace tidegate::engine
