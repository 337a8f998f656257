#include "net/http2_session.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/limits.h"
#include "net/testing/http2_frames.h"

namespace tidegate::net::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::int64_t kStart = 1'000 * kSecond;

TEST(RateLimit, ABurstIsAllowedAndThenSoManyASecond) {
  RateLimit limit(3, 10);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(limit.Take(kStart));
  EXPECT_FALSE(limit.Take(kStart));
  EXPECT_FALSE(limit.Take(kStart + kSecond / 20));
  EXPECT_TRUE(limit.Take(kStart + kSecond / 10));
  EXPECT_FALSE(limit.Take(kStart + kSecond / 10));
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(limit.Take(kStart + 60 * kSecond));
  EXPECT_FALSE(limit.Take(kStart + 60 * kSecond));
}

TEST(Http2Preface, IsToldFromHttp1AsEarlyAsCanBe) {
  const std::string preface(NGHTTP2_CLIENT_MAGIC, NGHTTP2_CLIENT_MAGIC_LEN);
  for (std::size_t size = 0; size < preface.size(); ++size) {
    EXPECT_EQ(FindHttp2Preface(preface.substr(0, size)), Http2Preface::kIncomplete) << size;
  }
  EXPECT_EQ(FindHttp2Preface(preface), Http2Preface::kYes);
  EXPECT_EQ(FindHttp2Preface(preface + "x"), Http2Preface::kYes);
  for (const char* other : {"G", "PO", "PRI / HTTP/1.1", "PRI * HTTP/2.0\r\n\r\nXX"}) {
    EXPECT_EQ(FindHttp2Preface(other), Http2Preface::kNo) << other;
  }
}

class Http2SessionTest : public ::testing::Test {
 protected:
  // The stream of a request for `path` with `fields`.
  Http2Stream* Open(const Fields& fields, std::uint8_t flags = 5) {
    EXPECT_TRUE(session_.Feed((id_ == 1 ? Preface() : std::string()) +
                                  Frame(NGHTTP2_HEADERS, flags, id_, HpackGet() + Hpack(fields)),
                              kStart));
    id_ += 2;
    Http2Stream* const stream = session_.TakeChanged();
    EXPECT_EQ(session_.TakeChanged(), nullptr);
    return stream;
  }
  std::string Pull(std::size_t size_max = 1'000'000) {
    std::string out;
    session_.Pull(out, size_max);
    return out;
  }

  Http2Session session_;
  std::uint32_t id_ = 1;
};

TEST_F(Http2SessionTest, AHeadReadsLikeTheHttp1HeadThatMeansTheSame) {
  const Http2Stream* const stream = Open({{"x-one", "1"}, {"cookie", "a=b"}, {"cookie", "c=d"}});
  ASSERT_NE(stream, nullptr);
  EXPECT_FALSE(stream->refusal());
  EXPECT_TRUE(stream->body_ended());
  const HttpHead& head = stream->head();
  EXPECT_EQ(head.method(), "GET");
  EXPECT_EQ(head.target(), "/");
  EXPECT_EQ(head.version_minor(), 1);
  EXPECT_TRUE(head.keep_alive());
  EXPECT_FALSE(head.chunked());
  EXPECT_EQ(head.Find("Host"), "localhost");
  EXPECT_EQ(head.Find("x-one"), "1");
  EXPECT_EQ(head.Find("cookie"), "a=b; c=d");
  EXPECT_EQ(head.fields(), 3U);
}

TEST_F(Http2SessionTest, FieldsLeaveInLowerCaseAndWithoutThoseOfTheConnection) {
  Http2Stream* const stream = Open({});
  Http2Request* const somebody = reinterpret_cast<Http2Request*>(this);
  stream->request = somebody;
  session_.SendHead(*stream, 200,
                    "X-One: 1\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n"
                    "KEEP-ALIVE: 5\r\nx-two:2\r\n",
                    true);
  const std::string frames = Pull();
  nghttp2_hd_inflater* inflater = nullptr;
  ASSERT_EQ(nghttp2_hd_inflate_new(&inflater), 0);
  const std::size_t at = frames.rfind(Frame(NGHTTP2_HEADERS, 5, 1).substr(3)) + 6;
  std::string text;
  std::string block = frames.substr(at);
  while (true) {
    nghttp2_nv field{};
    int flags = 0;
    const ssize_t used = nghttp2_hd_inflate_hd2(inflater, &field, &flags,
                                                reinterpret_cast<const std::uint8_t*>(block.data()),
                                                block.size(), 1);
    ASSERT_GE(used, 0);
    block.erase(0, static_cast<std::size_t>(used));
    if ((flags & NGHTTP2_HD_INFLATE_EMIT) == 0) break;
    text.append(reinterpret_cast<const char*>(field.name), field.namelen) += "=";
    text.append(reinterpret_cast<const char*>(field.value), field.valuelen) += " ";
  }
  nghttp2_hd_inflate_del(inflater);
  EXPECT_EQ(text, ":status=200 x-one=1 x-two=2 ");
  session_.Release(*stream);
}

TEST_F(Http2SessionTest, WhatIsPulledIsBounded) {
  Http2Stream* const stream = Open({});
  stream->request = reinterpret_cast<Http2Request*>(this);
  session_.Feed(Frame(NGHTTP2_WINDOW_UPDATE, 0, 0, Number(1'000'000)) +
                    Frame(NGHTTP2_WINDOW_UPDATE, 0, 1, Number(1'000'000)),
                kStart);
  const std::string body(500'000, 'x');
  const std::string_view pieces[] = {body};
  session_.SendHead(*stream, 200, "", false);
  session_.Send(*stream, pieces, true);
  std::size_t pulled = 0, pulls = 0;
  while (session_.wants_write()) {
    const std::size_t size = Pull(50'000).size();
    EXPECT_LE(size, 50'000U + 16'393U);
    EXPECT_EQ(session_.TakeSent() != nullptr, stream->sent());
    pulled += size;
    ++pulls;
  }
  EXPECT_TRUE(stream->sent());
  EXPECT_GE(pulled, body.size());
  EXPECT_GE(pulls, 8U);
  session_.Release(*stream);
}

TEST_F(Http2SessionTest, ResetsThatComeSlowlyAreFine) {
  std::int64_t now = kStart;
  std::string frames = Preface();
  for (std::uint32_t id = 1; id < 1'600; id += 2) {
    frames += Frame(NGHTTP2_HEADERS, 5, id, HpackGet());
    frames += Frame(NGHTTP2_RST_STREAM, 0, id, Number(NGHTTP2_CANCEL));
    now += kSecond / kHttp2ResetsPerSecond;
    ASSERT_TRUE(session_.Feed(frames, now)) << id;
    frames.clear();
    while (session_.TakeChanged() != nullptr) ADD_FAILURE() << "nobody is there any more";
    Pull();
  }
}

TEST_F(Http2SessionTest, AReleasedStreamThatIsIncompleteIsReset) {
  Http2Stream* const stream = Open({});
  stream->request = reinterpret_cast<Http2Request*>(this);
  session_.SendHead(*stream, 200, "", false);
  EXPECT_THAT(Pull(), Not(HasSubstr(Frame(NGHTTP2_RST_STREAM, 0, 1, Number(2)))));
  session_.Release(*stream);
  EXPECT_THAT(Pull(), HasSubstr(Frame(NGHTTP2_RST_STREAM, 0, 1, Number(2))));
  EXPECT_EQ(session_.Find(1), nullptr);
}

}  // namespace
}  // namespace tidegate::net::testing
