#include "net/server.h"

#include <future>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/testing/raw_client.h"
#include "net/testing/server_fixture.h"

namespace tidegate::net::testing {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// --- Requests and answers ------------------------------------------------------------------------

TEST_F(ServerTest, AnAnswerHasStatusFieldsDateAndLength) {
  Listen();
  RawClient client = Connect();
  client.Send(Get("/"));
  const std::string answer = client.ReadAnswer();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, HasSubstr("\r\nx-test: yes\r\n"));
  EXPECT_THAT(answer, HasSubstr("\r\ncontent-length: 5\r\n"));
  EXPECT_THAT(answer, ::testing::ContainsRegex("\r\ndate: [A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} "
                                               "[0-9]{4} [0-9:]{8} GMT\r\n"));
  EXPECT_THAT(answer, Not(HasSubstr("connection:")));
  EXPECT_THAT(answer, EndsWith("\r\n\r\nhello"));
}

TEST_F(ServerTest, AConnectionServesManyRequests) {
  Listen();
  RawClient client = Connect();
  for (int i = 0; i < 50; ++i) {
    const std::string body = std::string(static_cast<std::size_t>(i) * 500, 'a') + "z";
    client.Send(Post("/echo", body));
    ASSERT_EQ(Body(client.ReadAnswer()), "POST:" + body) << i;
    client.Send(Get("/"));
    ASSERT_EQ(Body(client.ReadAnswer()), "hello") << i;
  }
  EXPECT_EQ(server_->connections(), 1U);
}

