// For tests of a whole engine: a folder, two shards, and the real llama-server with the model that
// ships. Where that is not installed they fail; TIDEGATE_NO_ENGINE=1 says that this is meant.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <poll.h>
#include <string>
#include <unistd.h>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <sys/syscall.h>

#include "base/unique_fd.h"
#include "engine/engine.h"
#include "models/local_models.h"
#include "net/client.h"

namespace tidegate::engine::testing {

inline constexpr std::int64_t kSecond = 1'000'000'000;
inline constexpr const char* kStarter = TIDEGATE_SOURCE_DIR "/models/tidegate-starter.gguf";
inline constexpr const char* kChat =
    R"({"messages":[{"role":"user","content":"Say hello."}],"max_tokens":4,"temperature":0})";

template <typename T>
using Boxed = std::unique_ptr<Result<T>>;  // a future's value must have a default

inline models::LocalModel Model(const std::string& name, const std::string& path = kStarter) {
  Result<models::LocalModel> model = models::ReadLocalModel(path, name);
  EXPECT_TRUE(model.ok()) << path;
  if (model.ok()) return std::move(*model);
  return {name, path, 0, {}};
}

// Waits, without a fixed time, for what another thread or process does; false after 20 seconds.
inline bool Eventually(const std::function<bool()>& happened) {
  for (int i = 0; i < 10'000; ++i) {
    if (happened()) return true;
    poll(nullptr, 0, 2);
  }
  return false;
}

inline UniqueFd OpenPid(int pid) {
  return UniqueFd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
}

inline bool Ends(int pidfd) {
  pollfd wanted{pidfd, POLLIN, 0};
  return poll(&wanted, 1, 20'000) == 1;
}

inline net::Task<Boxed<Lease>> AcquireTask(Engine& engine, net::Shard& home, std::string model,
                                           net::CancelToken& cancel, Claim claim = Claim()) {
  Result<Lease> lease = co_await engine.Acquire(home, std::move(model), cancel, std::move(claim));
  co_return std::make_unique<Result<Lease>>(std::move(lease));
}

class EngineFixture : public ::testing::Test {
 protected:
  EngineFixture() {
    std::string pattern = "/tmp/tidegate-engine-test-XXXXXX";  // short: a socket's path is bounded
    folder_ = mkdtemp(pattern.data());
    options_.locator = LocatorOptions::FromEnvironment("");
    options_.runtime_folder = (folder_ / "run").string();
    options_.child.threads = 1;
    options_.child.context_tokens_max = 512;
    options_.limits.slots = 2;
  }
  ~EngineFixture() override {
    engine_.reset();
    shards_.Stop();
    std::filesystem::remove_all(folder_);
  }
  void SetUp() override {
    const char* without = std::getenv("TIDEGATE_NO_ENGINE");
    if (without != nullptr && std::string(without) == "1") GTEST_SKIP() << "TIDEGATE_NO_ENGINE=1";
    const Result<EngineBinary> binary = Locator(options_.locator).Locate();
    ASSERT_TRUE(binary.ok()) << Describe(binary.error());
  }

  void Create(std::vector<models::LocalModel> models) {
    auto engine = Engine::Create(shards_[0], options_, std::move(models));
    ASSERT_TRUE(engine.ok()) << Describe(engine.error());
    engine_ = std::move(*engine);
  }

  // Room for one model of any size.
  void RoomForOne() {
    options_.memory_of = [](const models::LocalModel&) { return std::uint64_t{1} << 30U; };
    options_.residency.budget_bytes = (std::uint64_t{1} << 30U) + 1;
    options_.residency.quantum_nanos_min = options_.residency.quantum_nanos_max = kSecond / 10;
  }

  // Asks on the second shard; the engine lives on the first.
  std::future<Boxed<Lease>> StartAcquire(const std::string& model, const Claim& claim = {}) {
    cancels_.push_back(std::make_unique<net::CancelToken>());
    return net::SpawnFuture(shards_[1].io(),
                            AcquireTask(*engine_, shards_[1], model, *cancels_.back(), claim));
  }
  Result<Lease> Acquire(const std::string& model, const Claim& claim = {}) {
    return std::move(*StartAcquire(model, claim).get());
  }

  net::SimpleResponse Post(const Endpoint& endpoint, const std::string& path,
                           const std::string& body, bool with_key = true) {
    std::string fields = "Content-Type: application/json\r\n";
    if (with_key)
      fields += "Authorization: " + std::string(endpoint.authorization.Reveal()) + "\r\n";
    auto response =
        net::SpawnFuture(shards_[1].io(), Fetch(endpoint.origin, path, fields, body)).get();
    EXPECT_TRUE(response->ok()) << (response->ok() ? "" : Describe(response->error()));
    return response->ok() ? **response : net::SimpleResponse{};
  }
  bool Answers(const Lease& lease) {
    return Post(lease.endpoint(), "/v1/chat/completions", kChat).status == 200;
  }

  ModelStatus StatusOf(const std::string& model) const {
    for (ModelStatus& status : engine_->Statuses()) {
      if (status.model == model) return status;
    }
    return {};
  }
  bool Reaches(const std::string& model, ModelState state) const {
    return Eventually([&] { return StatusOf(model).state == state; });
  }

  std::filesystem::path folder_;
  EngineOptions options_;
  net::ShardSet shards_{2};
  net::HttpClient client_{shards_[1], {}};
  std::vector<std::unique_ptr<net::CancelToken>> cancels_;
  std::unique_ptr<Engine> engine_;

 private:
  net::Task<Boxed<net::SimpleResponse>> Fetch(net::Origin origin, std::string path,
                                              std::string fields, std::string body) {
    auto response = co_await net::Fetch(client_, std::move(origin), "POST", std::move(path),
                                        std::move(fields), std::move(body), 20 * kSecond);
    co_return std::make_unique<Result<net::SimpleResponse>>(std::move(response));
  }
};

}  // namespace tidegate::engine::testing
