#include "net/http_head.h"

#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "base/ascii.h"
#include "net/limits.h"

namespace tidegate::net {
namespace {

using namespace std::string_literals;

constexpr std::string_view kGood = "";

// What becomes of `head` in one piece: "" = accepted, else the reason, or "too_large".
std::string Verdict(HeadKind kind, std::string_view head) {
  HeadReader reader(kind);
  const Result<bool> read = reader.Read(head);
  if (read.ok()) return *read ? "" : "incomplete";
  return read.error().code == ErrorCode::kTooLarge ? "too_large" : read.error().reason;
}

struct Row {
  std::string name;
  std::string head;
  std::string_view verdict;
};

// A POST with `fields` between Host and the blank line.
std::string Post(const std::string& fields) {
  return "POST /v1/x HTTP/1.1\r\nHost: localhost\r\n" + fields + "\r\n";
}
std::string Answer(const std::string& fields) { return "HTTP/1.1 200 OK\r\n" + fields + "\r\n"; }

std::vector<Row> LengthRows() {
  return {
      {"no body", Post(""), kGood},
      {"length 0", Post("Content-Length: 0\r\n"), kGood},
      {"length 5", Post("Content-Length: 5\r\n"), kGood},
      {"length with leading zeros", Post("Content-Length: 005\r\n"), kGood},
      {"length between blanks", Post("Content-Length: \t 5 \t\r\n"), kGood},
      {"largest length", Post("Content-Length: 18446744073709551615\r\n"), kGood},
      {"length past 2^64", Post("Content-Length: 18446744073709551616\r\n"), "smuggling"},
      {"length far past 2^64", Post("Content-Length: 99999999999999999999999\r\n"), "smuggling"},
      {"length +5", Post("Content-Length: +5\r\n"), "smuggling"},
      {"length -5", Post("Content-Length: -5\r\n"), "smuggling"},
      {"length 5, 5", Post("Content-Length: 5, 5\r\n"), "smuggling"},
      {"length 5, 6", Post("Content-Length: 5, 6\r\n"), "smuggling"},
      {"length ,5", Post("Content-Length: ,5\r\n"), "smuggling"},
      {"length 5,", Post("Content-Length: 5,\r\n"), "smuggling"},
      {"length 5 5", Post("Content-Length: 5 5\r\n"), "smuggling"},
      {"length 5;x", Post("Content-Length: 5;x\r\n"), "smuggling"},
      {"length 0x5", Post("Content-Length: 0x5\r\n"), "smuggling"},
      {"length 5.0", Post("Content-Length: 5.0\r\n"), "smuggling"},
      {"length 5e0", Post("Content-Length: 5e0\r\n"), "smuggling"},
      {"length five", Post("Content-Length: five\r\n"), "smuggling"},
      {"length empty", Post("Content-Length:\r\n"), "smuggling"},
      {"length blank", Post("Content-Length:   \r\n"), "smuggling"},
      {"length quoted", Post("Content-Length: \"5\"\r\n"), "smuggling"},
      {"length in Arabic digits", Post("Content-Length: \xd9\xa5\r\n"), "smuggling"},
      {"two equal lengths", Post("Content-Length: 5\r\nContent-Length: 5\r\n"), "smuggling"},
      {"two lengths", Post("Content-Length: 5\r\nContent-Length: 6\r\n"), "smuggling"},
      {"two lengths apart", Post("content-length: 5\r\nX: y\r\nCONTENT-LENGTH: 5\r\n"),
       "smuggling"},
      {"length that looks like another", Post("Content-Length-X: 5\r\n"), kGood},
      {"length with underscore", Post("Content_Length: 5\r\n"), kGood},
  };
}

std::vector<Row> EncodingRows() {
  return {
      {"chunked", Post("Transfer-Encoding: chunked\r\n"), kGood},
      {"Chunked in capitals", Post("TRANSFER-ENCODING: CHUNKED\r\n"), kGood},
      {"chunked between blanks", Post("Transfer-Encoding: \tchunked \r\n"), kGood},
      {"xchunked", Post("Transfer-Encoding: xchunked\r\n"), "smuggling"},
      {"chunkedx", Post("Transfer-Encoding: chunkedx\r\n"), "smuggling"},
      {"chunked, chunked", Post("Transfer-Encoding: chunked, chunked\r\n"), "smuggling"},
      {"chunked, identity", Post("Transfer-Encoding: chunked, identity\r\n"), "smuggling"},
      {"identity", Post("Transfer-Encoding: identity\r\n"), "smuggling"},
      {"gzip, chunked", Post("Transfer-Encoding: gzip, chunked\r\n"), "smuggling"},
      {"gzip", Post("Transfer-Encoding: gzip\r\n"), "smuggling"},
      {"chunked;q=1", Post("Transfer-Encoding: chunked;q=1\r\n"), "smuggling"},
      {"chunked with comma", Post("Transfer-Encoding: chunked,\r\n"), "smuggling"},
      {"comma chunked", Post("Transfer-Encoding: ,chunked\r\n"), "smuggling"},
      {"quoted chunked", Post("Transfer-Encoding: \"chunked\"\r\n"), "smuggling"},
      {"encoding empty", Post("Transfer-Encoding:\r\n"), "smuggling"},
      {"encoding blank", Post("Transfer-Encoding: \r\n"), "smuggling"},
      {"vertical tab chunked",
       Post("Transfer-Encoding: \x0b"
            "chunked\r\n"),
       "malformed_http"},
      {"two encodings", Post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
       "smuggling"},
      {"gzip and chunked apart", Post("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n"),
       "smuggling"},
      {"identity and chunked apart",
       Post("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n"), "smuggling"},
      {"length and chunked", Post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"),
       "smuggling"},
      {"chunked and length", Post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"),
       "smuggling"},
      {"length and identity", Post("Content-Length: 5\r\nTransfer-Encoding: identity\r\n"),
       "smuggling"},
      {"length 0 and chunked", Post("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n"),
       "smuggling"},
      {"bad length and chunked", Post("Content-Length: x\r\nTransfer-Encoding: chunked\r\n"),
       "smuggling"},
      {"HTTP/1.0 chunked", "POST /x HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", "smuggling"},
      {"HTTP/1.0 length", "POST /x HTTP/1.0\r\nContent-Length: 3\r\n\r\n", kGood},
      {"space before the colon of the encoding", Post("Transfer-Encoding : chunked\r\n"),
       "malformed_http"},
      {"tab before the colon of the length", Post("Content-Length\t: 5\r\n"), "malformed_http"},
      {"blank before the name", Post(" Content-Length: 5\r\n"), "smuggling"},
      {"folded encoding", Post("Transfer-Encoding:\r\n chunked\r\n"), "smuggling"},
      {"folded length", Post("Content-Length:\r\n 5\r\n"), "smuggling"},
      {"folded length with tab", Post("Content-Length: \r\n\t5\r\n"), "smuggling"},
      {"length folded twice", Post("Content-Length:\r\n \r\n 5\r\n"), "smuggling"},
      {"length with a folded tail", Post("Content-Length: 5\r\n \r\n"), "smuggling"},
      {"encoding with a folded tail", Post("Transfer-Encoding: chunked\r\n , x\r\n"), "smuggling"},
      {"Upgrade and HTTP2-Settings", Post("Upgrade: h2c\r\nConnection: upgrade\r\n"), kGood},
      {"Trailer", Post("Trailer: X\r\nTransfer-Encoding: chunked\r\n"), kGood},
      {"TE", Post("TE: trailers, chunked\r\n"), kGood},
  };
}

std::vector<Row> FieldRows() {
  return {
      {"folded field", Post("X: a\r\n b\r\n"), "smuggling"},
      {"folded field with tab", Post("X: a\r\n\tb\r\n"), "smuggling"},
      {"field folded to nothing", Post("X:\r\n \r\n"), "smuggling"},
      {"blank field folded to nothing", Post("X: \r\n\t\r\n"), "smuggling"},
      {"fold at the very first field", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", "malformed_http"},
      {"folded last field", Post("X: a\r\n b\r\nY: c\r\n"), "smuggling"},
      {"empty value", Post("X:\r\n"), kGood},
      {"blank value", Post("X:   \r\n"), kGood},
      {"value without blank", Post("X:y\r\n"), kGood},
      {"value with colon", Post("X: y: z\r\n"), kGood},
      {"value with inner blanks", Post("X: a  \t b\r\n"), kGood},
      {"value with bytes above 0x7f", Post("X: caf\xc3\xa9\r\n"), kGood},
      {"empty name", Post(": y\r\n"), "malformed_http"},
      {"no colon", Post("Xy\r\n"), "malformed_http"},
      {"blank in name", Post("X Y: z\r\n"), "malformed_http"},
      {"blank behind name", Post("X : z\r\n"), "malformed_http"},
      {"tab behind name", Post("X\t: z\r\n"), "malformed_http"},
      {"parenthesis in name", Post("X(: z\r\n"), "malformed_http"},
      {"slash in name", Post("X/Y: z\r\n"), "malformed_http"},
      {"quote in name", Post("\"X\": z\r\n"), "malformed_http"},
      {"byte above 0x7f in name", Post("X\xc3\xa9: z\r\n"), "malformed_http"},
      {"NUL in name", Post("X\0Y: z\r\n"s), "malformed_http"},
      {"NUL in value", Post("X: a\0b\r\n"s), "malformed_http"},
      {"DEL in value", Post("X: a\x7f\r\n"), "malformed_http"},
      {"escape in value", Post("X: a\x1b[0m\r\n"), "malformed_http"},
      {"bell in value", Post("X: a\x07\r\n"), "malformed_http"},
      {"bare LF in value", Post("X: a\nY: b\r\n"), "malformed_http"},
      {"bare LF behind the last field", Post("X: a\n"), "incomplete"},
      {"bare CR in value", Post("X: a\rb\r\n"), "malformed_http"},
      {"CR CR LF", Post("X: a\r\r\n"), "malformed_http"},
      {"LF CR", Post("X: a\n\rY: b\r\n"), "malformed_http"},
      {"bare LF behind the request line", "GET / HTTP/1.1\nHost: a\r\n\r\n", "malformed_http"},
      {"bare LFs only", "GET / HTTP/1.1\nHost: a\n\n", "incomplete"},
      {"bare CRs only", "GET / HTTP/1.1\rHost: a\r\r", "incomplete"},
      {"Connection: close", Post("Connection: close\r\n"), kGood},
      {"Connection list", Post("Connection: keep-alive, x, Upgrade\r\n"), kGood},
      {"Connection not a list", Post("Connection: a b\r\n"), "malformed_http"},
      {"tokens of every kind", Post("!#$%&'*+-.^_`|~09az: y\r\n"), kGood},
      {"two Hosts are judged elsewhere", Post("Host: evil\r\n"), kGood},
      {"long name", Post(std::string(4000, 'x') + ": y\r\n"), kGood},
      {"long value", Post("X: " + std::string(60'000, 'y') + "\r\n"), kGood},
  };
}

std::vector<Row> RequestLineRows() {
  const auto line = [](const std::string& text) { return text + "\r\nHost: a\r\n\r\n"; };
  return {
      {"GET", line("GET / HTTP/1.1"), kGood},
      {"query", line("GET /a?b=c&d HTTP/1.1"), kGood},
      {"empty query", line("GET /? HTTP/1.1"), kGood},
      {"percent escapes", line("GET /%2e%2E/%00 HTTP/1.1"), kGood},
      {"dots", line("GET /../a/./b HTTP/1.1"), kGood},
      {"double slash", line("GET //evil.com/ HTTP/1.1"), kGood},
      {"odd but legal characters", line("GET /{a}|`^\"<> HTTP/1.1"), kGood},
      {"fragment", line("GET /a#b HTTP/1.1"), "malformed_http"},
      {"UTF-8 in target", line("GET /caf\xc3\xa9 HTTP/1.1"), "malformed_http"},
      {"Latin-1 in target", line("GET /\xff HTTP/1.1"), "malformed_http"},
      {"NUL in target", line("GET /a\0b HTTP/1.1"s), "malformed_http"},
      {"tab in target", line("GET /a\tb HTTP/1.1"), "malformed_http"},
      {"DEL in target", line("GET /\x7f HTTP/1.1"), "malformed_http"},
      {"blank in target", line("GET /a b HTTP/1.1"), "malformed_http"},
      {"no target", line("GET HTTP/1.1"), "malformed_http"},
      {"empty target", line("GET  HTTP/1.1"), "malformed_http"},
      {"relative target", line("GET a HTTP/1.1"), "malformed_http"},
      {"target is a query", line("GET ?a HTTP/1.1"), "malformed_http"},
      {"absolute form", line("GET http://a/b HTTP/1.1"), "malformed_http"},
      {"absolute https form", line("GET https://evil.com/ HTTP/1.1"), "malformed_http"},
      {"absolute form of another scheme", line("GET file:///etc/passwd HTTP/1.1"),
       "malformed_http"},
      {"OPTIONS *", line("OPTIONS * HTTP/1.1"), kGood},
      {"GET *", line("GET * HTTP/1.1"), "malformed_http"},
      {"options *", line("options * HTTP/1.1"), "malformed_http"},
      {"OPTIONS **", line("OPTIONS ** HTTP/1.1"), "malformed_http"},
      {"CONNECT", line("CONNECT evil.com:443 HTTP/1.1"), "malformed_http"},
      {"CONNECT to a path", line("CONNECT /a HTTP/1.1"), kGood},
      {"PATCH", line("PATCH / HTTP/1.1"), kGood},
      {"a method nobody knows", line("BREW /pot HTTP/1.1"), kGood},
      {"a method in small letters", line("get / HTTP/1.1"), kGood},
      {"a method of punctuation", line("!#$% / HTTP/1.1"), kGood},
      {"a long method", line(std::string(1000, 'M') + " / HTTP/1.1"), kGood},
      {"no method", line(" / HTTP/1.1"), "malformed_http"},
      {"brackets in the method", line("G[T / HTTP/1.1"), "malformed_http"},
      {"a method above 0x7f", line("G\xc3T / HTTP/1.1"), "malformed_http"},
      {"NUL in the method", line("G\0T / HTTP/1.1"s), "malformed_http"},
      {"tab behind the method", line("GET\t/ HTTP/1.1"), "malformed_http"},
      {"two blanks behind the method", line("GET  / HTTP/1.1"), "malformed_http"},
      {"two blanks before the version", line("GET /  HTTP/1.1"), "malformed_http"},
      {"blank behind the version", line("GET / HTTP/1.1 "), "malformed_http"},
      {"HTTP/1.0", line("GET / HTTP/1.0"), kGood},
      {"HTTP/1.2", line("GET / HTTP/1.2"), "malformed_http"},
      {"HTTP/0.9", line("GET / HTTP/0.9"), "malformed_http"},
      {"HTTP/2.0", line("GET / HTTP/2.0"), "malformed_http"},
      {"HTTP/1", line("GET / HTTP/1"), "malformed_http"},
      {"HTTP/1.10", line("GET / HTTP/1.10"), "malformed_http"},
      {"HTTP/01.1", line("GET / HTTP/01.1"), "malformed_http"},
      {"http/1.1", line("GET / http/1.1"), "malformed_http"},
      {"HTTPS/1.1", line("GET / HTTPS/1.1"), "malformed_http"},
      {"no version", line("GET /"), "malformed_http"},
      {"no fields", "GET / HTTP/1.1\r\n\r\n", kGood},
      {"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "malformed_http"},
      {"empty line first", "\r\nGET / HTTP/1.1\r\n\r\n", "malformed_http"},
      {"blank line first", "\r\n\r\n", "malformed_http"},
      {"blank first", " GET / HTTP/1.1\r\n\r\n", "malformed_http"},
      {"a TLS hello", "\x16\x03\x01\x02", "malformed_http"},
      {"a TLS hello with a blank line", "\x16\x03\x01\r\n\r\n", "malformed_http"},
      {"a byte above 0x7f first", "\x80", "malformed_http"},
      {"NUL first", "\0"s, "malformed_http"},
      {"a response", "HTTP/1.1 200 OK\r\n\r\n", "malformed_http"},
      {"nothing yet", "G", "incomplete"},
      {"no blank line", "GET / HTTP/1.1\r\nHost: a\r\n", "incomplete"},
      {"half a blank line", "GET / HTTP/1.1\r\nHost: a\r\n\r", "incomplete"},
  };
}

std::vector<Row> ResponseRows() {
  const auto line = [](const std::string& text) { return text + "\r\n\r\n"; };
  return {
      {"200", line("HTTP/1.1 200 OK"), kGood},
      {"no reason", line("HTTP/1.1 200 "), kGood},
      {"no blank behind the status", line("HTTP/1.1 200"), "malformed_http"},
      {"reason above 0x7f", line("HTTP/1.1 200 caf\xc3\xa9"), kGood},
      {"HTTP/1.0", line("HTTP/1.0 404 Not Found"), kGood},
      {"status 999", line("HTTP/1.1 999 x"), kGood},
      {"status of two digits", line("HTTP/1.1 20 OK"), "malformed_http"},
      {"status of four digits", line("HTTP/1.1 2000 OK"), "malformed_http"},
      {"status with sign", line("HTTP/1.1 +20 OK"), "malformed_http"},
      {"status in words", line("HTTP/1.1 abc OK"), "malformed_http"},
      {"HTTP/2", line("HTTP/2 200 OK"), "malformed_http"},
      {"HTTP/1.2", line("HTTP/1.2 200 OK"), "malformed_http"},
      {"ICY", line("ICY 200 OK"), "malformed_http"},
      {"a request", line("GET / HTTP/1.1"), "malformed_http"},
      {"NUL in reason", line("HTTP/1.1 200 O\0K"s), "malformed_http"},
      {"bare LF in reason", line("HTTP/1.1 200 O\nK"), "malformed_http"},
      {"length", Answer("Content-Length: 5\r\n"), kGood},
      {"two lengths", Answer("Content-Length: 5\r\nContent-Length: 5\r\n"), "smuggling"},
      {"length 5, 5", Answer("Content-Length: 5, 5\r\n"), "smuggling"},
      {"length +5", Answer("Content-Length: +5\r\n"), "smuggling"},
      {"chunked", Answer("Transfer-Encoding: chunked\r\n"), kGood},
      {"length and chunked", Answer("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"),
       "smuggling"},
      {"chunked and length", Answer("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"),
       "smuggling"},
      {"gzip, chunked", Answer("Transfer-Encoding: gzip, chunked\r\n"), "smuggling"},
      {"identity", Answer("Transfer-Encoding: identity\r\n"), "smuggling"},
      {"HTTP/1.0 chunked", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "smuggling"},
      {"folded field", Answer("X: a\r\n b\r\n"), "smuggling"},
      {"folded length", Answer("Content-Length:\r\n 5\r\n"), "smuggling"},
      {"space before the colon", Answer("X : a\r\n"), "malformed_http"},
  };
}

void ExpectVerdicts(HeadKind kind, const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    EXPECT_EQ(Verdict(kind, row.head), row.verdict) << row.name << ": " << row.head.substr(0, 200);
  }
}

TEST(HttpHead, FramingThatTwoPartiesCouldReadDifferentlyIsRefused) {
  ExpectVerdicts(HeadKind::kRequest, LengthRows());
  ExpectVerdicts(HeadKind::kRequest, EncodingRows());
}
TEST(HttpHead, FieldsOutsideTheGrammarAreRefused) {
  ExpectVerdicts(HeadKind::kRequest, FieldRows());
}
TEST(HttpHead, RequestLinesOutsideTheGrammarAreRefused) {
  ExpectVerdicts(HeadKind::kRequest, RequestLineRows());
}
TEST(HttpHead, AnswersAreJudgedAsStrictly) { ExpectVerdicts(HeadKind::kResponse, ResponseRows()); }

// Everything that can be asked of a head, as text.
std::string Describe(const HttpHead& head) {
  std::string out = std::string(head.method()) + "|" + std::string(head.target()) + "|" +
                    std::to_string(head.status()) + "|" + std::to_string(head.version_minor()) +
                    (head.keep_alive() ? "|keep" : "|close") + (head.chunked() ? "|chunked" : "") +
                    "|" + std::to_string(head.size());
  if (head.content_length()) out += "|length=" + std::to_string(*head.content_length());
  for (std::size_t i = 0; i < head.fields(); ++i) {
    out += "|" + std::string(head.name(i)) + "=" + std::string(head.value(i));
  }
  return out;
}

// The verdict of a reader that sees `head` grow from `step` bytes to all of them.
std::string VerdictInSteps(HeadKind kind, std::string_view head, std::size_t step) {
  HeadReader reader(kind);
  for (std::size_t size = std::min(step, head.size());; size = std::min(size + step, head.size())) {
    const Result<bool> read = reader.Read(head.substr(0, size));
    if (!read.ok()) {
      return read.error().code == ErrorCode::kTooLarge ? "too_large" : read.error().reason;
    }
    if (*read) return "";
    if (size == head.size()) return "incomplete";
  }
}

TEST(HttpHead, PiecesGiveTheVerdictOfTheWhole) {
  for (const auto& rows : {LengthRows(), EncodingRows(), FieldRows(), RequestLineRows()}) {
    for (const Row& row : rows) {
      if (row.head.size() > 1000) continue;  // quadratic
      for (const std::size_t step : {1U, 2U, 3U, 7U}) {
        EXPECT_EQ(VerdictInSteps(HeadKind::kRequest, row.head, step), row.verdict)
            << row.name << " in steps of " << step;
      }
    }
  }
}

TEST(HttpHead, EverySplitOfAValidHeadGivesTheSameHead) {
  const std::string whole =
      "POST /v1/chat/completions?a=b HTTP/1.1\r\nHost: localhost:1\r\nX-Empty:\r\n"
      "Content-Type:  application/json \t\r\nContent-Length: 12\r\n\r\n";
  const std::string with_body = whole + "0123456789ab";
  HeadReader in_one(HeadKind::kRequest);
  ASSERT_TRUE(*in_one.Read(with_body));
  EXPECT_EQ(Describe(in_one.head()),
            "POST|/v1/chat/completions?a=b|0|1|keep|" + std::to_string(whole.size()) +
                "|length=12|Host=localhost:1|X-Empty=|Content-Type=application/json|"
                "Content-Length=12");
  for (std::size_t split = 0; split < whole.size(); ++split) {
    HeadReader reader(HeadKind::kRequest);
    const Result<bool> first = reader.Read(std::string_view(with_body).substr(0, split));
    ASSERT_TRUE(first.ok()) << split;
    ASSERT_FALSE(*first) << split;
    const Result<bool> second = reader.Read(with_body);
    ASSERT_TRUE(second.ok() && *second) << split;
    EXPECT_EQ(Describe(reader.head()), Describe(in_one.head())) << split;
  }
}

TEST(HttpHead, AResetReaderReadsTheNextHeadWithoutATraceOfTheLast) {
  HeadReader reader(HeadKind::kRequest);
  ASSERT_TRUE(*reader.Read("POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\nX: y\r\n\r\n"));
  EXPECT_TRUE(reader.head().chunked());
  reader.Reset();
  ASSERT_TRUE(*reader.Read("GET /b HTTP/1.0\r\n\r\n"));
  EXPECT_EQ(Describe(reader.head()), "GET|/b|0|0|close|19");
}

TEST(HttpHead, TheHeadFollowsItsBytesToAnotherPlace) {
  std::string text = "GET /a?q HTTP/1.1\r\nHost: x\r\nhost: y\r\n\r\n";
  HeadReader reader(HeadKind::kRequest);
  ASSERT_TRUE(*reader.Read(text));
  const std::string moved = text;
  text.assign(text.size(), '?');
  reader.head().Rebase(moved.data());
  EXPECT_EQ(reader.head().path(), "/a");
  EXPECT_EQ(reader.head().query(), "q");
  EXPECT_EQ(reader.head().Find("HOST"), "x");
  EXPECT_EQ(reader.head().Count("Host"), 2U);
  EXPECT_EQ(reader.head().Find("absent"), std::nullopt);
}

TEST(HttpHead, KeepAliveFollowsVersionAndConnection) {
  const auto keeps = [](std::string_view head) {
    HeadReader reader(HeadKind::kRequest);
    EXPECT_TRUE(*reader.Read(head));
    return reader.head().keep_alive();
  };
  EXPECT_TRUE(keeps("GET / HTTP/1.1\r\n\r\n"));
  EXPECT_FALSE(keeps("GET / HTTP/1.1\r\nConnection: close\r\n\r\n"));
  EXPECT_FALSE(keeps("GET / HTTP/1.1\r\nConnection: x, Close\r\n\r\n"));
  EXPECT_FALSE(keeps("GET / HTTP/1.0\r\n\r\n"));
  EXPECT_TRUE(keeps("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
}

TEST(HttpHead, AHeadOfTheLargestSizePassesAndOneByteMoreDoesNot) {
  const std::string frame = Post("X: \r\n");
  const std::string largest = Post("X: " + std::string(kHeadBytesMax - frame.size(), 'y') + "\r\n");
  ASSERT_EQ(largest.size(), kHeadBytesMax);
  EXPECT_EQ(Verdict(HeadKind::kRequest, largest), "");
  EXPECT_EQ(VerdictInSteps(HeadKind::kRequest, largest, 4096), "");
  const std::string larger =
      Post("X: " + std::string(kHeadBytesMax - frame.size() + 1, 'y') + "\r\n");
  EXPECT_EQ(Verdict(HeadKind::kRequest, larger), "too_large");
  EXPECT_EQ(VerdictInSteps(HeadKind::kRequest, larger, 4096), "too_large");
  EXPECT_EQ(Verdict(HeadKind::kRequest, std::string(kHeadBytesMax, 'y')), "too_large");
  EXPECT_EQ(Verdict(HeadKind::kRequest, std::string(kHeadBytesMax - 1, 'y')), "incomplete");
}

TEST(HttpHead, AsManyFieldsAsAllowedPassAndOneMoreDoesNot) {
  std::string fields;
  for (std::size_t i = 1; i < kHeaderFieldsMax; ++i) fields += "X: y\r\n";  // Host is the first
  EXPECT_EQ(Verdict(HeadKind::kRequest, Post(fields)), "");
  EXPECT_EQ(Verdict(HeadKind::kRequest, Post(fields + "X: y\r\n")), "too_large");
}

TEST(HttpHead, ATargetOfTheLargestSizePassesAndOneByteMoreDoesNot) {
  const auto request = [](std::size_t size) {
    return "GET /" + std::string(size - 1, 'a') + " HTTP/1.1\r\n\r\n";
  };
  EXPECT_EQ(Verdict(HeadKind::kRequest, request(kTargetBytesMax)), "");
  EXPECT_EQ(Verdict(HeadKind::kRequest, request(kTargetBytesMax + 1)), "too_large");
}

TEST(HttpHead, AClientThatSpeaksTlsToAPlainPortIsToldSo) {
  HeadReader reader(HeadKind::kRequest);
  const Result<bool> read = reader.Read("\x16\x03\x01");
  ASSERT_FALSE(read.ok());
  EXPECT_NE(read.error().message.find("TLS"), std::string::npos);
}

// --- ChunkReader ---------------------------------------------------------------------------------

struct Decoded {
  std::string body;
  std::string verdict;  // "done", "more" or the reason of the refusal
  std::size_t used = 0;
};

// Feeds `input` in pieces of `step` bytes, as a connection does: what was not consumed comes again.
Decoded Decode(std::string_view input, std::size_t step) {
  ChunkReader reader;
  Decoded out;
  std::string waiting;
  for (std::size_t fed = 0; !reader.done();) {
    const Result<ChunkReader::Step> next = reader.Next(waiting);
    if (!next.ok()) return {out.body, next.error().reason, out.used};
    if (next->consumed > 0) {
      out.body += next->payload;
      out.used += next->consumed;
      waiting.erase(0, next->consumed);
      continue;
    }
    if (fed == input.size()) return {out.body, "more", out.used};
    waiting += input.substr(fed, step);
    fed = std::min(input.size(), fed + step);
  }
  out.verdict = "done";
  return out;
}

struct ChunkRow {
  std::string name, input, body, verdict;
};

std::vector<ChunkRow> ChunkRows() {
  const std::string longest(kChunkHeaderBytesMax - 2, 'x');
  return {
      {"empty body", "0\r\n\r\n", "", "done"},
      {"one chunk", "5\r\nhello\r\n0\r\n\r\n", "hello", "done"},
      {"two chunks", "1\r\na\r\n2\r\nbc\r\n0\r\n\r\n", "abc", "done"},
      {"capital digits", "A\r\n0123456789\r\n0\r\n\r\n", "0123456789", "done"},
      {"small digits", "a\r\n0123456789\r\n0\r\n\r\n", "0123456789", "done"},
      {"leading zeros", "0005\r\nhello\r\n000\r\n\r\n", "hello", "done"},
      {"extension", "5;a=b\r\nhello\r\n0;last\r\n\r\n", "hello", "done"},
      {"extension behind a blank", "5 ;a=\"b c\"\r\nhello\r\n0\r\n\r\n", "hello", "done"},
      {"blanks behind the size", "5 \t\r\nhello\r\n0\r\n\r\n", "hello", "done"},
      {"line ends in the data", "6\r\na\r\nb\r\n\r\n0\r\n\r\n", "a\r\nb\r\n", "done"},
      {"trailers", "0\r\nX: y\r\nZ: \r\n\r\n", "", "done"},
      {"longest extension", "1;" + longest + "\r\na\r\n0\r\n\r\n", "a", "done"},
      {"extension too long", "1;" + longest + "x\r\na\r\n0\r\n\r\n", "", "smuggling"},
      {"endless extension", "1;" + longest + longest, "", "smuggling"},
      {"largest size", "ffffffffffffffff\r\nab", "ab", "more"},
      {"size past 2^64", "10000000000000000\r\n", "", "smuggling"},
      {"size far past 2^64", "fffffffffffffffffffff\r\n", "", "smuggling"},
      {"size with many zeros", std::string(1000, '0') + "1\r\na\r\n0\r\n\r\n", "a", "done"},
      {"no size", "\r\nhello", "", "smuggling"},
      {"only an extension", ";a=b\r\nhello", "", "smuggling"},
      {"negative size", "-5\r\nhello", "", "smuggling"},
      {"size with plus", "+5\r\nhello", "", "smuggling"},
      {"size with 0x", "0x5\r\nhello\r\n", "", "smuggling"},
      {"size behind a blank", " 5\r\nhello", "", "smuggling"},
      {"size that is no number", "g\r\nhello", "", "smuggling"},
      {"size with rubbish", "5g\r\nhello", "", "smuggling"},
      {"size with a blank inside", "1 0\r\nhello", "", "smuggling"},
      {"size with comma", "5,5\r\nhello", "", "smuggling"},
      {"size with NUL", "5\0\r\nhello"s, "", "smuggling"},
      {"lone LF behind the size", "5\nhello\r\n", "", "smuggling"},
      {"lone LF and nothing more", "5\n", "", "smuggling"},
      {"lone CR behind the size", "5\rhello\r\n", "", "smuggling"},
      {"lone CR in the extension", "5;a\rb\r\nhello\r\n", "", "smuggling"},
      {"lone LF in the extension", "5;a\nb\r\nhello\r\n", "", "smuggling"},
      {"NUL in the extension", "5;\0\r\nhello\r\n"s, "", "smuggling"},
      {"data too long", "2\r\nhello\r\n0\r\n\r\n", "he", "smuggling"},
      {"data too short", "7\r\nhello\r\n0\r\n\r\n", "hello\r\n", "smuggling"},
      {"lone LF behind the data", "5\r\nhello\n0\r\n\r\n", "hello", "smuggling"},
      {"lone CR behind the data", "5\r\nhello\r0\r\n\r\n", "hello", "smuggling"},
      {"lone LF in a trailer", "0\r\nX: a\nY: b\r\n\r\n", "", "smuggling"},
      {"blank line of LFs in a trailer", "0\r\nX: a\n\nGET / HTTP/1.1\r\n\r\n", "", "smuggling"},
      {"lone CR in a trailer", "0\r\nX: a\rb\r\n\r\n", "", "smuggling"},
      {"NUL in a trailer", "0\r\nX: \0\r\n\r\n"s, "", "smuggling"},
      {"endless trailer", "0\r\nX: " + longest + longest, "", "smuggling"},
      {"size is cut", "5", "", "more"},
      {"size line is cut", "5\r", "", "more"},
      {"data is cut", "5\r\nhel", "hel", "more"},
      {"end of data is cut", "5\r\nhello\r", "hello", "more"},
      {"last chunk is missing", "5\r\nhello\r\n", "hello", "more"},
      {"end of trailers is missing", "0\r\n", "", "more"},
      {"end of trailers is cut", "0\r\n\r", "", "more"},
      {"nothing", "", "", "more"},
  };
}

TEST(ChunkReader, EverySplitGivesTheSameBodyAndVerdict) {
  for (const ChunkRow& row : ChunkRows()) {
    for (std::size_t step = 1; step <= std::min<std::size_t>(row.input.size(), 40) + 1; ++step) {
      const Decoded decoded = Decode(row.input, step);
      EXPECT_EQ(decoded.verdict, row.verdict) << row.name << " in steps of " << step;
      EXPECT_EQ(decoded.body, row.body) << row.name << " in steps of " << step;
    }
    const Decoded whole = Decode(row.input, row.input.size() + 1);
    EXPECT_EQ(whole.verdict, row.verdict) << row.name;
    EXPECT_EQ(whole.body, row.body) << row.name;
  }
}

TEST(ChunkReader, WhatStandsBehindTheLastChunkIsNotTaken) {
  const std::string_view input = "1\r\na\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n";
  const Decoded decoded = Decode(input, input.size());
  EXPECT_EQ(decoded.verdict, "done");
  EXPECT_EQ(input.substr(decoded.used), "GET / HTTP/1.1\r\n\r\n");
}

TEST(ChunkReader, TrailersTogetherAreBounded) {
  std::string input = "0\r\n";
  while (input.size() <= kHeadBytesMax) input += "X: " + std::string(500, 'y') + "\r\n";
  EXPECT_EQ(Decode(input + "\r\n", 4096).verdict, "smuggling");
}

TEST(ChunkReader, AResetReaderBeginsAnew) {
  ChunkReader reader;
  ASSERT_TRUE(reader.Next("5\r\n").ok());
  reader.Reset();
  EXPECT_FALSE(reader.Next("hello\r\n").ok());
}

TEST(Text, BlanksAreTrimmedAtBothEndsOnly) {
  EXPECT_EQ(Trim(" \ta b\t "), "a b");
  EXPECT_EQ(Trim(" \t "), "");
  EXPECT_EQ(Trim(""), "");
}

TEST(Text, OnlyAsciiLettersIgnoreCase) {
  EXPECT_TRUE(EqualsIgnoreCase("Content-LENGTH", "content-length"));
  EXPECT_FALSE(EqualsIgnoreCase("a", "ab"));
  EXPECT_FALSE(EqualsIgnoreCase("@", "`"));
  EXPECT_FALSE(EqualsIgnoreCase("\xc9", "\xe9"));
}

TEST(PercentTest, EscapesAreReplacedAndBrokenOnesRefused) {
  EXPECT_EQ(PercentDecode("/v1/models/cloud%2Fswift%20x"), "/v1/models/cloud/swift x");
  EXPECT_EQ(PercentDecode("%25%41"), "%A");
  EXPECT_EQ(PercentDecode(""), "");
  for (const char* text : {"%", "%4", "a%", "%zz", "%4g", "%00", "%-1", "%+1"}) {
    EXPECT_FALSE(PercentDecode(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace tidegate::net
