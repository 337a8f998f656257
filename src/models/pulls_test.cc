#include "models/pulls.h"

#include <atomic>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "models/gguf_builder.h"
#include "models/model_store.h"
#include "models/testing/pull_fixture.h"

namespace tidegate::models {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::RawPeer;
using testing::RegistryServer;
using testing::ServedRequest;

TEST(PullRequest, IsANameOrAFileAtAUrl) {
  const PullRequest model = *ParsePullRequest("https://hf.co/user/repo:Q4_K_M", "model");
  EXPECT_EQ(model.name.Full(), "hf.co/user/repo:Q4_K_M");
  EXPECT_FALSE(model.url);
  const PullRequest file =
      *ParsePullRequest("https://Host:8443/u/r/resolve/main/My%20Model-Q4.GGUF?download=true", "");
  EXPECT_EQ(file.name.Full(), "host:8443/files/My-Model-Q4:latest");
  EXPECT_EQ(file.url->path, "/u/r/resolve/main/My%20Model-Q4.GGUF?download=true");
  EXPECT_EQ(ParsePullRequest("https://host/%2e%2e%2f.gguf", "")->name.model, "_");
  EXPECT_EQ(ParsePullRequest("https://host/" + std::string(200, 'x') + ".gguf", "")->name.model,
            std::string(kNamePartBytesMax, 'x'));
  const std::string hex = Digest(ComputeSha256("x")).Hex();
  for (const std::string& mark : {"#sha256=" + hex, "#SHA256:" + hex}) {
    const PullRequest checked = *ParsePullRequest("https://host/a.gguf?x=1" + mark, "model");
    EXPECT_EQ(checked.digest->Hex(), hex);
    EXPECT_EQ(checked.url->path, "/a.gguf?x=1");
  }
  EXPECT_FALSE(file.digest);
  for (const std::string& mark : {std::string("#"), std::string("#readme"), "#sha256=" + hex + "0",
                                  "#md5=" + hex, "#" + hex, "#sha256-" + hex}) {
    const Result<PullRequest> refused = ParsePullRequest("https://host/a.gguf" + mark, "model");
    ASSERT_FALSE(refused.ok()) << mark;
    EXPECT_THAT(refused.error().message, HasSubstr("#sha256=")) << mark;
  }
  for (const char* text : {"", "http://host/a.gguf", "https://host/.gguf", "https://a@host/a.gguf",
                           "https://[::1]/a.gguf", "unix:/a.gguf"}) {
    const Result<PullRequest> request = ParsePullRequest(text, "model");
    ASSERT_FALSE(request.ok()) << text;
    EXPECT_EQ(request.error().field, "model");
  }
  for (const std::string& name : {model.name.Full(), file.name.Full()}) {
    EXPECT_TRUE(ModelName::Parse(name, "").ok()) << name;
  }
}

// One that waits for a pull, on a shard of its own choice.
struct Caller {
  net::CancelToken cancel;
  std::mutex mutex;
  std::vector<Progress> events;
  std::future<Result<void>> result;

  std::vector<std::string> Statuses() {
    const std::lock_guard lock(mutex);
    std::vector<std::string> out;
    for (const Progress& event : events) {
      if (out.empty() || out.back() != event.status) out.push_back(event.status);
    }
    return out;
  }
};

class PullsTest : public testing::PullFixture {
 protected:
  PullsTest() { Use({}); }
  ~PullsTest() override { pulls_->Stop(); }

