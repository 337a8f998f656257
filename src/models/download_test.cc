#include "models/download.h"

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "models/testing/pull_fixture.h"

namespace tidegate::models {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using testing::RawPeer;
using testing::RegistryServer;
using testing::ServedRequest;

constexpr std::uint64_t kPart = 16 * 1024;

class DownloadTest : public testing::PullFixture {
 protected:
  DownloadTest() {
    options_.part_bytes = kPart;
    options_.write_bytes = 4 * 1024;
    options_.retry.backoff_nanos = net::kMillisecond;
    options_.retry.backoff_nanos_max = 2 * net::kMillisecond;
    UseClient(ConfigOf(server_));
  }
  ~DownloadTest() override {
    OnShard([this] { client_.reset(); });
  }

  void UseClient(RegistryConfig config) {
    RegistryClientOptions options;
    options.stall_nanos = 300 * net::kMillisecond;
    OnShard([&] {
      client_ = std::make_unique<RegistryClient>(shards_[0], std::move(config), options);
    });
  }
  // Downloads what should be `bytes`.
  Result<Digest> Get(const std::string& bytes, bool digest_known = true) {
    net::CancelToken cancel;
    DownloadRequest request;
    request.access = std::make_shared<RegistryAccess>(*client_);
    request.target = {server_.origin(), "/blob"};
    request.size = bytes.size();
    if (digest_known) request.digest = Of(bytes);
    request.check = check_;
    DownloadTools tools{shards_[0], worker_, blobs_, bandwidth_, options_};
    DownloadProgress progress = [&](std::uint64_t total, std::uint64_t completed) {
      steps_.emplace_back(total, completed);
      if (completed >= cancel_at_) cancel.Cancel(ErrorCode::kCancelled);
    };
    return Run(Download(tools, std::move(request), cancel, std::move(progress)));
  }
  void ExpectDone(const std::string& bytes, bool digest_known = true) {
    const Result<Digest> digest = Get(bytes, digest_known);
    ASSERT_TRUE(digest.ok()) << Describe(digest.error());
    EXPECT_EQ(*digest, Of(bytes));
    EXPECT_TRUE(Stored(*digest) == bytes);
    EXPECT_EQ(Files(), 1U);
  }
  // The rest alone; the server may still have been sending parts to the one before.
  void ExpectServedSince(std::size_t served, std::size_t rest) {
    const std::size_t again = server_.bytes_served() - served;
    EXPECT_GE(again, rest);
    EXPECT_LE(again, rest + kDownloadConnections * kPart);
  }
  // Serves `bytes` and gets them.
  void ExpectServed(const std::string& bytes, bool digest_known = true) {
    server_.Add("/blob", bytes);
    ExpectDone(bytes, digest_known);
  }
  Error Failed(const std::string& bytes, bool digest_known = true) {
    const Result<Digest> digest = Get(bytes, digest_known);
    EXPECT_FALSE(digest.ok());
    return digest.ok() ? Error{} : digest.error();
  }
  // Gets a file, then does as if its process had been killed in the middle: both files are copied
  // as they stand then, and continued.
  void KillAndGoOn(const std::string& bytes) {
    server_.Add("/blob", bytes);
    std::atomic<std::size_t> answers = 0;
    const std::string partial = blobs_.PathOf(Of(bytes)) + "-partial";
    const std::string copy = folder_ + "/copy";
    fs::create_directory(copy);
    server_.Handle([&](const ServedRequest&, RawPeer&) {
      if (++answers == 20) {
        std::error_code ec;
        fs::copy_file(partial + "-state", copy + "/state", ec);  // first: it may only be too old
        EXPECT_FALSE(ec) << "there is no state";
        fs::copy_file(partial, copy + "/partial");
      }
      return false;
    });
    ExpectDone(bytes);
    fs::remove(blobs_.PathOf(Of(bytes)));
    fs::copy_file(copy + "/partial", partial);
    std::error_code ec;
    fs::copy_file(copy + "/state", partial + "-state", ec);
    const std::size_t served = server_.bytes_served();
    steps_.clear();
    ExpectDone(bytes);
    EXPECT_EQ(server_.bytes_served() - served, bytes.size() - steps_.front().second);
  }
  // The first `times` requests are answered in this way.
  void First(int times, RegistryServer::Handler handler) {
    auto left = std::make_shared<std::atomic<int>>(times);
    server_.Handle(
        [left, handler = std::move(handler)](const ServedRequest& request, RawPeer& peer) {
          return (*left)-- > 0 && handler(request, peer);
        });
  }
  // Every range is answered with these fields and as many bytes.
  void AnswerRanges(std::function<std::string(std::size_t first, std::size_t last)> content_range,
                    std::size_t bytes) {
    server_.Handle([=](const ServedRequest& request, RawPeer& peer) {
      const auto range = request.Range();
      if (!range) return false;
      RegistryServer::Respond(
          peer, "206 Partial Content",
          "content-range: " + content_range(range->first, range->second) + "\r\n",
          std::string(bytes, 'x'));
      return true;
    });
  }

