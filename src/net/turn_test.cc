#include "net/turn.h"

#include <memory>
#include <optional>
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
  Pair(asio::io_context& io, Turn& turn) {
    int ends[2];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    stream = std::make_unique<Stream>(
        Socket(io, asio::generic::stream_protocol(AF_UNIX, 0), ends[0]), turn);
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

class TurnTest : public ::testing::Test {
 protected:
  asio::io_context io_{1};
  std::unique_ptr<Turn> turn_ = std::make_unique<Turn>(io_);
  std::vector<std::string> ended_;
};

TEST_F(TurnTest, WritesWhenTheEventsInHandHaveBeenHandled) {
  Pair first(io_, *turn_), second(io_, *turn_);
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

TEST_F(TurnTest, ARequestWithoutCompanyWritesAtOnce) {
  Pair pair(io_, *turn_);
  const Turn::Member member(*turn_);
  std::string before = "nothing looked";
  Spawn(io_, Say(*pair.stream, "alone", ended_), kIgnore);
  asio::post(io_, [&] { before = pair.Arrived(); });
  io_.run();
  EXPECT_EQ(before, "alone");
  EXPECT_EQ(ended_, (std::vector<std::string>{"alone written"}));
}

TEST_F(TurnTest, WhoWroteInCompanyGoesOnBehindTheEventsThatComeNext) {
  Pair first(io_, *turn_), second(io_, *turn_);
  std::vector<std::string> between{"nothing looked"};
  Spawn(io_, Say(*first.stream, "one", ended_), kIgnore);
  Spawn(io_, Say(*second.stream, "two", ended_), kIgnore);
  // Behind the batch, which stands in the queue already.
  asio::post(io_, [&] { asio::post(io_, [&] { between = ended_; }); });
  io_.run();
  EXPECT_EQ(between, std::vector<std::string>());
  EXPECT_EQ(ended_, (std::vector<std::string>{"one written", "two written"}));
}

TEST_F(TurnTest, AWriteThatFollowsAWriteBelongsToTheNextBatch) {
  Pair pair(io_, *turn_);
  const auto twice = [](Stream& stream, std::vector<std::string>& ended) -> Task<void> {
    co_await Say(stream, "first", ended);
    co_await Say(stream, "second", ended);
  };
  Spawn(io_, twice(*pair.stream, ended_), kIgnore);
  io_.run();
  EXPECT_EQ(pair.Arrived(), "firstsecond");
  EXPECT_EQ(ended_, (std::vector<std::string>{"first written", "second written"}));
}

TEST_F(TurnTest, AStreamThatIsClosedBeforeItsTurnFailsAlone) {
  Pair closed(io_, *turn_), other(io_, *turn_);
  Spawn(io_, Say(*closed.stream, "lost", ended_), kIgnore);
  Spawn(io_, Say(*other.stream, "kept", ended_), kIgnore);
  asio::post(io_, [&] { closed.stream->Close(); });
  io_.run();
  EXPECT_EQ(closed.Arrived(), "");
  EXPECT_EQ(other.Arrived(), "kept");
  EXPECT_EQ(ended_, (std::vector<std::string>{"lost failed", "kept written"}));
}

TEST_F(TurnTest, WritesMoreThanASocketTakesAtOnce) {
  Pair pair(io_, *turn_);
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

Task<void> Pass(Turn& turn, std::string name, std::vector<std::string>& seen) {
  const Turn::Member member(turn);
  for (const auto& [stage, what] :
       {std::pair(Stage::kRead, "read"), std::pair(Stage::kPlan, "plan"),
        std::pair(Stage::kAnswer, "answer")}) {
    co_await Turn::At(turn, stage);
    seen.push_back(name + " " + what);
  }
}

TEST_F(TurnTest, RequestsGoThroughTheStagesSideBySide) {
  // The first is alone when it begins, and stays behind nobody.
  const Turn::Member other(*turn_);
  for (const char* name : {"a", "b"}) Spawn(io_, Pass(*turn_, name, ended_), kIgnore);
  io_.run();
  EXPECT_EQ(ended_, (std::vector<std::string>{"a read", "b read", "a plan", "b plan", "a answer",
                                              "b answer"}));
}

TEST_F(TurnTest, ARequestWithoutCompanyNeverWaits) {
  std::size_t seen = 0;
  Spawn(io_, Pass(*turn_, "a", ended_), kIgnore);
  asio::post(io_, [&] { seen = ended_.size(); });
  io_.run();
  EXPECT_EQ(seen, 3U);
}

TEST_F(TurnTest, TheEventsInHandComeBeforeTheStages) {
  const Turn::Member other(*turn_);
  Spawn(io_, Pass(*turn_, "a", ended_), kIgnore);
  asio::post(io_, [&] { ended_.emplace_back("event"); });
  io_.run();
  EXPECT_EQ(ended_, (std::vector<std::string>{"event", "a read", "a plan", "a answer"}));
}

TEST_F(TurnTest, WritesComeBehindTheStages) {
  Pair pair(io_, *turn_);
  const Turn::Member other(*turn_);
  std::string between = "nothing looked";
  const auto look = [](Turn& turn, Pair& looked, std::string& out) -> Task<void> {
    co_await Turn::At(turn, Stage::kAnswer);
    out = looked.Arrived();
  };
  Spawn(io_, Say(*pair.stream, "said", ended_), kIgnore);
  const Turn::Member second(*turn_);
  Spawn(io_, look(*turn_, pair, between), kIgnore);
  io_.run();
  EXPECT_EQ(between, "");
  EXPECT_EQ(pair.Arrived(), "said");
}

TEST_F(TurnTest, WhoGoesBackToAnEarlierStageWaitsForTheNextTurn) {
  const Turn::Member one(*turn_), two(*turn_);
  const auto back = [](Turn& turn, std::vector<std::string>& seen) -> Task<void> {
    for (int i = 0; i < 3; ++i) {
      co_await Turn::At(turn, Stage::kSend);
      co_await Turn::At(turn, Stage::kRead);
      seen.emplace_back("round");
    }
  };
  Spawn(io_, back(*turn_, ended_), kIgnore);
  io_.run();
  EXPECT_EQ(ended_, (std::vector<std::string>{"round", "round", "round"}));
}

// Leaks are for the sanitizers to see.
TEST_F(TurnTest, DestroysWhoeverStillWaits) {
  auto alive = std::make_shared<int>();
  Pair pair(io_, *turn_);
  const auto hold = [](Stream& stream, std::shared_ptr<int>,
                       std::vector<std::string>& ended) -> Task<void> {
    co_await Say(stream, "never", ended);
  };
  Spawn(io_, hold(*pair.stream, alive, ended_), kIgnore);
  io_.run_one();  // up to the write
  ASSERT_EQ(alive.use_count(), 2);
  turn_.reset();
  EXPECT_EQ(alive.use_count(), 1);
  EXPECT_EQ(pair.Arrived(), "");
  EXPECT_TRUE(ended_.empty());
}

TEST_F(TurnTest, DestroysWhoeverWaitsForAStage) {
  auto alive = std::make_shared<int>();
  std::optional<Turn::Member> one(std::in_place, *turn_), two(std::in_place, *turn_);
  const auto hold = [](Turn& turn, std::shared_ptr<int>) -> Task<void> {
    co_await Turn::At(turn, Stage::kPlan);
  };
  Spawn(io_, hold(*turn_, alive), kIgnore);
  io_.run_one();  // up to the stage
  ASSERT_EQ(alive.use_count(), 2);
  one.reset();
  two.reset();
  turn_.reset();
  EXPECT_EQ(alive.use_count(), 1);
}

}  // namespace
}  // namespace tidegate::net