  void Use(std::vector<RegistryConfig> more) {
    if (pulls_) pulls_->Stop();
    PullOptions options;
    options.may_take = [this](const ModelName&, const std::string& source) -> Result<void> {
      if (source == refused_source_) return InvalidArgument("destination", "is taken");
      return {};
    };
    options.registries = std::move(more);
    options.registries.push_back(ConfigOf(server_));
    options.download.part_bytes = 16 * 1024;
    options.download.retry.backoff_nanos = net::kMillisecond;
    options.client.stall_nanos = 5 * net::kSecond;
    pulls_ = std::make_unique<Pulls>(
        shards_[0], blobs_, std::move(options),
        [this](const ModelName& name, std::string manifest, Provenance source) -> Result<void> {
          if (!sink_error_.empty()) return Internal(sink_error_);
          names_.push_back(name.Full());
          manifests_.push_back(std::move(manifest));
          sources_.push_back(std::move(source));
          return {};
        });
  }
  void Begin(Caller& caller, const std::string& text, net::Shard& home) {
    const PullRequest request = *ParsePullRequest(text, "model");
    BeginRequest(caller, request, home);
  }
  void BeginRequest(Caller& caller, PullRequest request, net::Shard& home) {
    PullListener listener = [&caller](const Progress& event) {
      const std::lock_guard lock(caller.mutex);
      caller.events.push_back(event);
    };
    caller.result = net::SpawnFuture(
        home.io(), pulls_->Pull(home, std::move(request), caller.cancel, std::move(listener)));
  }
  std::string Name() const { return server_.host() + "/ann/notes:v1"; }
  Result<void> Pull(Caller& caller, const std::string& text) {
    Begin(caller, text, shards_[0]);
    return caller.result.get();
  }
  Error Failed(const std::string& text) {
    Caller caller;
    const Result<void> result = Pull(caller, text);
    EXPECT_FALSE(result.ok());
    return result.ok() ? Error{} : result.error();
  }
  void Leave(Caller& caller, net::Shard& home) {
    net::testing::OnShard(home, [&] { caller.cancel.Cancel(ErrorCode::kCancelled); });
  }
  // Blobs are held back until Open.
  void HoldBlobs() {
    server_.Handle([hold = hold_](const ServedRequest& request, RawPeer&) {
      if (request.target.find("/blobs/") != std::string::npos) {
        if (!hold->begun.exchange(true)) hold->holding.set_value();
        hold->opened.wait();
      }
      return false;
    });
  }