  net::Worker worker_;
  Bandwidth bandwidth_{0};
  DownloadOptions options_;
  std::function<Result<void>(const std::string&)> check_;
  std::uint64_t cancel_at_ = UINT64_MAX;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> steps_;
  std::unique_ptr<RegistryClient> client_;
};

TEST_F(DownloadTest, FetchesTheFileInParts) {
  const std::string bytes = Bytes(10 * kPart + 5);
  ExpectServed(bytes);
  const std::vector<ServedRequest> requests = server_.requests();
  EXPECT_EQ(requests.size(), 11U);
  for (const ServedRequest& request : requests) EXPECT_TRUE(request.Range()) << request.head;
  EXPECT_EQ(server_.bytes_served(), bytes.size());
}

TEST_F(DownloadTest, SaysHowFarItIs) {
  const std::string bytes = Bytes(4 * kPart);
  ExpectServed(bytes);
  ASSERT_GE(steps_.size(), 3U);
  EXPECT_EQ(steps_.front().second, 0U);
  EXPECT_EQ(steps_.back().second, bytes.size());
  for (std::size_t i = 1; i < steps_.size(); ++i) {
    EXPECT_EQ(steps_[i].first, bytes.size());
    EXPECT_GT(steps_[i].second, steps_[i - 1].second);
  }
}

TEST_F(DownloadTest, ASmallFileIsOnePlainRequest) {
  ExpectServed(Bytes(100));
  ASSERT_EQ(server_.requests().size(), 1U);
  EXPECT_EQ(server_.requests()[0].Field("range"), "");
}

TEST_F(DownloadTest, AnEmptyFileNeedsNoRequest) {
  ExpectDone("");
  EXPECT_TRUE(server_.requests().empty());
}

TEST_F(DownloadTest, SeveralConnectionsAreUsedAtOnceAndNoMore) {
  options_.connections = 3;
  std::atomic<int> now = 0, most = 0;
  server_.Handle([&](const ServedRequest&, RawPeer&) {
    most = std::max(most.load(), ++now);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    --now;
    return false;
  });
  ExpectServed(Bytes(12 * kPart));
  EXPECT_LE(most, 3);
  EXPECT_GE(most, 2);
}

// --- Wrong bytes ---

TEST_F(DownloadTest, AWrongDigestLeavesNothingBehind) {
  std::string bytes = Bytes(3 * kPart);
  server_.Add("/blob", bytes);
  bytes[kPart + 7] ^= 1;
  const Error error = Failed(bytes);
  EXPECT_EQ(error.reason, "digest_mismatch");
  EXPECT_EQ(Files(), 0U);
}

TEST_F(DownloadTest, AFileOfAnotherSizeIsRefused) {
  server_.Add("/blob", Bytes(3 * kPart + 1));
  EXPECT_THAT(Failed(Bytes(3 * kPart)).message, HasSubstr("as was promised"));
  server_.Add("/blob", Bytes(101));
  EXPECT_THAT(Failed(Bytes(100)).message, HasSubstr("has 101 bytes, not 100"));
}

TEST_F(DownloadTest, OtherBytesThanWereAskedForAreRefused) {
  const std::string bytes = Bytes(3 * kPart);
  const auto total = "/" + std::to_string(bytes.size());
  AnswerRanges(
      [&](auto first, auto last) {
        return "bytes " + std::to_string(first + 1) + "-" + std::to_string(last + 1) + total;
      },
      kPart);
  EXPECT_THAT(Failed(bytes).message, HasSubstr("was asked for bytes 0-16383"));
  AnswerRanges(
      [&](auto first, auto last) {
        return "bytes " + std::to_string(first) + "-" + std::to_string(last - 1) + total;
      },
      kPart - 1);
  EXPECT_EQ(Failed(bytes).code, ErrorCode::kProtocol);
  AnswerRanges(
      [&](auto first, auto last) {
        return "bytes " + std::to_string(first) + "-" + std::to_string(last) + total;
      },
      kPart + 1);
  EXPECT_THAT(Failed(bytes).message, HasSubstr("sends 16385 bytes for 16384"));
  AnswerRanges([&](auto, auto) { return std::string("nonsense"); }, kPart);
  EXPECT_THAT(Failed(bytes).message, HasSubstr("'nonsense'"));
  EXPECT_EQ(server_.bytes_served(), 0U);
}

TEST_F(DownloadTest, ABodyWithoutEndIsCutOff) {
  const std::string bytes = Bytes(100);
  server_.Handle([&](const ServedRequest&, RawPeer& peer) -> bool {
    peer.Send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n64\r\n" + bytes + "\r\n");
    for (int i = 0; i < 10'000; ++i) peer.Send("1000\r\n" + std::string(0x1000, 'x') + "\r\n");
    throw RegistryServer::End();
  });
  const Error error = Failed(bytes);
  EXPECT_EQ(error.code, ErrorCode::kProtocol);
  EXPECT_THAT(error.message, HasSubstr("longer than it should be"));
  EXPECT_EQ(server_.requests().size(), 1U);
}

TEST_F(DownloadTest, AFileThatFailsItsCheckLeavesNothingBehind) {
  const std::string bytes = Bytes(3 * kPart);
  server_.Add("/blob", bytes);
  std::string seen;
  check_ = [&](const std::string& path) -> Result<void> {
    std::ifstream file(path, std::ios::binary);
    seen.assign(std::istreambuf_iterator<char>(file), {});
    return InvalidArgument("model", "not this one");
  };
  EXPECT_EQ(Failed(bytes, false).message, "not this one");
  EXPECT_TRUE(seen == bytes);
  EXPECT_EQ(Files(), 0U);
}

// --- Without ranges ---

TEST_F(DownloadTest, AServerWithoutRangesIsReadInOneStream) {
  server_.ServeRanges(false);
  const std::string bytes = Bytes(5 * kPart + 1);
  ExpectServed(bytes);
  ASSERT_EQ(server_.requests().size(), 2U);  // one that asks for a range, one that does not
  EXPECT_EQ(server_.requests()[1].Field("range"), "");
}

TEST_F(DownloadTest, AStreamThatIsCutBeginsAnew) {
  server_.ServeRanges(false);
  const std::string bytes = Bytes(5 * kPart);
  First(3, [&](const ServedRequest& request, RawPeer& peer) -> bool {
    if (request.Range()) return false;
    server_.Cut(request, peer, 3 * kPart);
  });
  ExpectServed(bytes);
}

TEST_F(DownloadTest, AStreamThatIsAlwaysCutIsGivenUp) {
  server_.ServeRanges(false);
  const std::string bytes = Bytes(5 * kPart);
  server_.Add("/blob", bytes);
  server_.Handle([&](const ServedRequest& request, RawPeer& peer) -> bool {
    if (request.Range()) return false;
    server_.Cut(request, peer, 3 * kPart);
  });
  EXPECT_EQ(Failed(bytes).reason, "cut");
  EXPECT_EQ(server_.requests().size(), 1U + kDownloadTriesMax);
}

// --- Failing and trying again ---

TEST_F(DownloadTest, AnAnswerThatIsCutIsContinuedWhereItEnded) {
  const std::string bytes = Bytes(6 * kPart);
  First(3, [&](const ServedRequest& request, RawPeer& peer) -> bool {
    server_.Cut(request, peer, kPart / 2);
  });
  ExpectServed(bytes);
  EXPECT_EQ(server_.bytes_served(), bytes.size());  // none of them twice
}

TEST_F(DownloadTest, AServerThatStallsIsAskedAgain) {
  const std::string bytes = Bytes(2 * kPart);
  First(1, [&](const ServedRequest& request, RawPeer& peer) {
    peer.Send("HTTP/1.1 206 Partial Content\r\ncontent-length: 16384\r\ncontent-range: bytes " +
              request.Field("range").substr(6) + "/32768\r\n\r\n" + bytes.substr(0, 5'000));
    peer.AwaitEnd();
    return true;
  });
  ExpectServed(bytes);
  std::vector<std::size_t> firsts;
  for (const ServedRequest& request : server_.requests()) {
    firsts.push_back(request.Range()->first);
  }
  EXPECT_THAT(firsts, ::testing::UnorderedElementsAre(0, kPart, 5'000));
}

TEST_F(DownloadTest, AServerThatFailsForAWhileIsAskedAgain) {
  First(3, [](const ServedRequest&, RawPeer& peer) {
    RegistryServer::Respond(peer, "500 Oops", "", "");
    return true;
  });
  ExpectServed(Bytes(2 * kPart));
}

TEST_F(DownloadTest, AServerThatAlwaysFailsIsGivenUp) {
  server_.Handle([](const ServedRequest&, RawPeer& peer) {
    RegistryServer::Respond(peer, "503 Busy", "", "");
    return true;
  });
  EXPECT_EQ(Failed(Bytes(2 * kPart)).upstream_status, 503);
  EXPECT_EQ(server_.requests().size(), static_cast<std::size_t>(kDownloadTriesMax));
}

TEST_F(DownloadTest, WhatDoesNotHelpIsNotTriedAgain) {
  EXPECT_EQ(Failed(Bytes(2 * kPart)).code, ErrorCode::kNotFound);
  EXPECT_EQ(server_.requests().size(), 1U);
}

TEST(Retries, HelpAgainstTheNetworkOnly) {
  const auto upstream = [](ErrorCode code, const char* reason) {
    Error error{code, ErrorSource::kUpstream, Retry::kOtherTarget, "x"};
    error.reason = reason;
    return error;
  };
  EXPECT_TRUE(Retries::CanHelp(upstream(ErrorCode::kUnavailable, "")));
  EXPECT_TRUE(Retries::CanHelp(upstream(ErrorCode::kDeadlineExceeded, "")));
  EXPECT_TRUE(Retries::CanHelp(upstream(ErrorCode::kRateLimited, "")));
  EXPECT_TRUE(Retries::CanHelp(upstream(ErrorCode::kProtocol, "cut")));
  EXPECT_FALSE(Retries::CanHelp(upstream(ErrorCode::kProtocol, "")));
  EXPECT_FALSE(Retries::CanHelp(upstream(ErrorCode::kNotFound, "")));
  EXPECT_FALSE(Retries::CanHelp(upstream(ErrorCode::kPermissionDenied, "")));
  EXPECT_FALSE(Retries::CanHelp(Unavailable(ErrorSource::kGateway, "the disk is full")));
}

// --- Continuing ---

TEST_F(DownloadTest, ACancelledDownloadIsContinuedByTheNext) {
  const std::string bytes = Bytes(20 * kPart);
  server_.Add("/blob", bytes);
  cancel_at_ = 8 * kPart;
  EXPECT_EQ(Failed(bytes).code, ErrorCode::kCancelled);
  const std::uint64_t kept = steps_.back().second;
  EXPECT_GE(kept, 8 * kPart);
  EXPECT_LT(kept, bytes.size());
  EXPECT_EQ(Files(), 2U);  // the partial file and its state
  const std::size_t served = server_.bytes_served();
  cancel_at_ = UINT64_MAX;
  steps_.clear();
  ExpectDone(bytes);
  EXPECT_EQ(steps_.front().second, kept);
  ExpectServedSince(served, bytes.size() - kept);
}

TEST_F(DownloadTest, AFailedDownloadIsContinuedByTheNext) {
  const std::string bytes = Bytes(20 * kPart);
  server_.Add("/blob", bytes);
  std::atomic<std::size_t> answers = 0;
  server_.Handle([&](const ServedRequest&, RawPeer& peer) {
    if (answers++ < 6) return false;
    RegistryServer::Respond(peer, "404 Gone", "", "");
    return true;
  });
  EXPECT_EQ(Failed(bytes).code, ErrorCode::kNotFound);
  const std::uint64_t kept = steps_.back().second;
  EXPECT_GT(kept, 0U);
  server_.Handle(nullptr);
  const std::size_t served = server_.bytes_served();
  ExpectDone(bytes);
  ExpectServedSince(served, bytes.size() - kept);
}

// What kill -9 leaves is what Sync and the state's rename left: nothing runs at the end.
TEST_F(DownloadTest, AProcessThatIsKilledLeavesWhatItsStateSays) {
  options_.sync_bytes = 4 * kPart;
  options_.sync_nanos = INT64_MAX;
  const std::string bytes = Bytes(40 * kPart);
  KillAndGoOn(bytes);
  EXPECT_GE(steps_.front().second, 4 * kPart);
}

TEST_F(DownloadTest, AProcessThatIsKilledKeepsWhatASlowLinkHasBrought) {
  options_.sync_bytes = UINT64_MAX;
  options_.sync_nanos = 0;
  const std::string bytes = Bytes(40 * kPart);
  KillAndGoOn(bytes);
  EXPECT_GE(steps_.front().second, 4 * kPart);
}

TEST_F(DownloadTest, AStateThatIsDamagedIsNotBelieved) {
  const std::string bytes = Bytes(3 * kPart);
  ASSERT_TRUE(blobs_.Continue(Of(bytes))->Append(Bytes(kPart, 2)).ok());
  std::ofstream(blobs_.PathOf(Of(bytes)) + "-partial-state") << "{\"version\":1";
  ExpectServed(bytes);
  EXPECT_EQ(server_.bytes_served(), bytes.size());
}

TEST_F(DownloadTest, WhatAnotherIsWritingIsLeftAlone) {
  const std::string bytes = Bytes(3 * kPart);
  const Result<PartialBlob> other = blobs_.Continue(Of(bytes));
  EXPECT_EQ(Failed(bytes).code, ErrorCode::kConflict);
}

TEST_F(DownloadTest, AFileWithoutADigestIsContinuedAsLongAsItsVersionIsTheSame) {
  const std::string bytes = Bytes(20 * kPart), other = Bytes(20 * kPart, 2);
  server_.SetEtag("\"one\"");
  server_.Add("/blob", bytes);
  server_.Handle([n = std::make_shared<std::atomic<int>>(0)](const ServedRequest&, RawPeer& peer) {
    if ((*n)++ < 6) return false;
    RegistryServer::Respond(peer, "404 Gone", "", "");
    return true;
  });
  EXPECT_EQ(Failed(bytes, false).code, ErrorCode::kNotFound);
  const std::uint64_t kept = steps_.back().second;
  server_.Handle(nullptr);
  // The file is replaced.
  server_.SetEtag("\"two\"");
  server_.Add("/blob", other);
  steps_.clear();
  ExpectDone(other, false);
  EXPECT_EQ(steps_.front().second, kept);  // it looked as if it could be continued
  EXPECT_GE(server_.bytes_served(), other.size());
}

TEST_F(DownloadTest, AFileWithoutADigestAndAVersionIsNotContinued) {
  const std::string bytes = Bytes(20 * kPart);
  server_.Add("/blob", bytes);
  server_.Handle([n = std::make_shared<std::atomic<int>>(0)](const ServedRequest&, RawPeer& peer) {
    if ((*n)++ < 6) return false;
    RegistryServer::Respond(peer, "404 Gone", "", "");
    return true;
  });
  EXPECT_EQ(Failed(bytes, false).code, ErrorCode::kNotFound);
  server_.Handle(nullptr);
  steps_.clear();
  ExpectDone(bytes, false);
  EXPECT_EQ(steps_.front().second, 0U);
}

TEST_F(DownloadTest, AFileThatChangesAllTheTimeIsGivenUp) {
  const std::string bytes = Bytes(20 * kPart);
  server_.Add("/blob", bytes);
  std::atomic<int> version = 0;
  server_.Handle([&](const ServedRequest&, RawPeer&) {
    server_.SetEtag("\"" + std::to_string(version++) + "\"");
    return false;
  });
  EXPECT_THAT(Failed(bytes, false).message, HasSubstr("another file each time"));
  fs::remove_all(blobs_.folder());
  // With a digest it does not matter what the versions are called.
  ExpectDone(bytes);
}

// --- Elsewhere ---

TEST_F(DownloadTest, APlaceThatARedirectNamesIsRememberedUntilItExpires) {
  RegistryServer storage;
  RegistryConfig config = ConfigOf(server_);
  config.token = Secret("st0red");
  config.storage = {storage.origin()};
  UseClient(config);
  const std::string bytes = Bytes(10 * kPart);
  storage.Add("/at", bytes);
  server_.Handle([&](const ServedRequest&, RawPeer& peer) {
    RegistryServer::Redirect(peer, "http://" + storage.host() + "/at?signature=" +
                                       std::to_string(server_.requests().size()));
    return true;
  });
  storage.Handle([&](const ServedRequest& request, RawPeer& peer) {
    if (storage.requests().size() <= 5 || request.target != "/at?signature=1") return false;
    RegistryServer::Respond(peer, "403 Expired", "", "");
    return true;
  });
  ExpectDone(bytes);
  EXPECT_GE(server_.requests().size(), 2U);
  EXPECT_LE(server_.requests().size(), 1U + options_.connections);
  for (const ServedRequest& request : storage.requests()) {
    EXPECT_EQ(request.Field("authorization"), "");
  }
}

TEST_F(DownloadTest, NothingIsFetchedFromAnAddressThatIsNotPublic) {
  RegistryServer inner;
  server_.Handle([&](const ServedRequest&, RawPeer& peer) {
    RegistryServer::Redirect(peer, "http://" + inner.host() + "/");
    return true;
  });
  EXPECT_EQ(Failed(Bytes(2 * kPart)).reason, "private_address");
  EXPECT_TRUE(inner.requests().empty());
  EXPECT_EQ(server_.requests().size(), 1U);
}

// --- This machine ---

TEST_F(DownloadTest, TheBandwidthIsShared) {
  bandwidth_ = Bandwidth(kPart * 20);  // a second for 20 parts
  const std::int64_t before = net::MonotonicNow();
  ExpectServed(Bytes(8 * kPart));
  const std::int64_t took = net::MonotonicNow() - before;
  EXPECT_GE(took, 250 * net::kMillisecond);  // 400 less the burst, whatever the connections
}

TEST(Bandwidth, ChargesForWhatCame) {
  Bandwidth bandwidth(1'000);
  const std::int64_t now = 100 * net::kSecond;
  EXPECT_EQ(bandwidth.Charge(100, now), now);  // out of the burst
  EXPECT_EQ(bandwidth.Charge(500, now), now + 500 * net::kMillisecond);
  EXPECT_EQ(bandwidth.Charge(500, now), now + net::kSecond);
  EXPECT_EQ(bandwidth.Charge(100, now + 10 * net::kSecond), now + 10 * net::kSecond);
  EXPECT_EQ(Bandwidth(0).Charge(1'000'000, now), now);
}

TEST_F(DownloadTest, ADiskWithoutRoomIsSaidAtOnce) {
  DownloadRequest request;
  request.access = std::make_shared<RegistryAccess>(*client_);
  request.target = {server_.origin(), "/blob"};
  request.size = kLayerBytesMax;
  request.digest = Of("x");
  DownloadTools tools{shards_[0], worker_, blobs_, bandwidth_, options_};
  const Result<Digest> digest =
      Run(Download(tools, std::move(request), cancel_, [](std::uint64_t, std::uint64_t) {}));
  ASSERT_FALSE(digest.ok());
  EXPECT_EQ(digest.error().reason, "disk_full");
  EXPECT_THAT(digest.error().message, HasSubstr("free some room"));
  EXPECT_TRUE(server_.requests().empty());
}

TEST_F(DownloadTest, ADiskThatFailsEndsItWithoutTryingAgain) {
  std::ofstream(blobs_.folder()) << "a file where the folder should be";
  const Error error = Failed(Bytes(2 * kPart));
  EXPECT_EQ(error.code, ErrorCode::kUnavailable);
  EXPECT_TRUE(server_.requests().empty());
}

}  // namespace
}  // namespace tidegate::models