TEST_F(ServerTest, ABodyInPiecesArrivesWhole) {
  Listen();
  RawClient client = Connect();
  const std::string body(70'000, 'b');
  const std::string request = Post("/echo", body);
  for (std::size_t at = 0; at < request.size(); at += 9'973) {
    ASSERT_TRUE(client.Send(std::string_view(request).substr(at, 9'973)));
  }
  EXPECT_EQ(Body(client.ReadAnswer()), "POST:" + body);
}

TEST_F(ServerTest, ARequestByteByByteIsServed) {
  Listen();
  RawClient client = Connect();
  for (const char c : Post("/echo", "abc")) ASSERT_TRUE(client.Send(std::string_view(&c, 1)));
  EXPECT_EQ(Body(client.ReadAnswer()), "POST:abc");
}

TEST_F(ServerTest, HeadAnswersWithLengthAndWithoutBody) {
  Listen();
  RawClient client = Connect();
  client.Send("HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_THAT(client.ReadThrough("\r\n\r\n"), HasSubstr("content-length: 5\r\n"));
  client.Send("HEAD /stream HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_THAT(client.ReadThrough("\r\n\r\n"), HasSubstr("transfer-encoding: chunked\r\n"));
  client.Send(Get("/"));
  EXPECT_THAT(client.ReadAnswer(), StartsWith("HTTP/1.1 200"));
}

TEST_F(ServerTest, NoContentHasNeitherLengthNorBody) {
  Listen();
  RawClient client = Connect();
  client.Send(Get("/no_content"));
  const std::string head = client.ReadThrough("\r\n\r\n");
  EXPECT_THAT(head, StartsWith("HTTP/1.1 204 No Content\r\n"));
  EXPECT_THAT(head, Not(HasSubstr("content-length")));
  client.Send(Get("/"));
  EXPECT_THAT(client.ReadAnswer(), StartsWith("HTTP/1.1 200"));
}

TEST_F(ServerTest, AClientThatExpectsToContinueIsToldTo) {
  Listen();
  RawClient client = Connect();
  client.Send(
      "POST /echo HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
      "Content-Length: 3\r\n\r\n");
  EXPECT_EQ(client.ReadThrough("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  client.Send("abc");
  EXPECT_EQ(Body(client.ReadAnswer()), "POST:abc");
}

TEST_F(ServerTest, AClientThatExpectsButHasSentIsAnsweredAtOnce) {
  Listen();
  RawClient client = Connect();
  client.Send(Post("/echo", "abc", "Expect: 100-continue\r\n"));
  EXPECT_THAT(client.ReadAnswer(), StartsWith("HTTP/1.1 200"));
}

TEST_F(ServerTest, AnAnswerThatNeverAskedForTheExpectedBodyEndsTheConnection) {
  Listen();
  RawClient client = Connect();
  client.Send(
      "POST /hello HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
      "Content-Length: 3\r\n\r\n");
  const std::string answer = client.ReadAnswer();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(answer, HasSubstr("connection: close\r\n"));
  EXPECT_TRUE(client.AtEnd());
}

TEST_F(ServerTest, AnotherExpectationIsRefused) {
  Listen();
  EXPECT_THAT(Ask("POST /echo HTTP/1.1\r\nHost: localhost\r\nExpect: miracles\r\n"
                  "Content-Length: 3\r\n\r\n"),
              StartsWith("HTTP/1.1 400"));
}

TEST_F(ServerTest, AChunkedRequestIsDecodedAndTheConnectionKept) {
  Listen();
  RawClient client = Connect();
  const std::string head =
      "POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";
  client.Send(head + "3\r\nabc\r\n5;x=y\r\ndefgh\r\n0\r\nTrailer: x\r\n\r\n");
  EXPECT_EQ(Body(client.ReadAnswer()), "POST:abcdefgh");
  for (const char c : head + "1\r\na\r\n0\r\n\r\n") client.Send(std::string_view(&c, 1));
  EXPECT_EQ(Body(client.ReadAnswer()), "POST:a");
  std::string chunks;
  for (int i = 0; i < 2000; ++i) chunks += "1\r\nq\r\n";
  client.Send(head + chunks + "0\r\n\r\n");
  EXPECT_EQ(Body(client.ReadAnswer()), "POST:" + std::string(2000, 'q'));
}

TEST_F(ServerTest, AChunkedBodyIsReadInPiecesAndTheConnectionKept) {
  Listen();
  RawClient client = Connect();
  client.Send(
      "POST /pieces HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3\r\nabc\r\n");
  client.Send("2\r\nde\r\n0\r\n\r\n");
  const std::string chunked = Body(client.ReadAnswer());
  EXPECT_THAT(chunked, StartsWith("5 small "));
  client.Send(Post("/pieces", "abcde"));
  EXPECT_EQ(Body(client.ReadAnswer()), chunked);
  client.Send(Get("/"));
  EXPECT_EQ(Body(client.ReadAnswer()), "hello");
}

TEST_F(ServerTest, ABodyInPiecesThatIsLeftEarlyHarmsNoLaterRequest) {
  Listen();
  RawClient client = Connect();
  client.Send(Post("/pieces?stop", std::string(3'000, 'a')));
  EXPECT_THAT(client.ReadAnswer(), StartsWith("HTTP/1.1 200"));
  client.Send(Get("/"));
  EXPECT_EQ(Body(client.ReadAnswer()), "hello");
}

TEST_F(ServerTest, ABodyInPiecesThatStallsIsRefused) {
  Listen(Short(&ServerTimeouts::body_stall));
  RawClient client = Connect();
  client.Send("POST /pieces HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nabc");
  EXPECT_THAT(client.ReadToEnd(), HasSubstr("did not arrive in time"));
}

TEST_F(ServerTest, BadChunksOfABodyInPiecesAreRefused) {
  Listen();
  EXPECT_THAT(Ask("POST /pieces HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
                  "3\r\nabcXYZ"),
              StartsWith("HTTP/1.1 400"));
}

TEST_F(ServerTest, AStreamIsChunked) {
  Listen();
  RawClient client = Connect();
  client.Send(Get("/stream"));
  EXPECT_THAT(client.ReadThrough("\r\n\r\n"), HasSubstr("transfer-encoding: chunked\r\n"));
  EXPECT_EQ(client.ReadThrough("0\r\n\r\n"), "3\r\none\r\n3\r\ntwo\r\n5\r\nthree\r\n0\r\n\r\n");
  client.Send(Get("/"));
  EXPECT_THAT(client.ReadAnswer(), StartsWith("HTTP/1.1 200"));
}

TEST_F(ServerTest, AStreamToAnOldClientEndsWithTheConnection) {
  Listen();
  RawClient client = Connect();
  client.Send("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  const std::string head = client.ReadThrough("\r\n\r\n");
  EXPECT_THAT(head, HasSubstr("connection: close\r\n"));
  EXPECT_THAT(head, Not(HasSubstr("transfer-encoding")));
  EXPECT_EQ(client.ReadToEnd(), "onetwothree");
  EXPECT_FALSE(client.was_reset());
}

TEST_F(ServerTest, AnOldClientKeepsItsConnectionOnlyWhenItAsks) {
  Listen();
  RawClient client = Connect();
  client.Send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_THAT(client.ReadAnswer(), HasSubstr("connection: keep-alive\r\n"));
  client.Send("GET / HTTP/1.0\r\n\r\n");
  EXPECT_THAT(client.ReadAnswer(), HasSubstr("connection: close\r\n"));
  EXPECT_TRUE(client.AtEnd());
}

TEST_F(ServerTest, AClientThatAsksToCloseIsClosed) {
  Listen();
  RawClient client = Connect();
  client.Send(Get("/", "Connection: close\r\n"));
  EXPECT_THAT(client.ReadAnswer(), HasSubstr("connection: close\r\n"));
  EXPECT_TRUE(client.AtEnd());
  EXPECT_FALSE(client.was_reset());
  client.Close();
  server_->Drain();
  EXPECT_EQ(server_->connections(), 0U);
}

TEST_F(ServerTest, PipelinedRequestsGetTheFirstAnswerAndTheEndOfTheConnection) {
  Listen();
  RawClient client = Connect();
  client.Send(Post("/echo", "first") + Post("/echo", "second"));
  const std::string answer = client.ReadAnswer();
  EXPECT_EQ(Body(answer), "POST:first");
  EXPECT_THAT(answer, HasSubstr("connection: close\r\n"));
  EXPECT_TRUE(client.AtEnd());
}

TEST_F(ServerTest, ARequestBehindAChunkedOneIsPipeliningToo) {
  Listen();
  RawClient client = Connect();
  client.Send(
      "POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
      "1\r\na\r\n0\r\n\r\n" +
      Get("/"));
  const std::string answer = client.ReadAnswer();
  EXPECT_EQ(Body(answer), "POST:a");
  EXPECT_THAT(answer, HasSubstr("connection: close\r\n"));
  EXPECT_TRUE(client.AtEnd());
}

TEST_F(ServerTest, ASmallBodyThatNobodyReadIsSkipped) {
  Listen();
  RawClient client = Connect();
  client.Send(Post("/hello", std::string(50'000, 'x')));
  EXPECT_EQ(Body(client.ReadAnswer()), "hello");
  client.Send(Post("/echo", "next"));
  EXPECT_EQ(Body(client.ReadAnswer()), "POST:next");
}

TEST_F(ServerTest, TheNextRequestMayComeTogetherWithTheRestOfABodyThatNobodyRead) {
  Listen();
  RawClient client = Connect();
  const std::string request = Post("/hello", std::string(10'000, 'x'));
  client.Send(request.substr(0, request.size() - 100));
  EXPECT_EQ(Body(client.ReadAnswer()), "hello");
  client.Send(request.substr(request.size() - 100) + Post("/echo", "next"));
  EXPECT_EQ(Body(client.ReadAnswer()), "POST:next");
}

TEST_F(ServerTest, AChunkedBodyThatNobodyReadEndsTheConnection) {
  Listen();
  RawClient client = Connect();
  client.Send("POST /hello HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
  EXPECT_THAT(client.ReadAnswer(), HasSubstr("connection: close\r\n"));
  EXPECT_TRUE(client.AtEnd());
}

// --- Limits --------------------------------------------------------------------------------------

TEST_F(ServerTest, ABodyThatSaysItIsTooLargeIsRefusedUnread) {
  Listen();
  RawClient client = Connect();
  client.Send("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n");
  const std::string answer = client.ReadAnswer();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 413 Content Too Large\r\n"));
  EXPECT_THAT(answer, HasSubstr("connection: close\r\n"));
  EXPECT_TRUE(client.AtEnd());
}

TEST_F(ServerTest, ABodyALittleTooLargeIsSkippedAndTheConnectionKept) {
  Listen();
  RawClient client = Connect();
  client.Send(Post("/echo", std::string(kBodyBytesMax + 1, 'x')));
  EXPECT_THAT(client.ReadAnswer(), StartsWith("HTTP/1.1 413"));
  client.Send(Post("/echo", std::string(kBodyBytesMax, 'x')));
  EXPECT_THAT(client.ReadAnswer(), StartsWith("HTTP/1.1 200"));
}

TEST_F(ServerTest, ALargeRefusedBodyDoesNotDestroyItsAnswer) {
  Listen();
  RawClient client = Connect();
  client.Send("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999999\r\n\r\n");
  client.Send(std::string(200'000, 'x'));
  EXPECT_THAT(client.ReadAnswer(), StartsWith("HTTP/1.1 413"));
}

TEST_F(ServerTest, AChunkedBodyThatGrowsTooLargeIsRefused) {
  Listen();
  RawClient client = Connect();
  client.Send("POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
  client.Send("ffffff\r\n" + std::string(kBodyBytesMax + 1, 'x'));
  const std::string answer = client.ReadAnswer();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 413"));
  EXPECT_THAT(answer, HasSubstr("connection: close\r\n"));
}

TEST_F(ServerTest, BadChunksAreRefused) {
  Listen();
  EXPECT_THAT(Ask("POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
                  "+1\r\na\r\n0\r\n\r\n"),
              StartsWith("HTTP/1.1 400"));
}

TEST_F(ServerTest, AHeadTooLargeIsRefused) {
  Listen();
  EXPECT_THAT(Ask(Get("/", "X: " + std::string(kHeadBytesMax, 'x') + "\r\n")),
              StartsWith("HTTP/1.1 431 Request Header Fields Too Large\r\n"));
  std::string fields;
  for (std::size_t i = 0; i < kHeaderFieldsMax; ++i) fields += "X: y\r\n";
  EXPECT_THAT(Ask(Get("/", fields)), StartsWith("HTTP/1.1 431"));
  EXPECT_THAT(Ask(Get("/" + std::string(kTargetBytesMax, 'x'))), StartsWith("HTTP/1.1 431"));
}

TEST_F(ServerTest, ARefusalIsWrittenByTheEncoderWithThePathItIsFor) {
  Listen();
  const std::string answer =
      Ask("POST /v1/x?q HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 400 Bad Request\r\n"));
  EXPECT_THAT(answer, HasSubstr("content-type: text/x-refusal\r\n"));
  EXPECT_THAT(answer, HasSubstr("connection: close\r\n"));
  EXPECT_THAT(Body(answer), StartsWith("/v1/x|a request carries exactly one Host"));
}

TEST_F(ServerTest, MalformedAndForeignRequestsAreRefused) {
  Listen();
  EXPECT_THAT(Ask("GET /\r\n\r\n"), StartsWith("HTTP/1.1 400"));
  EXPECT_THAT(Ask("GET / HTTP/1.1\r\nHost: evil.com\r\n\r\n"), StartsWith("HTTP/1.1 403"));
  EXPECT_THAT(Ask(Get("/", "Origin: http://evil.com\r\n")), StartsWith("HTTP/1.1 403"));
  EXPECT_THAT(Ask(Post("/", "abc", "Transfer-Encoding: chunked\r\n")), StartsWith("HTTP/1.1 400"));
  EXPECT_THAT(Ask("\x16\x03\x01\x02"), HasSubstr("TLS"));
  const std::string head = Ask("HEAD / HTTP/1.1\r\nHost: evil.com\r\n\r\n");
  EXPECT_THAT(head, StartsWith("HTTP/1.1 403"));
  EXPECT_EQ(Body(head), "");
}

// --- Time ----------------------------------------------------------------------------------------

TEST_F(ServerTest, AHeadThatDoesNotEndInTimeIsRefused) {
  Listen(Short(&ServerTimeouts::head));
  RawClient client = Connect();
  client.Send("GET / HTTP/1.1\r\n");
  EXPECT_THAT(client.ReadAnswer(), StartsWith("HTTP/1.1 408 Request Timeout\r\n"));
  EXPECT_TRUE(client.AtEnd());
}

TEST_F(ServerTest, AnIdleConnectionIsClosedWithoutAWord) {
  Listen(Short(&ServerTimeouts::idle));
  RawClient client = Connect();
  EXPECT_TRUE(client.AtEnd());
  RawClient used = Connect();
  used.Send(Get("/"));
  EXPECT_THAT(used.ReadAnswer(), StartsWith("HTTP/1.1 200"));
  EXPECT_TRUE(used.AtEnd());
}

TEST_F(ServerTest, ABodyThatStallsIsRefused) {
  Listen(Short(&ServerTimeouts::body_stall));
  RawClient client = Connect();
  client.Send("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nabc");
  EXPECT_THAT(client.ReadAnswer(), StartsWith("HTTP/1.1 408"));
  EXPECT_TRUE(client.AtEnd());
  RawClient chunked = Connect();
  chunked.Send("POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5");
  EXPECT_THAT(chunked.ReadAnswer(), StartsWith("HTTP/1.1 408"));
}

TEST_F(ServerTest, AClientThatTakesNothingIsCut) {
  Listen(Short(&ServerTimeouts::write_stall));
  RawClient client = Connect();
  client.ShrinkReceiveBuffer();
  auto failed = board_.write_failed.get_future();
  client.Send(Get("/big"));
  ASSERT_TRUE(Comes(failed, std::chrono::duration_cast<std::chrono::milliseconds>(kPatience)));
  server_->Drain();
  EXPECT_EQ(server_->connections(), 0U);
}

TEST_F(ServerTest, ABigAnswerReachesAClientThatReads) {
  Listen();
  RawClient client = Connect();
  client.Send(Get("/big"));
  EXPECT_TRUE(Body(client.ReadAnswer()) == std::string(kBigBytes, 'x'));
}

TEST_F(ServerTest, ADeadlineCancelsTheRequestAndTheAnswerStillLeaves) {
  Listen();
  RawClient client = Connect();
  auto interrupted = board_.interrupted.get_future();
  client.Send(Get("/deadline"));
  EXPECT_THAT(client.ReadAnswer(), StartsWith("HTTP/1.1 504"));
  EXPECT_EQ(interrupted.get(), ErrorCode::kDeadlineExceeded);
  client.Send(Get("/"));
  EXPECT_THAT(client.ReadAnswer(), StartsWith("HTTP/1.1 200"));
}

// --- Clients that go -----------------------------------------------------------------------------

class GoneTest : public ServerTest {
 protected:
  // Sends `request`, which waits, and then ends the connection through `leave`.
  void ExpectNoticed(const std::string& request, const std::function<void(RawClient&)>& leave) {
    Listen(Short(&ServerTimeouts::idle));
    auto waiting = board_.waiting.get_future();
    auto interrupted = board_.interrupted.get_future();
    RawClient client = Connect();
    client.Send(request);
    waiting.wait();
    leave(client);
    ASSERT_TRUE(Comes(interrupted, kSoon));
    EXPECT_EQ(interrupted.get(), ErrorCode::kCancelled);
  }
};

TEST_F(GoneTest, AClientThatClosesIsNoticed) {
  ExpectNoticed(Get("/wait"), [](RawClient& client) { client.Close(); });
}
TEST_F(GoneTest, AClientThatResetsIsNoticed) {
  ExpectNoticed(Get("/wait"), [](RawClient& client) { client.Reset(); });
}
TEST_F(GoneTest, AClientThatLeavesLongAfterItsRequestBeganIsNoticed) {
  ExpectNoticed(Get("/wait"), [this](RawClient& client) {
    RawClient idle = Connect();
    EXPECT_TRUE(idle.AtEnd());  // which takes many times kGoneWatchDelay
    client.Close();
  });
}
TEST_F(GoneTest, AClientThatLeavesBytesBehindIsNoticed) {
  ExpectNoticed(Get("/wait"), [](RawClient& client) {
    client.Send("POST / HTTP/1.1\r\n");
    client.Close();
  });
}
TEST_F(GoneTest, AClientWhoseBodyWasReadIsNoticed) {
  ExpectNoticed(Post("/body_then_wait", std::string(50'000, 'x')),
                [](RawClient& client) { client.Close(); });
}

TEST_F(ServerTest, AClientThatGoesDuringItsBodyLeavesNoConnectionBehind) {
  Listen();
  {
    RawClient client = Connect();
    client.Send("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nabc");
  }
  server_->Drain();
  EXPECT_EQ(server_->connections(), 0U);
}

// --- Handlers that fail --------------------------------------------------------------------------

TEST_F(ServerTest, AHandlerThatNeverAnswersIsA500) {
  Listen();
  const std::string answer = Ask(Get("/silent"));
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 500 Internal Server Error\r\n"));
  EXPECT_THAT(answer, HasSubstr("connection: close\r\n"));
}

TEST_F(ServerTest, AStreamThatIsCutHasNoLastChunk) {
  Listen();
  for (const char* path : {"/abort", "/unfinished"}) {
    const std::string answer = Ask(Get(path));
    EXPECT_THAT(answer, EndsWith("4\r\npart\r\n")) << path;
  }
}

TEST_F(ServerTest, AStreamToAnOldClientThatIsCutEndsInAReset) {
  Listen();
  RawClient client = Connect();
  client.Send("GET /abort HTTP/1.0\r\n\r\n");
  client.ReadToEnd();
  EXPECT_TRUE(client.was_reset());
}

}  // namespace
}  // namespace tidegate::net::testing