  std::string sink_error_;
  std::string refused_source_;  // of a file
  std::vector<std::string> names_, manifests_;
  std::vector<Provenance> sources_;
  struct Hold {  // of the server too, which ends after this
    std::atomic<bool> begun{false};
    std::promise<void> holding, open;
    std::shared_future<void> opened{open.get_future()};
  };
  std::shared_ptr<Hold> hold_ = std::make_shared<Hold>();
  std::unique_ptr<Pulls> pulls_;
};

TEST_F(PullsTest, AModelIsPulledWithAllItsPieces) {
  const std::string big = Bytes(100'000), small = Bytes(10, 2);
  const std::string manifest = server_.AddModel({big, small, big});
  Caller caller;
  const Result<void> result = Pull(caller, Name());
  ASSERT_TRUE(result.ok()) << Describe(result.error());
  EXPECT_THAT(caller.Statuses(),
              ElementsAre("pulling manifest", "pulling " + Of(big).Short(),
                          "pulling " + Of(small).Short(), "pulling " + Of("{}").Short(),
                          "verifying sha256 digest", "writing manifest", "success"));
  EXPECT_TRUE(Stored(Of(big)) == big);
  EXPECT_EQ(Files(), 3U);
  EXPECT_THAT(names_, ElementsAre(Name()));
  EXPECT_THAT(manifests_, ElementsAre(manifest));
  EXPECT_EQ(sources_[0].source, "http://" + server_.host() + "/v2/ann/notes/manifests/v1");
  EXPECT_EQ(sources_[0].manifest, Of(manifest));
  EXPECT_GT(sources_[0].time_s, 0);
  std::uint64_t completed = 0;
  for (const Progress& event : caller.events) {
    if (event.digest != Of(big)) continue;
    EXPECT_EQ(event.total, big.size());
    EXPECT_GE(event.completed, completed);
    completed = event.completed;
  }
  EXPECT_EQ(completed, big.size());
}

TEST_F(PullsTest, WhatIsThereIsNotFetchedAgain) {
  server_.AddModel({Bytes(1'000)});
  Caller first, second;
  ASSERT_TRUE(Pull(first, Name()).ok());
  const std::size_t blobs = server_.Count("/blobs/");
  ASSERT_TRUE(Pull(second, Name()).ok());
  EXPECT_EQ(server_.Count("/blobs/"), blobs);
  EXPECT_EQ(first.Statuses(), second.Statuses());
  EXPECT_EQ(names_.size(), 2U);
}

TEST_F(PullsTest, WhatHasComeIsHeldUntilTheModelIsRecorded) {
  const std::string shared = Bytes(1'000), rest = Bytes(1'000, 2);
  const std::string manifest = server_.AddModel({shared, rest});
  ModelStore store(folder_);
  const Digest there = *store.blobs().Put(shared);
  const Layer layer{std::string(kModelLayer), there, shared.size()};
  const ModelName other = *ModelName::Parse("other", "");
  ASSERT_TRUE(store.Put(other, WriteManifest({.config = layer, .layers = {layer}}), {}).ok());
  std::atomic<bool> removed = false;
  server_.Handle([&](const ServedRequest& request, RawPeer&) {
    if (request.target.find(Of(rest).ToString()) != std::string::npos && !removed.exchange(true)) {
      EXPECT_EQ(store.Remove(other)->in_use, 1U);
    }
    return false;
  });
  Caller caller;
  const Result<void> pulled = Pull(caller, Name());
  ASSERT_TRUE(pulled.ok()) << Describe(pulled.error());
  EXPECT_TRUE(removed);
  EXPECT_TRUE(Stored(there) == shared);
}

TEST_F(PullsTest, AManifestThatIsWrongAboutWhatIsThereIsRefused) {
  const std::string bytes = Bytes(1'000);
  server_.AddModel({bytes});
  Caller caller;
  ASSERT_TRUE(Pull(caller, Name()).ok());
  const Layer wrong{std::string(kModelLayer), Of(bytes), 999};
  server_.Add("/v2/ann/notes/manifests/v1", WriteManifest({.config = wrong, .layers = {wrong}}));
  EXPECT_THAT(Failed(Name()).message, HasSubstr("has 999 bytes, and here it has 1000"));
}

TEST_F(PullsTest, OnlyConfiguredRegistriesArePulledFrom) {
  RegistryServer other;
  other.AddModel({"x"});
  const Error error = Failed(other.host() + "/ann/notes:v1");
  EXPECT_EQ(error.code, ErrorCode::kPermissionDenied);
  EXPECT_EQ(error.field, "model");
  EXPECT_EQ(Failed("llama3").code, ErrorCode::kPermissionDenied);
  EXPECT_EQ(Failed("https://evil.example/a.gguf").code, ErrorCode::kPermissionDenied);
  EXPECT_TRUE(other.requests().empty());
}

// As hf.co, whose files are at huggingface.co.
TEST_F(PullsTest, AUrlMayHaveTheNameThatARegistryGoesBy) {
  RegistryConfig alias;
  alias.host = "short.example";
  alias.origin = server_.origin();
  alias.origin.scheme = net::Scheme::kHttps;  // nobody answers there as such
  Use({alias});
  EXPECT_NE(Failed("https://short.example/a.gguf").code, ErrorCode::kPermissionDenied);
  alias.origin.scheme = net::Scheme::kHttp;
  Use({alias});
  const Error plain = Failed("https://short.example/a.gguf");
  EXPECT_EQ(plain.code, ErrorCode::kPermissionDenied) << "what asks for TLS gets no plain HTTP";
  EXPECT_THAT(plain.message, HasSubstr("models.registries"));
}

TEST_F(PullsTest, AFailureIsToldAndNothingIsRecorded) {
  EXPECT_EQ(Failed(Name()).code, ErrorCode::kNotFound);
  server_.Add("/v2/ann/notes/manifests/v1", "{\"layers\":");
  EXPECT_EQ(Failed(Name()).code, ErrorCode::kProtocol);
  server_.Add("/v2/ann/notes/manifests/v1", std::string(kManifestBytesMax + 1, ' '));
  EXPECT_EQ(Failed(Name()).code, ErrorCode::kTooLarge);
  server_.AddModel({"harbour"});
  server_.Add("/v2/ann/notes/blobs/" + Of("harbour").ToString(), "herbour");
  EXPECT_EQ(Failed(Name()).reason, "digest_mismatch");
  EXPECT_FALSE(blobs_.SizeOf(Of("harbour")));
  EXPECT_TRUE(names_.empty());
  server_.AddModel({"harbour"});
  sink_error_ = "no such luck";
  EXPECT_EQ(Failed(Name()).message, "no such luck");
  sink_error_.clear();
  Caller caller;
  EXPECT_TRUE(Pull(caller, Name()).ok());
}

TEST_F(PullsTest, AManifestThatFailsForAWhileIsAskedForAgain) {
  server_.AddModel({"harbour"});
  server_.Handle([n = std::make_shared<std::atomic<int>>(0)](const ServedRequest&, RawPeer& peer) {
    if ((*n)++ >= 2) return false;
    RegistryServer::Respond(peer, "500 Oops", "", "");
    return true;
  });
  Caller caller;
  EXPECT_TRUE(Pull(caller, Name()).ok());
}

// --- Many callers ---

TEST_F(PullsTest, CallersOfOneModelShareOnePull) {
  net::ShardSet others(1);
  server_.AddModel({Bytes(50'000)});
  HoldBlobs();
  Caller first, second, third;
  Begin(first, Name(), shards_[0]);
  hold_->holding.get_future().wait();
  Begin(second, Name(), shards_[0]);
  Begin(third, Name(), others[0]);
  // The third has joined when it has heard what was last said.
  while (third.Statuses().empty()) std::this_thread::yield();
  hold_->open.set_value();
  for (Caller* caller : {&first, &second, &third}) {
    EXPECT_TRUE(caller->result.get().ok());
    EXPECT_EQ(caller->Statuses().back(), "success");
  }
  EXPECT_EQ(server_.Count("/manifests/"), 1U);
  EXPECT_EQ(names_.size(), 1U);
}

TEST_F(PullsTest, ModelsShareTheDownloadOfAPiece) {
  const std::string shared = Bytes(50'000);
  server_.AddModel({shared});
  server_.AddModel({shared, "more"}, "ann/other");
  HoldBlobs();
  Caller first, second;
  Begin(first, Name(), shards_[0]);
  hold_->holding.get_future().wait();
  Begin(second, server_.host() + "/ann/other:v1", shards_[0]);
  while (server_.Count("/ann/other/manifests/") == 0) std::this_thread::yield();
  OnShard([] {});
  hold_->open.set_value();
  EXPECT_TRUE(first.result.get().ok());
  EXPECT_TRUE(second.result.get().ok());
  EXPECT_EQ(server_.Count("/ann/other/blobs/" + Of(shared).ToString()), 0U);
  EXPECT_EQ(names_.size(), 2U);
}

TEST_F(PullsTest, AFailureOfAnotherModelsRegistryIsNotOurs) {
  RegistryServer broken;
  Use({ConfigOf(broken)});
  const std::string shared = Bytes(50'000);
  broken.AddModel({shared});
  server_.AddModel({shared});
  std::promise<void> asked, answer;
  std::shared_future<void> answered(answer.get_future());
  std::atomic<bool> first_time = true;
  broken.Handle([&](const ServedRequest& request, RawPeer& peer) {
    if (request.target.find("/blobs/") == std::string::npos) return false;
    if (first_time.exchange(false)) asked.set_value();
    answered.wait();
    RegistryServer::Respond(peer, "404 Gone", "", "");
    return true;
  });
  Caller first, second;
  Begin(first, broken.host() + "/ann/notes:v1", shards_[0]);
  asked.get_future().wait();
  Begin(second, Name(), shards_[0]);
  while (second.Statuses().size() < 2) {  // "pulling manifest", and then the shared piece's
    if (second.result.wait_for(std::chrono::milliseconds(1)) == std::future_status::ready) break;
  }
  answer.set_value();
  EXPECT_EQ(first.result.get().error().code, ErrorCode::kNotFound);
  const Result<void> ours = second.result.get();
  EXPECT_TRUE(ours.ok()) << Describe(ours.error());
}

TEST_F(PullsTest, WhoLeavesIsFreeAtOnceAndTheOthersGoOn) {
  net::ShardSet others(1);
  server_.AddModel({Bytes(50'000)});
  HoldBlobs();
  Caller first, second;
  Begin(first, Name(), shards_[0]);
  hold_->holding.get_future().wait();
  Begin(second, Name(), others[0]);
  while (second.Statuses().empty()) std::this_thread::yield();
  Leave(first, shards_[0]);
  EXPECT_EQ(first.result.get().error().code, ErrorCode::kCancelled);
  hold_->open.set_value();
  EXPECT_TRUE(second.result.get().ok());
}

TEST_F(PullsTest, TheLastOneWhoLeavesEndsItAndTheNextContinues) {
  net::ShardSet others(1);
  const std::string bytes = Bytes(400'000);
  server_.AddModel({bytes});
  std::promise<void> enough, go_on;
  std::shared_future<void> may(go_on.get_future());
  std::atomic<int> answers = 0;
  server_.Handle([&](const ServedRequest& request, RawPeer&) {
    if (!request.Range()) return false;
    const int n = ++answers;
    if (n == 12) enough.set_value();
    if (n >= 12) may.wait();
    return false;
  });
  Caller first, second;
  Begin(first, Name(), others[0]);
  enough.get_future().wait();
  Leave(first, others[0]);
  EXPECT_EQ(first.result.get().error().code, ErrorCode::kCancelled);
  // The next one waits for the end of what is being cancelled, and then begins.
  Begin(second, Name(), shards_[0]);
  OnShard([] {});
  const std::size_t served = server_.bytes_served();
  EXPECT_GE(served, 8U * 16 * 1024);
  go_on.set_value();
  const Result<void> result = second.result.get();
  ASSERT_TRUE(result.ok()) << Describe(result.error());
  EXPECT_TRUE(Stored(Of(bytes)) == bytes);
  EXPECT_EQ(names_.size(), 1U);
  for (const Progress& event : second.events) {
    if (event.digest != Of(bytes)) continue;
    EXPECT_GE(event.completed, 8U * 16 * 1024);  // where the first was
    break;
  }
}

TEST_F(PullsTest, TooManyAtOnceAreRefused) {
  HoldBlobs();
  std::vector<std::unique_ptr<Caller>> callers;
  for (std::size_t i = 0; i <= kPullsMax; ++i) {
    const std::string tag = "v" + std::to_string(i);
    server_.AddModel({Bytes(100, static_cast<unsigned>(i))}, "ann/notes", tag);
    callers.push_back(std::make_unique<Caller>());
    Begin(*callers.back(), server_.host() + "/ann/notes:" + tag, shards_[0]);
  }
  const Result<void> last = callers.back()->result.get();
  ASSERT_FALSE(last.ok());
  EXPECT_EQ(last.error().reason, "busy");
  // Who joins one of them makes no more of them.
  Caller joins;
  Begin(joins, server_.host() + "/ann/notes:v0", shards_[0]);
  Leave(joins, shards_[0]);
  EXPECT_EQ(joins.result.get().error().code, ErrorCode::kCancelled);
  hold_->open.set_value();
  callers.pop_back();
  for (const auto& caller : callers) EXPECT_TRUE(caller->result.get().ok());
}

TEST_F(PullsTest, StopEndsEverything) {
  net::ShardSet others(1);
  server_.AddModel({Bytes(50'000)});
  HoldBlobs();
  Caller first, second;
  Begin(first, Name(), others[0]);
  hold_->holding.get_future().wait();
  pulls_->Stop();
  EXPECT_EQ(first.result.get().error().code, ErrorCode::kCancelled);
  Begin(second, Name(), shards_[0]);
  EXPECT_EQ(second.result.get().error().code, ErrorCode::kUnavailable);
  hold_->open.set_value();
}

// --- A file at a URL ---

std::string SmallModel(const std::string& type = "model") {
  GgufBuilder builder(1, 3);
  builder.KeyText("general.architecture", "llama");
  builder.KeyText("general.type", type);
  builder.KeyU32("general.file_type", 0);
  builder.Tensor("t", {64}, 0, 0);
  std::string bytes(builder.bytes());
  bytes.resize((bytes.size() + 31) / 32 * 32);
  return bytes + std::string(64 * 4, '\1');
}

class PullFileTest : public PullsTest {
 protected:
  Result<void> PullFile(Caller& caller, const std::string& path) {
    PullRequest request = *ParsePullRequest("https://" + server_.host() + path, "model");
    request.url->origin = server_.origin();  // a text may not ask for plain http
    BeginRequest(caller, std::move(request), shards_[0]);
    return caller.result.get();
  }
};

TEST_F(PullFileTest, BecomesAModelOfOneLayer) {
  const std::string bytes = SmallModel();
  server_.Add("/files/tiny.gguf", bytes);
  Caller caller;
  const Result<void> result = PullFile(caller, "/files/tiny.gguf?signature=1");
  ASSERT_TRUE(result.ok()) << Describe(result.error());
  EXPECT_TRUE(Stored(Of(bytes)) == bytes);
  EXPECT_THAT(names_, ElementsAre(server_.host() + "/files/tiny:latest"));
  EXPECT_EQ(sources_[0].source, "http://" + server_.host() + "/files/tiny.gguf");
  const auto pieces = ParseManifestPieces(manifests_.at(0));
  ASSERT_TRUE(pieces.ok()) << Describe(pieces.error());
  ASSERT_EQ(pieces->size(), 2U);
  EXPECT_EQ((*pieces)[0].digest, Of(bytes));
  EXPECT_EQ((*pieces)[0].size, bytes.size());
  const std::string config = Stored((*pieces)[1].digest);
  EXPECT_EQ(config.size(), (*pieces)[1].size);
  EXPECT_THAT(config, HasSubstr(R"("model_family":"llama")"));
  EXPECT_THAT(config, HasSubstr(R"("file_type":"F32")"));
  EXPECT_THAT(caller.Statuses(), ElementsAre("pulling tiny", "verifying sha256 digest",
                                             "writing manifest", "success"));
}

TEST_F(PullFileTest, MustHaveTheChecksumThatWasGiven) {
  const std::string bytes = SmallModel();
  server_.Add("/tiny.gguf", bytes);
  Caller other;
  const Result<void> wrong = PullFile(other, "/tiny.gguf#sha256=" + Of("other").Hex());
  ASSERT_FALSE(wrong.ok());
  EXPECT_EQ(wrong.error().reason, "digest_mismatch");
  EXPECT_EQ(Files(), 0U);
  EXPECT_TRUE(names_.empty());
  Caller right;
  const Result<void> result = PullFile(right, "/tiny.gguf#sha256=" + Of(bytes).Hex());
  ASSERT_TRUE(result.ok()) << Describe(result.error());
  EXPECT_TRUE(Stored(Of(bytes)) == bytes);
  // What is there is not fetched again.
  const std::size_t served = server_.bytes_served();
  Caller again;
  ASSERT_TRUE(PullFile(again, "/tiny.gguf#sha256=" + Of(bytes).Hex()).ok());
  EXPECT_LE(server_.bytes_served() - served, 1U) << "one byte, to learn how large it is";
  EXPECT_EQ(names_.size(), 2U);
}

TEST_F(PullFileTest, TakesNoNameOfAnother) {
  server_.Add("/b/tiny.gguf", SmallModel());
  refused_source_ = "http://" + server_.host() + "/b/tiny.gguf";
  Caller caller;
  EXPECT_EQ(PullFile(caller, "/b/tiny.gguf").error().field, "destination");
  EXPECT_EQ(server_.requests().size(), 0U) << "before anything is fetched";
}

TEST_F(PullFileTest, MustBeAModel) {
  server_.Add("/page.gguf", "<html>not found</html>");
  server_.Add("/mmproj.gguf", SmallModel("mmproj"));
  for (const char* path : {"/page.gguf", "/mmproj.gguf"}) {
    Caller caller;
    const Result<void> result = PullFile(caller, path);
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().field, "model");
    EXPECT_EQ(Files(), 0U);
  }
  Caller caller;
  EXPECT_EQ(PullFile(caller, "/missing.gguf").error().code, ErrorCode::kNotFound);
}

TEST_F(PullFileTest, ItsServerMustSayHowLargeItIs) {
  server_.Handle([](const ServedRequest&, RawPeer& peer) -> bool {
    peer.Send("HTTP/1.1 200 OK\r\n\r\nGGUF");
    throw RegistryServer::End();
  });
  Caller caller;
  EXPECT_THAT(PullFile(caller, "/a.gguf").error().message, HasSubstr("how large"));
}

}  // namespace
}  // namespace tidegate::models
