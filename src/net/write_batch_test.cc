#include "net/write_batch.h"

#include <memory>
#include <string>
#include <unistd.h>
#include <vector>

#include <boost/asio/post.hpp>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "net/stream.h"

namespace tidegate::net {
namespace {

// One end of a connection as a Stream, the other as a descriptor.
class Pair {
 public:
  Pair(asio::io_context& io, WriteBatch& batch) {
    int ends[2];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    stream = std::make_unique<Stream>(
        Socket(io, asio::generic::stream_protocol(AF_UNIX, 0), ends[0]), batch);
    peer_ = ends[1];
  }
  ~Pair() { close(peer_); }
  // What has arrived at the other end by now.
  std::string Arrived() const {
    char bytes[4096];
    const ssize_t got = recv(peer_, bytes, sizeof bytes, MSG_DONTWAIT);
    return got > 0 ? std::string(bytes, static_cast<std::size_t>(got)) : std::string();
  }

  std::unique_ptr<Stream> stream;

 private:
  int peer_;
};

Task<void> Say(Stream& stream, std::string text, std::vector<std::string>& ended) {
  const std::string_view pieces[] = {text};
  const Result<void> written = co_await stream.Write(pieces);
  ended.push_back(text + (written.ok() ? " written" : " failed"));
}

constexpr auto kIgnore = [](const std::exception_ptr&) {};

class WriteBatchTest : public ::testing::Test {
 protected:
  asio::io_context io_{1};
  std::unique_ptr<WriteBatch> batch_ = std::make_unique<WriteBatch>(io_);
  std::vector<std::string> ended_;
};

TEST_F(WriteBatchTest, WritesWhenTheEventsInHandHaveBeenHandled) {
  Pair first(io_, *batch_), second(io_, *batch_);
  std::string between = "nothing looked";
  Spawn(io_, Say(*first.stream, "one", ended_), kIgnore);
  Spawn(io_, Say(*second.stream, "two", ended_), kIgnore);
  asio::post(io_, [&] { between = first.Arrived() + second.Arrived(); });
  io_.run();
  EXPECT_EQ(between, "");
  EXPECT_EQ(first.Arrived(), "one");
  EXPECT_EQ(second.Arrived(), "two");
  EXPECT_EQ(ended_, (std::vector<std::string>{"one written", "two written"}));
}

TEST_F(WriteBatchTest, ARequestWithoutCompanyWritesAtOnce) {
  Pair pair(io_, *batch_);
  const WriteBatch::Member member(*batch_);
  std::string before = "nothing looked";
  Spawn(io_, Say(*pair.stream, "alone", ended_), kIgnore);
  asio::post(io_, [&] { before = pair.Arrived(); });
  io_.run();
  EXPECT_EQ(before, "alone");
  EXPECT_EQ(ended_, (std::vector<std::string>{"alone written"}));
}

TEST_F(WriteBatchTest, WhoWroteInCompanyGoesOnBehindTheEventsThatComeNext) {
  Pair first(io_, *batch_), second(io_, *batch_);
  std::vector<std::string> between{"nothing looked"};
  Spawn(io_, Say(*first.stream, "one", ended_), kIgnore);
  Spawn(io_, Say(*second.stream, "two", ended_), kIgnore);
  // Behind the batch, which stands in the queue already.
  asio::post(io_, [&] { asio::post(io_, [&] { between = ended_; }); });
  io_.run();
  EXPECT_EQ(between, std::vector<std::string>());
  EXPECT_EQ(ended_, (std::vector<std::string>{"one written", "two written"}));
}

TEST_F(WriteBatchTest, AWriteThatFollowsAWriteBelongsToTheNextBatch) {
  Pair pair(io_, *batch_);
  const auto twice = [](Stream& stream, std::vector<std::string>& ended) -> Task<void> {
    co_await Say(stream, "first", ended);
    co_await Say(stream, "second", ended);
  };
  Spawn(io_, twice(*pair.stream, ended_), kIgnore);
  io_.run();
  EXPECT_EQ(pair.Arrived(), "firstsecond");
  EXPECT_EQ(ended_, (std::vector<std::string>{"first written", "second written"}));
}

TEST_F(WriteBatchTest, AStreamThatIsClosedBeforeItsTurnFailsAlone) {
  Pair closed(io_, *batch_), other(io_, *batch_);
  Spawn(io_, Say(*closed.stream, "lost", ended_), kIgnore);
  Spawn(io_, Say(*other.stream, "kept", ended_), kIgnore);
  asio::post(io_, [&] { closed.stream->Close(); });
  io_.run();
  EXPECT_EQ(closed.Arrived(), "");
  EXPECT_EQ(other.Arrived(), "kept");
  EXPECT_EQ(ended_, (std::vector<std::string>{"lost failed", "kept written"}));
}

TEST_F(WriteBatchTest, WritesMoreThanASocketTakesAtOnce) {
  Pair pair(io_, *batch_);
  const std::string much(8 * 1024 * 1024, 'x');
  Spawn(io_, Say(*pair.stream, much, ended_), kIgnore);
  std::size_t arrived = 0;
  while (ended_.empty()) {
    io_.run_one_for(std::chrono::milliseconds(10));
    for (std::string some = pair.Arrived(); !some.empty(); some = pair.Arrived()) {
      arrived += some.size();
    }
  }
  arrived += pair.Arrived().size();
  EXPECT_EQ(arrived, much.size());
}

// Leaks are for the sanitizers to see.
TEST_F(WriteBatchTest, DestroysWhoeverStillWaits) {
  auto alive = std::make_shared<int>();
  Pair pair(io_, *batch_);
  const auto hold = [](Stream& stream, std::shared_ptr<int>,
                       std::vector<std::string>& ended) -> Task<void> {
    co_await Say(stream, "never", ended);
  };
  Spawn(io_, hold(*pair.stream, alive, ended_), kIgnore);
  io_.run_one();  // up to the write
  ASSERT_EQ(alive.use_count(), 2);
  batch_.reset();
  EXPECT_EQ(alive.use_count(), 1);
  EXPECT_EQ(pair.Arrived(), "");
  EXPECT_TRUE(ended_.empty());
}

}  // namespace
}  // namespace tidegate::net
