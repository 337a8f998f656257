// HTTP/2: what it shares with HTTP/1.1 is asked of both, what is its own of it alone.
#include <functional>
#include <future>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/server.h"
#include "net/testing/http2_client.h"
#include "net/testing/raw_client.h"
#include "net/testing/server_fixture.h"

namespace tidegate::net::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::StartsWith;

constexpr std::uint32_t kCalm = NGHTTP2_ENHANCE_YOUR_CALM;

// --- The same answers in both versions -----------------------------------------------------------

struct Asked {
  const char* what;
  std::string method, path;
  Fields fields;
  std::string body;
  int status;
  std::string answer;                  // the whole body
  std::string field = {}, value = {};  // one field of the answer, where it matters
};

std::string Many(std::size_t size) { return std::string(size, 'x'); }

std::string Sum(std::string_view text) {
  std::size_t sum = 0;
  for (const char c : text) sum = sum * 31 + static_cast<unsigned char>(c);
  return std::to_string(sum);
}

Fields ManyFields(std::size_t count) { return Fields(count, {"x", "y"}); }

std::vector<Asked> Answered() {
  const std::string big = Many(kBodyBytesMax);
  return {
      {"an answer", "GET", "/", {}, "", 200, "hello", "x-test", "yes"},
      {"its length", "GET", "/", {}, "", 200, "hello", "content-length", "5"},
      {"the query is no part of the path", "GET", "/echo?a=b", {}, "", 200, "GET:"},
      {"a body", "POST", "/echo", {}, "abc", 200, "POST:abc", "content-type", "text/plain"},
      {"another method", "PUT", "/echo", {}, "abc", 200, "PUT:abc"},
      {"a large body", "POST", "/echo", {}, big, 200, "POST:" + big},
      {"a body that is too large",
       "POST",
       "/echo",
       {},
       big + "x",
       413,
       "the body of the request is larger than 100000 bytes"},
      {"a body in pieces", "POST", "/pieces", {}, "abc", 200, "3 small " + Sum("abc")},
      {"no body in pieces", "POST", "/pieces", {}, "", 200, "0 small 0"},
      {"a body in pieces that is too large to be held",
       "POST",
       "/pieces",
       {},
       Many(5'000'000),
       200,
       "5000000 small " + Sum(Many(5'000'000))},
      {"a body in pieces that is read slowly",
       "POST",
       "/pieces?slow",
       {},
       Many(400'000),
       200,
       "400000 small " + Sum(Many(400'000))},
      {"pieces after an expectation",
       "POST",
       "/pieces",
       {{"expect", "100-continue"}},
       "abc",
       200,
       "3 small " + Sum("abc")},
      {"a body that nobody reads", "POST", "/hello", {}, Many(50'000), 200, "hello"},
      {"a stream", "GET", "/stream", {}, "", 200, "onetwothree", "content-type", "text/plain"},
      {"a head only", "HEAD", "/", {}, "", 200, "", "content-length", "5"},
      {"a stream's head only", "HEAD", "/stream", {}, "", 200, "", "content-type", "text/plain"},
      {"no content", "GET", "/no_content", {}, "", 204, "", "content-length", ""},
      {"an expectation that is met",
       "POST",
       "/echo",
       {{"expect", "100-continue"}},
       "abc",
       200,
       "POST:abc"},
      {"no answer",
       "GET",
       "/silent",
       {},
       "",
       500,
       "/silent|the request was not answered; this is a bug in Tidegate",
       "content-type",
       "text/x-refusal"},
  };
}

std::vector<Asked> Refused() {
  return {
      {"a foreign origin",
       "GET",
       "/x",
       {{"origin", "http://evil.com"}},
       "",
       403,
       "/x|web pages may not call this server; add the page's origin to origins = [...] to allow "
       "it"},
      {"a fragment in the path",
       "GET",
       "/x#y",
       {},
       "",
       400,
       "|the request target must be a path, as in POST /v1/chat/completions"},
      {"a path that is too long",
       "GET",
       "/" + Many(kTargetBytesMax),
       {},
       "",
       431,
       "|the request target is longer than 8192 bytes"},
      {"a head that is too large",
       "GET",
       "/",
       {{"x", Many(kHeadBytesMax)}},
       "",
       431,
       "|the head of the message is larger than 65536 bytes"},
      {"too many fields", "GET", "/", ManyFields(kHeaderFieldsMax), "", 431,
       "|too many header fields; at most 128"},
      {"as many fields as may be", "GET", "/", ManyFields(kHeaderFieldsMax - 2), "", 200, "hello"},
  };
}

class BothVersionsTest : public ServerTest, public ::testing::WithParamInterface<int> {
 protected:
  Http2Answer AskHttp1(const Asked& asked) const {
    std::string request = asked.method + " " + asked.path + " HTTP/1.1\r\nhost: localhost\r\n";
    for (const auto& [name, value] : asked.fields) request += name + ": " + value + "\r\n";
    request += "content-length: " + std::to_string(asked.body.size()) + "\r\n\r\n" + asked.body;
    const std::string text = Ask(request);
    Http2Answer answer;
    answer.status = std::stoi(text.substr(std::string("HTTP/1.1 ").size(), 3));
    std::size_t at = text.find("\r\n") + 2;
    for (std::size_t end = text.find("\r\n", at); end > at; end = text.find("\r\n", at)) {
      const std::size_t colon = text.find(": ", at);
      answer.fields.emplace_back(text.substr(at, colon - at),
                                 text.substr(colon + 2, end - colon - 2));
      at = end + 2;
    }
    answer.body = text.substr(at + 2);
    if (answer.Field("transfer-encoding") == "chunked") answer.body = Joined(answer.body);
    return answer;
  }
  static std::string Joined(std::string_view chunks) {
    std::string body;
    ChunkReader reader;
    while (!reader.done()) {
      const Result<ChunkReader::Step> step = reader.Next(chunks);
      if (!step.ok() || step->consumed == 0) break;
      body += step->payload;
      chunks.remove_prefix(step->consumed);
    }
    return body;
  }
  Http2Answer AskHttp2(const Asked& asked) const {
    Http2Client client(Connect());
    Fields fields = asked.fields;
    fields.emplace_back("content-length", std::to_string(asked.body.size()));
    return client.Ask(asked.method, asked.path, fields, asked.body);
  }
};

TEST_P(BothVersionsTest, AnswerAlike) {
  Listen();
  std::vector<Asked> table = Answered();
  for (const Asked& asked : Refused()) table.push_back(asked);
  for (const Asked& asked : table) {
    const Http2Answer answer = GetParam() == 2 ? AskHttp2(asked) : AskHttp1(asked);
    EXPECT_EQ(answer.status, asked.status) << asked.what;
    EXPECT_TRUE(answer.body == asked.answer) << asked.what << ": " << answer.body.substr(0, 200);
    if (!asked.field.empty()) {
      EXPECT_EQ(answer.Field(asked.field), asked.value) << asked.what;
    }
    EXPECT_THAT(answer.Field("date"), MatchesRegex("[A-Z].., .. [A-Z].. .... ..:..:.. GMT"));
  }
}

INSTANTIATE_TEST_SUITE_P(Http, BothVersionsTest, ::testing::Values(1, 2));

using Http2ServerTest = ServerTest;

// --- Connections ---------------------------------------------------------------------------------

TEST_F(Http2ServerTest, OneConnectionServesManyRequestsOneAfterTheOther) {
  Listen();
  Http2Client client(Connect());
  for (int i = 0; i < 300; ++i) {
    const std::string body = std::string(static_cast<std::size_t>(i) * 100, 'a') + "z";
    ASSERT_EQ(client.Ask("POST", "/echo", {}, body).body, "POST:" + body) << i;
  }
  EXPECT_EQ(server_->connections(), 1U);
}

TEST_F(Http2ServerTest, APrefaceByteByByteIsUnderstood) {
  Listen();
  RawClient client = Connect();
  const std::string request = Preface() + Frame(NGHTTP2_HEADERS, 5, 1, HpackGet());
  for (const char c : request) ASSERT_TRUE(client.Send(std::string_view(&c, 1)));
  EXPECT_THAT(client.ReadThrough("hello"), HasSubstr("hello"));
}

TEST_F(Http2ServerTest, WhatOnlyBeginsLikeThePrefaceIsHttp1) {
  Listen();
  EXPECT_THAT(Ask("PRI / HTTP/1.1\r\nHost: localhost\r\n\r\n"), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(Ask("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n"), StartsWith("HTTP/1.1 400"));
  EXPECT_THAT(Ask("PRI"), IsEmpty());
}

TEST_F(Http2ServerTest, AUnixSocketSpeaksHttp2AndTakesAnyHost) {
  const std::string path = NewPath("s");
  Listen({}, "unix:" + path);
  Http2Client client(RawClient::Unix(path));
  const std::int32_t id = client.StartExactly(
      {{":method", "GET"}, {":scheme", "http"}, {":authority", "any"}, {":path", "/"}});
  EXPECT_EQ(client.Finish(id).body, "hello");
}

// --- Heads ---------------------------------------------------------------------------------------

TEST_F(Http2ServerTest, TheHostIsTheAuthorityOrTheHostFieldAndNotTwo) {
  Listen();
  Http2Client client(Connect());
  const auto status = [&](Fields fields) {
    fields.insert(fields.begin(), {{":method", "GET"}, {":scheme", "http"}, {":path", "/"}});
    const Http2Answer& answer = client.Finish(client.StartExactly(fields));
    return answer.reset ? -1 : answer.status;
  };
  EXPECT_EQ(status({{":authority", "localhost"}}), 200);
  EXPECT_EQ(status({{":authority", "localhost:80"}}), 200);
  EXPECT_EQ(status({{"host", "localhost"}}), 200);
  EXPECT_EQ(status({{":authority", "localhost"}, {"host", "LOCALHOST"}}), 200);
  EXPECT_EQ(status({{":authority", "localhost"}, {"host", "127.0.0.1"}}), 400);
  EXPECT_EQ(status({{":authority", "evil.com"}}), 403);
  EXPECT_EQ(status({{":authority", "localhost"}, {"host", "evil.com"}}), 400);
  EXPECT_EQ(status({}), -1);  // nghttp2 knows that this is no request
}

TEST_F(Http2ServerTest, ARefusedRequestHarmsNoOther) {
  Listen();
  Http2Client client(Connect());
  auto waiting = board_.waiting.get_future();
  const std::int32_t gate = client.Start("GET", "/gate");
  waiting.wait();
  EXPECT_EQ(client.Ask("GET", "/", {{"origin", "http://evil.com"}}).status, 403);
  EXPECT_EQ(client.Ask("GET", "/x#y").status, 400);
  EXPECT_EQ(client.Ask("GET", "/", {{"x", Many(kHeadBytesMax)}}).status, 431);
  OpenGate();
  EXPECT_EQ(client.Finish(gate).body, "firstlast");
}

TEST_F(Http2ServerTest, WhatHttp2ForbidsInAHeadResetsTheStream) {
  Listen();
  for (const Fields& fields :
       std::vector<Fields>{{{"connection", "close"}},
                           {{"transfer-encoding", "chunked"}},
                           {{"te", "gzip"}},
                           {{"content-length", "1"}, {"content-length", "2"}},
                           {{"content-length", "x"}},
                           {{":unknown", "x"}},
                           {{"Upper", "case"}}}) {
    RawClient client = Connect();
    client.Send(Preface() + Frame(NGHTTP2_HEADERS, 5, 1, HpackGet() + Hpack(fields)) +
                Frame(NGHTTP2_HEADERS, 5, 3, HpackGet()));
    const std::string answer = client.ReadThrough("hello");
    EXPECT_THAT(answer, HasSubstr(Frame(NGHTTP2_RST_STREAM, 0, 1, Number(1)))) << fields[0].first;
    EXPECT_THAT(answer, HasSubstr("hello")) << fields[0].first;
  }
}

TEST_F(Http2ServerTest, NoLineOfAHeadCanBeForged) {
  Listen();
  const std::string forged = "/ HTTP/1.1\r\nhost: localhost\r\nx: ";
  for (const Fields& head : std::vector<Fields>{
           {{":method", "GET"}, {":scheme", "http"}, {":authority", "evil"}, {":path", forged}},
           {{":method", "GET " + forged}, {":scheme", "http"}, {":path", "/"}},
           {{":method", "GET"},
            {":scheme", "http"},
            {":authority", "evil\r\nx: y"},
            {":path", "/"}},
           {{":method", "GET"},
            {":scheme", "http"},
            {":authority", "localhost"},
            {":path", "/"},
            {"x", "y\r\norigin: z"}}}) {
    RawClient client = Connect();
    client.Send(Preface() + Frame(NGHTTP2_HEADERS, 5, 1, Hpack(head)) +
                Frame(NGHTTP2_HEADERS, 5, 3, HpackGet("/no_content")));
    const std::string answer = client.ReadThrough(Frame(NGHTTP2_HEADERS, 5, 3).substr(3));
    EXPECT_THAT(answer, ::testing::Not(HasSubstr("hello")));
  }
}

// --- Bodies --------------------------------------------------------------------------------------

TEST_F(Http2ServerTest, ABodyInPiecesWithoutLengthArrivesWholeAndTrailersAreIgnored) {
  Listen();
  Http2Client client(Connect());
  const std::int32_t id = client.Start("POST", "/echo", {}, "a", false);
  for (const char* piece : {"b", "", "c"}) client.Send(id, piece, false);
  client.SendTrailers(id, "x-checksum", "1");
  EXPECT_EQ(client.Finish(id).body, "POST:abc");
}

TEST_F(Http2ServerTest, AClientThatExpectsToContinueIsToldTo) {
  Listen();
  Http2Client client(Connect());
  const std::int32_t id = client.Start("POST", "/echo", {{"expect", "100-continue"}}, "", false);
  EXPECT_EQ(client.ReadContinue(id).continues, 1);
  client.Send(id, "abc", true);
  EXPECT_EQ(client.Finish(id).body, "POST:abc");
  const std::int32_t other = client.Start("POST", "/echo", {{"expect", "miracles"}}, "", false);
  EXPECT_EQ(client.Finish(other).status, 400);
}

TEST_F(Http2ServerTest, ABodyThatSaysItIsTooLargeIsRefusedUnread) {
  Listen();
  Http2Client client(Connect());
  const std::int32_t id =
      client.Start("POST", "/echo", {{"content-length", "99999999999"}}, "", false);
  EXPECT_EQ(client.Finish(id).status, 413);
  EXPECT_EQ(client.Ask("GET", "/").body, "hello");
}

TEST_F(Http2ServerTest, ABodyThatGrowsTooLargeIsRefused) {
  Listen();
  Http2Client client(Connect());
  const std::int32_t id = client.Start("POST", "/echo", {}, Many(kBodyBytesMax + 1), false);
  EXPECT_EQ(client.Finish(id).status, 413);
  EXPECT_EQ(client.Ask("GET", "/").body, "hello");
}

TEST_F(Http2ServerTest, ABodyThatNobodyReadsHoldsUpNoOther) {
  Listen();
  Http2Client client(Connect());
  auto waiting = board_.waiting.get_future();
  // Larger than the connection's window; the handler does not read it.
  const std::int32_t stuck = client.Start("POST", "/wait", {}, Many(4'000'000));
  waiting.wait();
  const std::string body = Many(kBodyBytesMax);
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(client.Ask("POST", "/echo", {}, body).body.size(), body.size() + 5) << i;
  }
  client.Reset(stuck);
}

TEST_F(Http2ServerTest, ABodyThatStallsIsRefused) {
  Listen(Short(&ServerTimeouts::body_stall));
  Http2Client client(Connect());
  const std::int32_t id = client.Start("POST", "/echo", {}, "abc", false);
  EXPECT_EQ(client.Finish(id).status, 408);
  EXPECT_EQ(client.Ask("GET", "/").body, "hello");
}

// --- Requests side by side -----------------------------------------------------------------------

TEST_F(Http2ServerTest, RequestsRunSideBySide) {
  Listen();
  Http2Client client(Connect());
  auto waiting = board_.waiting.get_future();
  const std::int32_t gate = client.Start("GET", "/gate");
  waiting.wait();
  EXPECT_EQ(client.ReadBytes(gate, 5).body, "first");
  for (int i = 0; i < 20; ++i) EXPECT_EQ(client.Ask("POST", "/echo", {}, "x").body, "POST:x");
  EXPECT_FALSE(client.answer(gate).ended);
  OpenGate();
  EXPECT_EQ(client.Finish(gate).body, "firstlast");
}

TEST_F(Http2ServerTest, ManyRequestsAtOnceAreAllAnswered) {
  Listen();
  Http2Client client(Connect());
  std::vector<std::int32_t> ids;
  for (int i = 0; i < 100; ++i) {
    ids.push_back(client.Start("POST", "/echo", {}, "body " + std::to_string(i)));
  }
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(client.Finish(ids[static_cast<std::size_t>(i)]).body,
              "POST:body " + std::to_string(i));
  }
}

TEST_F(Http2ServerTest, AReaderThatIsSlowHoldsUpNoOther) {
  Listen();
  Http2Client client(Connect(), {.window = 10'000});
  const std::int32_t big = client.Start("GET", "/big");
  EXPECT_EQ(client.ReadBytes(big, 10'000).body.size(), 10'000U);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(client.Ask("GET", "/stream").body, "onetwothree");
  EXPECT_EQ(client.answer(big).body.size(), 10'000U);
  client.OpenWindow(big, 5'000);
  EXPECT_EQ(client.ReadBytes(big, 15'000).body.size(), 15'000U);
}

TEST_F(Http2ServerTest, ABigAnswerReachesAClientThatReads) {
  Listen();
  Http2Client client(Connect());
  EXPECT_TRUE(client.Ask("GET", "/big").body == std::string(kBigBytes, 'x'));
}

TEST_F(Http2ServerTest, AStreamThatIsTakenTooSlowlyIsResetAndTheConnectionKept) {
  Listen(Short(&ServerTimeouts::write_stall));
  Http2Client client(Connect(), {.window = 10'000});
  auto failed = board_.write_failed.get_future();
  const std::int32_t big = client.Start("GET", "/big");
  EXPECT_EQ(client.Finish(big).reset, NGHTTP2_CANCEL);
  EXPECT_TRUE(Comes(failed, std::chrono::duration_cast<std::chrono::milliseconds>(kPatience)));
  EXPECT_EQ(client.Ask("GET", "/").body, "hello");
}

TEST_F(Http2ServerTest, AClientThatTakesNothingIsCut) {
  Listen(Short(&ServerTimeouts::write_stall));
  RawClient raw = Connect();
  raw.ShrinkReceiveBuffer();
  Http2Client client(std::move(raw));
  auto failed = board_.write_failed.get_future();
  client.Start("GET", "/big");
  ASSERT_TRUE(Comes(failed, std::chrono::duration_cast<std::chrono::milliseconds>(kPatience)));
  server_->Drain();
  EXPECT_EQ(server_->connections(), 0U);
}

// --- Clients that go -----------------------------------------------------------------------------

class Http2GoneTest : public ServerTest {
 protected:
  // Sends a request for `path`, which waits, and then ends it through `leave`.
  void ExpectNoticed(const std::string& path,
                     const std::function<void(Http2Client&, std::int32_t)>& leave) {
    Listen();
    auto waiting = board_.waiting.get_future();
    auto interrupted = board_.interrupted.get_future();
    Http2Client client(Connect());
    const std::int32_t id = client.Start("POST", path, {}, "body");
    waiting.wait();
    leave(client, id);
    ASSERT_TRUE(Comes(interrupted, kSoon));
    EXPECT_EQ(interrupted.get(), ErrorCode::kCancelled);
  }
};

TEST_F(Http2GoneTest, AClientThatResetsTheStreamIsNoticedAndItsConnectionKept) {
  ExpectNoticed("/wait", [](Http2Client& client, std::int32_t id) {
    client.Reset(id);
    EXPECT_EQ(client.Ask("GET", "/").body, "hello");
  });
}
TEST_F(Http2GoneTest, AClientThatClosesIsNoticed) {
  ExpectNoticed("/wait", [](Http2Client& client, std::int32_t) { client.raw().Close(); });
}
TEST_F(Http2GoneTest, AClientThatResetsTheConnectionIsNoticed) {
  ExpectNoticed("/body_then_wait", [](Http2Client& client, std::int32_t) { client.raw().Reset(); });
}
TEST_F(Http2GoneTest, AClientThatBreaksTheProtocolIsNoticed) {
  ExpectNoticed("/wait", [](Http2Client& client, std::int32_t) {
    client.raw().Send(Frame(NGHTTP2_DATA, 0, 0));
  });
}

TEST_F(Http2ServerTest, AClientThatGoesDuringItsBodyOrItsAnswerLeavesNothingBehind) {
  Listen();
  {
    Http2Client client(Connect(), {.window = 10'000});
    client.Start("POST", "/echo", {}, "abc", false);
    const std::int32_t big = client.Start("GET", "/big");
    client.ReadBytes(big, 10'000);
  }
  server_->Drain();
  EXPECT_EQ(server_->connections(), 0U);
}

TEST_F(Http2ServerTest, ADeadlineCancelsTheRequestAndTheAnswerStillLeaves) {
  Listen();
  Http2Client client(Connect());
  auto interrupted = board_.interrupted.get_future();
  EXPECT_EQ(client.Ask("GET", "/deadline").status, 504);
  EXPECT_EQ(interrupted.get(), ErrorCode::kDeadlineExceeded);
  EXPECT_EQ(client.Ask("GET", "/").status, 200);
}

// --- Handlers that fail --------------------------------------------------------------------------

TEST_F(Http2ServerTest, AStreamThatIsCutIsReset) {
  Listen();
  Http2Client client(Connect());
  for (const char* path : {"/abort", "/unfinished"}) {
    const Http2Answer& answer = client.Ask("GET", path);
    EXPECT_EQ(answer.body, "part") << path;
    EXPECT_FALSE(answer.ended) << path;
    EXPECT_EQ(answer.reset, NGHTTP2_INTERNAL_ERROR) << path;
  }
  EXPECT_EQ(client.Ask("GET", "/").body, "hello");
}

// --- Time and drain ------------------------------------------------------------------------------

TEST_F(Http2ServerTest, AnIdleConnectionIsToldToGoAndClosed) {
  Listen(Short(&ServerTimeouts::idle));
  Http2Client client(Connect());
  EXPECT_EQ(client.Ask("GET", "/").body, "hello");
  client.ReadToEnd();
  EXPECT_EQ(client.goaway(), NGHTTP2_NO_ERROR);
}

TEST_F(Http2ServerTest, AHeadThatDoesNotEndInTimeEndsTheConnection) {
  Listen(Short(&ServerTimeouts::head));
  for (const std::string& begun :
       {Preface() + Frame(NGHTTP2_HEADERS, 1, 1, HpackGet()),                   // CONTINUATION
        Preface() + Frame(NGHTTP2_HEADERS, 5, 1, HpackGet()).substr(0, 20)}) {  // half a frame
    RawClient client = Connect();
    client.Send(begun);
    EXPECT_EQ(ReadGoAway(client), kCalm);
    EXPECT_TRUE(client.AtEnd());
  }
  RawClient silent = Connect();
  silent.Send(Preface().substr(0, 24));  // no SETTINGS
  EXPECT_EQ(ReadGoAway(silent), kCalm);
  RawClient half = Connect();
  half.Send(Preface().substr(0, 20));
  EXPECT_THAT(half.ReadAnswer(), StartsWith("HTTP/1.1 408"));
}

TEST_F(Http2ServerTest, TrailersOfARequestThatWasAnsweredEarlyDoNotEndTheConnection) {
  Listen(Short(&ServerTimeouts::head));
  RawClient client = Connect();
  client.Send(Preface() + Frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1, HpackGet()));
  const std::string reset = Frame(NGHTTP2_RST_STREAM, 0, 1, Number(NGHTTP2_NO_ERROR));
  EXPECT_THAT(client.ReadThrough(reset), HasSubstr("hello"));
  const std::string trailers = Hpack({{"x", "y"}});
  client.Send(Frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_STREAM, 1, trailers) +
              Frame(NGHTTP2_CONTINUATION, NGHTTP2_FLAG_END_HEADERS, 1, trailers));
  RawClient later = Connect();  // whose time is up when the other's would have been
  later.Send(Preface() + Frame(NGHTTP2_HEADERS, 0, 1, HpackGet()));
  EXPECT_EQ(ReadGoAway(later), kCalm);
  client.Send(Frame(NGHTTP2_HEADERS, 5, 3, HpackGet()));
  EXPECT_THAT(client.ReadThrough("hello"), HasSubstr("hello"));
}

TEST_F(Http2ServerTest, DrainSendsGoAwayAndLetsStreamsFinish) {
  Listen();
  Http2Client idle(Connect());
  EXPECT_EQ(idle.Ask("GET", "/").body, "hello");
  auto waiting = board_.waiting.get_future();
  Http2Client busy(Connect());
  const std::int32_t gate = busy.Start("GET", "/gate");
  waiting.wait();
  auto drained = std::async(std::launch::async, [this] { return server_->Drain(); });
  idle.ReadToEnd();
  EXPECT_EQ(idle.goaway(), NGHTTP2_NO_ERROR);
  busy.ReadUntilGoAway();
  EXPECT_EQ(busy.goaway(), NGHTTP2_NO_ERROR);
  busy.raw().Send(Frame(NGHTTP2_HEADERS, 5, 101, HpackGet()));  // too late: not even looked at
  OpenGate();
  EXPECT_EQ(busy.Finish(gate).body, "firstlast");
  EXPECT_TRUE(busy.answer(gate).ended);
  busy.ReadToEnd();
  EXPECT_EQ(busy.answer(101).status, 0);
  idle.raw().Close();
  busy.raw().Close();
  EXPECT_EQ(drained.get(), 0U);
  EXPECT_EQ(server_->connections(), 0U);
}

TEST_F(Http2ServerTest, DrainCutsWhatDoesNotFinishInTime) {
  ServerOptions options;
  options.drain_nanos = 50 * kMillisecond;
  Listen(std::move(options));
  auto waiting = board_.waiting.get_future();
  Http2Client client(Connect());
  const std::int32_t gate = client.Start("GET", "/gate");
  client.Start("POST", "/echo", {}, "a", false);
  waiting.wait();
  client.ReadBytes(gate, 5);
  EXPECT_EQ(server_->Drain(), 2U);
  client.ReadToEnd();
  EXPECT_FALSE(client.answer(gate).ended);
  EXPECT_EQ(server_->connections(), 0U);
}

TEST_F(Http2ServerTest, StoppedShardsTakeOpenConnectionsWithThem) {
  Listen();
  Http2Client client(Connect(), {.window = 10'000});
  auto waiting = board_.waiting.get_future();
  client.Start("GET", "/wait");                          // waits for a timer
  client.Start("POST", "/echo", {}, "a", false);         // for its body
  const std::int32_t big = client.Start("GET", "/big");  // for its window
  waiting.wait();
  client.ReadBytes(big, 10'000);
  shards_->Stop();
  server_.reset();
  shards_.reset();
  client.ReadToEnd();
  EXPECT_FALSE(client.answer(big).ended);
}

}  // namespace
}  // namespace tidegate::net::testing
