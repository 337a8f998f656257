#include "models/pushes.h"

#include <atomic>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "models/pulls.h"
#include "models/testing/pull_fixture.h"
#include "models/testing/registry_uploads.h"

namespace tidegate::models {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::RawPeer;
using testing::RegistryServer;
using testing::RegistryUploads;
using testing::ServedRequest;

constexpr std::size_t kPart = 16 * 1024;

TEST(UploadRange, SaysHowMuchHasCome) {
  EXPECT_EQ(ParseUploadRange("0-1023"), 1'024U);
  EXPECT_EQ(ParseUploadRange("bytes=0-9"), 10U);
  EXPECT_EQ(ParseUploadRange("0-0"), 0U);
  for (const char* text :
       {"", "0-", "1-5", "0-x", "0-5x", "0--5", "-5", "0-99999999999999999999"}) {
    EXPECT_FALSE(ParseUploadRange(text)) << text;
  }
}

class PushesTest : public testing::PullFixture {
 protected:
  PushesTest() : store_(folder_), uploads_(server_) {
    config_ = ConfigOf(server_);
    Use();
  }
  ~PushesTest() override { pushes_->Stop(); }

  void Use(std::uint64_t bytes_per_second = 0) {
    if (pushes_) pushes_->Stop();
    PushOptions options;
    options.registries = {config_};
    options.upload.part_bytes = kPart;
    options.upload.read_bytes = 4 * 1024;
    options.upload.retry.backoff_nanos = net::kMillisecond;
    options.client.stall_nanos = 5 * net::kSecond;
    options.bytes_per_second = bytes_per_second;
    pushes_ = std::make_unique<Pushes>(shards_[0], store_, std::move(options));
  }
  Layer Blob(std::string_view type, std::string_view bytes) {
    return {std::string(type), *store_.blobs().Put(bytes), bytes.size()};
  }
  // The model is called so, here and at the registry.
  std::string Name() const { return server_.host() + "/ann/notes:v1"; }
  std::string Make(const std::vector<std::string>& layers) {
    Manifest manifest{Blob(kConfigType, "{}"), {}};
    for (const std::string& bytes : layers) manifest.layers.push_back(Blob(kModelLayer, bytes));
    const std::string text = WriteManifest(manifest);
    EXPECT_TRUE(store_.Put(*ModelName::Parse(Name(), ""), text, {}).ok());
    return text;
  }
  std::future<Result<void>> Begin(const std::string& name) {
    PullListener listener = [this](const Progress& event) {
      const std::lock_guard lock(mutex_);
      if (statuses_.empty() || statuses_.back() != event.status) statuses_.push_back(event.status);
      last_ = event;
    };
    return net::SpawnFuture(
        shards_[0].io(), pushes_->Push(*ModelName::Parse(name, ""), cancel_, std::move(listener)));
  }
  Result<void> Push(const std::string& name) { return Begin(name).get(); }
  Result<void> Push() { return Push(Name()); }
  Error Failed() {
    const Result<void> pushed = Push();
    EXPECT_FALSE(pushed.ok());
    return pushed.ok() ? Error{} : pushed.error();
  }
  std::vector<std::string> Methods(const std::string& part_of_target) const {
    std::vector<std::string> methods;
    for (const ServedRequest& request : server_.requests()) {
      if (request.target.find(part_of_target) != std::string::npos) {
        methods.push_back(request.method);
      }
    }
    return methods;
  }
  // The first request that is so is answered by `fault`.
  void Once(const std::string& method, RegistryUploads::Handler fault) {
    uploads_.Fault([this, method, fault](const ServedRequest& request, RawPeer& peer) {
      const bool meant =
          request.method == method && request.target.find("/uploads/") != std::string::npos;
      if (!meant || faulted_.exchange(true)) return false;
      return fault(request, peer);
    });
  }

  ModelStore store_;
  RegistryUploads uploads_;
  RegistryConfig config_;
  std::mutex mutex_;
  std::vector<std::string> statuses_;
  Progress last_;
  std::atomic<bool> faulted_{false};
  std::unique_ptr<Pushes> pushes_;
};

TEST_F(PushesTest, AModelThatIsPushedComesBackAsItWas) {
  const std::string big = Bytes(100'000), small = Bytes(10, 2);
  const std::string manifest = Make({big, small, big});
  const Result<void> pushed = Push();
  ASSERT_TRUE(pushed.ok()) << Describe(pushed.error());
  EXPECT_THAT(statuses_, ElementsAre("retrieving manifest", "pushing " + Of(big).Short(),
                                     "pushing " + Of(small).Short(), "pushing " + Of("{}").Short(),
                                     "pushing manifest", "success"));
  EXPECT_EQ(uploads_.bytes_taken(), big.size() + small.size() + 2);

  blobs_ = Blobs(folder_ + "/elsewhere");
  std::string came;
  PullOptions options;
  options.registries = {config_};
  Pulls pulls(shards_[0], blobs_, std::move(options),
              [&came](const ModelName&, std::string text, const Provenance&) -> Result<void> {
                came = std::move(text);
                return {};
              });
  const PullRequest request = *ParsePullRequest(Name(), "");
  const Result<void> pulled = Run(pulls.Pull(shards_[0], request, cancel_, [](const Progress&) {}));
  pulls.Stop();
  ASSERT_TRUE(pulled.ok()) << Describe(pulled.error());
  EXPECT_EQ(came, manifest);
  EXPECT_TRUE(Stored(Of(big)) == big);
}

TEST_F(PushesTest, LargePiecesGoInPartsAndSmallOnesWhole) {
  Make({Bytes(kPart * 2 + 1)});
  ASSERT_TRUE(Push().ok());
  EXPECT_THAT(Methods("/uploads/"), ElementsAre("POST", "PATCH", "PATCH", "PATCH", "PUT",  //
                                                "POST", "PUT"));
  EXPECT_EQ(server_.requests()[2].Field("content-range"), "0-16383");
  EXPECT_EQ(server_.requests()[2].Field("content-length"), "16384");
}

TEST_F(PushesTest, WhatTheRegistryHasIsNotSentAgain) {
  Make({Bytes(50'000)});
  ASSERT_TRUE(Push().ok());
  const std::size_t sent = uploads_.bytes_taken();
  ASSERT_TRUE(Push().ok());
  EXPECT_EQ(uploads_.bytes_taken(), sent);
  EXPECT_EQ(last_.status, "success");
}

TEST_F(PushesTest, ABrokenPartIsContinuedWhereItBroke) {
  const std::string bytes = Bytes(kPart * 3);
  Make({bytes});
  int parts = 0;
  uploads_.Fault([this, &parts](const ServedRequest& request, RawPeer& peer) {
    if (request.method == "PATCH" && ++parts == 2) uploads_.Cut(request, peer, 5'000);
    return false;
  });
  const Result<void> pushed = Push();
  ASSERT_TRUE(pushed.ok()) << Describe(pushed.error());
  EXPECT_EQ(uploads_.bytes_taken(), bytes.size() + 2) << "nothing went twice";
}

TEST_F(PushesTest, AnUploadThatTheRegistryForgetsBeginsAnew) {
  Make({Bytes(kPart * 3)});
  Once("PUT", [this](const ServedRequest&, RawPeer&) {
    uploads_.ForgetUploads();
    return false;
  });
  const Result<void> pushed = Push();
  ASSERT_TRUE(pushed.ok()) << Describe(pushed.error());
}

TEST_F(PushesTest, ARegistryThatFailsForAWhileIsAskedAgain) {
  Make({Bytes(1'000)});
  Once("PUT", [](const ServedRequest& request, RawPeer& peer) {
    (void)peer.Read(RegistryUploads::Length(request));
    RegistryServer::Respond(peer, "503 Service Unavailable", "", "");
    return true;
  });
  ASSERT_TRUE(Push().ok());
}

TEST_F(PushesTest, ARegistryThatAlwaysFailsIsGivenUp) {
  Make({Bytes(1'000)});
  uploads_.Fault([](const ServedRequest& request, RawPeer& peer) {
    if (request.method != "POST") return false;
    RegistryServer::Respond(peer, "500 Oops", "", "no disk");
    return true;
  });
  const Error error = Failed();
  EXPECT_EQ(error.code, ErrorCode::kUnavailable);
  EXPECT_THAT(error.message, HasSubstr("no disk"));
  EXPECT_EQ(Methods("/uploads/").size(), static_cast<std::size_t>(kDownloadTriesMax));
  EXPECT_THAT(Methods("/manifests/"), ElementsAre());
}

TEST_F(PushesTest, NothingIsSentToAnotherAddress) {
  Make({Bytes(kPart * 2)});
  RegistryServer other;
  Once("POST", [&other](const ServedRequest&, RawPeer& peer) {
    RegistryServer::Respond(peer, "202 Accepted",
                            "location: http://" + other.host() + "/v2/x/blobs/uploads/1\r\n", "");
    return true;
  });
  EXPECT_EQ(Failed().reason, "foreign_location");
  faulted_ = false;
  for (const char* method : {"POST", "PATCH", "PUT"}) {
    faulted_ = false;
    Once(method, [&other](const ServedRequest& request, RawPeer& peer) {
      (void)peer.Read(RegistryUploads::Length(request));
      RegistryServer::Redirect(peer, "http://" + other.host() + "/take");
      return true;
    });
    EXPECT_EQ(Failed().reason, "upload_redirect") << method;
  }
  EXPECT_TRUE(other.requests().empty());
}

TEST_F(PushesTest, ATokenIsAskedForAndShownToTheRegistryOnly) {
  config_.token = Secret("stored");
  Use();
  Make({Bytes(100)});
  std::vector<std::string> scopes;
  uploads_.Fault([&](const ServedRequest& request, RawPeer& peer) {
    if (request.Path() == "/token") {
      EXPECT_EQ(request.Field("authorization"), "Bearer stored");
      scopes.push_back(request.target.substr(request.target.find("scope=")));
      RegistryServer::Respond(peer, "200 OK", "", R"({"token":")" + scopes.back() + R"("})");
      return true;
    }
    const bool writes = request.method != "HEAD";
    const std::string scope = writes ? "push" : "pull";
    if (request.Field("authorization").find(scope) != std::string::npos) return false;
    (void)peer.Read(RegistryUploads::Length(request));
    RegistryServer::Respond(peer, "401 Unauthorized",
                            "www-authenticate: Bearer realm=\"http://" + server_.host() +
                                "/token\",service=\"r\",scope=\"" + scope + "\"\r\n",
                            "");
    return true;
  });
  const Result<void> pushed = Push();
  ASSERT_TRUE(pushed.ok()) << Describe(pushed.error());
  EXPECT_THAT(scopes, ::testing::Contains("scope=push"));
}

TEST_F(PushesTest, ARegistryThatSendsForATokenElsewhereGetsNothing) {
  config_.token = Secret("stored");
  Use();
  Make({Bytes(100)});
  RegistryServer other;
  uploads_.Fault([&](const ServedRequest&, RawPeer& peer) {
    RegistryServer::Respond(
        peer, "401 Unauthorized",
        "www-authenticate: Bearer realm=\"http://" + other.host() + "/token\"\r\n", "");
    return true;
  });
  EXPECT_EQ(Failed().reason, "foreign_realm");
  EXPECT_TRUE(other.requests().empty());
}

TEST_F(PushesTest, ARefusalIsToldAsItIs) {
  Make({Bytes(100)});
  uploads_.Fault([](const ServedRequest& request, RawPeer& peer) {
    RegistryServer::Respond(peer, "403 Forbidden", "", request.method == "HEAD" ? "" : "not yours");
    return true;
  });
  const Error error = Failed();
  EXPECT_EQ(error.code, ErrorCode::kPermissionDenied);
  EXPECT_THAT(error.message, HasSubstr("does not allow it"));
}

TEST_F(PushesTest, ARegistryThatTookSomethingElseIsFoundOut) {
  Make({Bytes(100)});
  const std::string other = Of("other").ToString();
  Once("PUT", [other](const ServedRequest& request, RawPeer& peer) {
    (void)peer.Read(RegistryUploads::Length(request));
    RegistryServer::Respond(peer, "201 Created", "docker-content-digest: " + other + "\r\n", "");
    return true;
  });
  EXPECT_EQ(Failed().reason, "digest_mismatch");
  EXPECT_THAT(Methods("/manifests/"), ElementsAre());
}

TEST_F(PushesTest, ImpossibleRangesAreTheRegistrysFault) {
  Make({Bytes(kPart * 2)});
  Once("PATCH", [](const ServedRequest& request, RawPeer& peer) {
    (void)peer.Read(RegistryUploads::Length(request));
    RegistryServer::Respond(peer, "202 Accepted",
                            "location: " + request.Path() + "\r\nrange: 0-999999\r\n", "");
    return true;
  });
  EXPECT_EQ(Failed().code, ErrorCode::kProtocol);
}

TEST_F(PushesTest, OnlyConfiguredRegistriesArePushedTo) {
  Make({"x"});
  const Result<void> pushed = Push("elsewhere.example/ann/notes:v1");
  ASSERT_FALSE(pushed.ok());
  EXPECT_EQ(pushed.error().code, ErrorCode::kPermissionDenied);
  EXPECT_THAT(pushed.error().message, HasSubstr("models.push_registries"));
  EXPECT_TRUE(server_.requests().empty());
}

TEST_F(PushesTest, WhatIsNotThereOrNotWholeIsNotPushed) {
  EXPECT_EQ(Failed().code, ErrorCode::kNotFound);
  const std::string bytes = Bytes(100);
  Make({bytes});
  std::filesystem::remove(store_.blobs().PathOf(Of(bytes)));
  EXPECT_EQ(Failed().reason, "blob_missing");
  std::ofstream(store_.blobs().PathOf(Of(bytes))) << "short";
  EXPECT_EQ(Failed().reason, "blob_damaged");
  EXPECT_THAT(Methods("/manifests/"), ElementsAre());
}

TEST_F(PushesTest, APushThatNobodyWaitsForEndsAndTheNextGoesThrough) {
  const std::string bytes = Bytes(kPart * 4);
  Make({bytes});
  std::promise<void> reached, leave;
  const std::shared_future<void> left = leave.get_future().share();
  int parts = 0;
  uploads_.Fault([&, left](const ServedRequest& request, RawPeer&) {
    if (request.method != "PATCH" || ++parts != 2) return false;
    reached.set_value();
    left.wait();
    throw RegistryServer::End();
  });
  std::future<Result<void>> pushed = Begin(Name());
  reached.get_future().wait();
  OnShard([this] { cancel_.Cancel(ErrorCode::kCancelled); });
  const Result<void> result = pushed.get();
  leave.set_value();
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, ErrorCode::kCancelled);
  EXPECT_THAT(Methods("/manifests/"), ElementsAre());
  uploads_.Fault({});
  net::CancelToken again;
  const PullListener nobody = [](const Progress&) {};
  const Result<void> next = Run(pushes_->Push(*ModelName::Parse(Name(), ""), again, nobody));
  ASSERT_TRUE(next.ok()) << Describe(next.error());
  EXPECT_THAT(Methods("/manifests/"), ElementsAre("PUT"));
}

TEST_F(PushesTest, AModelThatIsRemovedMeanwhileIsPushedToItsEnd) {
  const std::string bytes = Bytes(kPart * 3);
  Make({bytes});
  Once("PATCH", [&](const ServedRequest&, RawPeer&) {
    const Result<CollectReport> removed = store_.Remove(*ModelName::Parse(Name(), ""));
    EXPECT_EQ(removed->in_use, 2U);
    return false;
  });
  const Result<void> pushed = Push();
  ASSERT_TRUE(pushed.ok()) << Describe(pushed.error());
  EXPECT_TRUE(store_.blobs().SizeOf(Of(bytes)));
  EXPECT_EQ(store_.DropReleased()->blobs, 2U);
  EXPECT_FALSE(store_.blobs().SizeOf(Of(bytes)));
}

TEST_F(PushesTest, GoesNoFasterThanItMay) {
  Make({Bytes(60'000)});
  Use(200'000);
  const std::int64_t before = net::MonotonicNow();
  ASSERT_TRUE(Push().ok());
  EXPECT_GT(net::MonotonicNow() - before, 150 * net::kMillisecond);
}

}  // namespace
}  // namespace tidegate::models
