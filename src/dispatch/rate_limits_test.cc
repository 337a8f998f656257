#include "dispatch/rate_limits.h"

#include <string>

#include <gtest/gtest.h>

#include "net/limits.h"

namespace tidegate::dispatch {
namespace {

using core::RateLimitFact;

constexpr std::int64_t kNow = 1'700'000'000 * net::kSecond;  // 2023-11-14T22:13:20Z

// A head whose fields are `lines`, with the bytes it views.
class Head {
 public:
  explicit Head(const std::string& lines)
      : bytes_("HTTP/1.1 200 OK\r\n" + lines + "content-length: 0\r\n\r\n") {
    const Result<bool> read = reader_.Read(bytes_);
    EXPECT_TRUE(read.ok() && *read);
  }
  const net::HttpHead& get() const { return reader_.head(); }

 private:
  std::string bytes_;
  net::HeadReader reader_{net::HeadKind::kResponse};
};

core::RateLimitFields Fields(std::string_view requests_limit, std::string_view requests_left,
                             std::string_view requests_reset, std::string_view tokens_left = "") {
  core::RateLimitFields fields;
  fields[RateLimitFact::kRequestsLimit] = requests_limit;
  fields[RateLimitFact::kRequestsLeft] = requests_left;
  fields[RateLimitFact::kRequestsReset] = requests_reset;
  fields[RateLimitFact::kTokensLeft] = tokens_left;
  return fields;
}

core::RateLimitFields OpenAi() {
  return Fields("x-ratelimit-limit-requests", "x-ratelimit-remaining-requests",
                "x-ratelimit-reset-requests");
}

std::string Lines(const std::string& head, const core::RateLimitFields& fields,
                  const protocols::RateLimitWords& words) {
  return RateLimitLines(Head(head).get(), fields, words, kNow);
}

TEST(RateLimitLines, AreNoneWhereTheAnswerStatesNothing) {
  EXPECT_EQ(Lines("x-request-id: 1\r\n", OpenAi(), protocols::kOpenAiRateLimitWords), "");
  EXPECT_EQ(Lines("x-request-id: 1\r\n", OpenAi(), protocols::kAnthropicRateLimitWords), "");
}

TEST(RateLimitLines, PassAsTheyCameBetweenThoseWhoUseTheSameNames) {
  EXPECT_EQ(Lines("X-RateLimit-Remaining-Requests: 7\r\nx-ratelimit-reset-project-tokens: 6ms\r\n"
                  "x-other: 1\r\n",
                  OpenAi(), protocols::kOpenAiRateLimitWords),
            "X-RateLimit-Remaining-Requests: 7\r\nx-ratelimit-reset-project-tokens: 6ms\r\n");
}

TEST(RateLimitLines, AreWrittenAnewInTheClientsNamesAndForms) {
  EXPECT_EQ(Lines("x-ratelimit-limit-requests: 60\r\nx-ratelimit-remaining-requests: 59\r\n"
                  "x-ratelimit-reset-requests: 1m30s\r\n",
                  OpenAi(), protocols::kAnthropicRateLimitWords),
            "anthropic-ratelimit-requests-limit: 60\r\nanthropic-ratelimit-requests-remaining: "
            "59\r\nanthropic-ratelimit-requests-reset: 2023-11-14T22:14:50Z\r\n");
  EXPECT_EQ(Lines("anthropic-ratelimit-requests-remaining: 3\r\n"
                  "anthropic-ratelimit-requests-reset: 2023-11-14T23:20:21.5+01:00\r\n",
                  Fields("", "anthropic-ratelimit-requests-remaining",
                         "anthropic-ratelimit-requests-reset"),
                  protocols::kOpenAiRateLimitWords),
            "x-ratelimit-remaining-requests: 3\r\nx-ratelimit-reset-requests: 7m2s\r\n");
  EXPECT_EQ(Lines("x-ratelimit-remaining-requests-day: 9\r\n"
                  "x-ratelimit-reset-requests-day: 33011.38\r\n"
                  "x-ratelimit-remaining-tokens-minute: 500\r\n",
                  Fields("", "x-ratelimit-remaining-requests-day", "x-ratelimit-reset-requests-day",
                         "x-ratelimit-remaining-tokens-minute"),
                  protocols::kOpenAiRateLimitWords),
            "x-ratelimit-remaining-requests: 9\r\nx-ratelimit-reset-requests: 9h10m12s\r\n"
            "x-ratelimit-remaining-tokens: 500\r\n");
}

TEST(RateLimitLines, LeaveOutWhatCannotBeRead) {
  const core::RateLimitFields fields = Fields("a", "b", "c");
  for (const std::string value : {"-1", "", "many", "1.5", "9999999999999999999"}) {
    EXPECT_EQ(
        Lines("a: " + value + "\r\nb: " + value + "\r\n", fields, protocols::kOpenAiRateLimitWords),
        "")
        << value;
  }
  EXPECT_EQ(Lines("c: soon\r\n", fields, protocols::kOpenAiRateLimitWords), "");
}

TEST(RateLimitLines, AreBoundedInNumberAndLength) {
  std::string many;
  for (int i = 0; i < 60; ++i) many += "x-ratelimit-" + std::to_string(i) + ": 1\r\n";
  many += "x-ratelimit-long: " + std::string(100, '1') + "\r\n";
  const std::string lines = Lines(many, OpenAi(), protocols::kOpenAiRateLimitWords);
  EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), 24);
  const std::string length = "b: " + std::string(100, '1') + "\r\n";
  EXPECT_EQ(Lines(length, Fields("a", "b", "c"), protocols::kOpenAiRateLimitWords), "");
}

TEST(ReadReset, KnowsEveryFormThatVendorsHave) {
  const auto nanos = [](std::string_view text) { return ReadReset(text, kNow).value_or(-1); };
  EXPECT_EQ(nanos("12ms"), 12 * net::kMillisecond);
  EXPECT_EQ(nanos("6m0s"), 360 * net::kSecond);
  EXPECT_EQ(nanos("2m59.56s"), 179'560 * net::kMillisecond);
  EXPECT_EQ(nanos("1h2m3s"), 3'723 * net::kSecond);
  EXPECT_EQ(nanos("45"), 45 * net::kSecond);
  EXPECT_EQ(nanos("0"), 0);
  EXPECT_EQ(nanos("0.25"), net::kSecond / 4);
  EXPECT_EQ(nanos("1700000060"), 60 * net::kSecond);
  EXPECT_EQ(nanos("1700000060500"), 60'500 * net::kMillisecond);
  EXPECT_EQ(nanos("1600000000"), 0) << "a moment that has passed";
  EXPECT_EQ(nanos("2023-11-14T22:13:25Z"), 5 * net::kSecond);
  EXPECT_EQ(nanos("2023-11-14T22:13:25.250Z"), 5'250 * net::kMillisecond);
  EXPECT_EQ(nanos("2023-11-14T20:13:25-02:00"), 5 * net::kSecond);
}

TEST(ReadReset, RefusesWhatItCannotRead) {
  for (const std::string_view text :
       {"", "-5", "soon", "5x", "5s3", "1e9", "nan", "inf", "9999999999999999", "400d", "T",
        "2023-13-01T00:00:00Z", "2023-02-30T00:00:00Z", "2023-11-14T22:13:25", "2023-11-14T22:13Z",
        "2023-11-14T22:13:25+25:00", "2023-11-14T22:13:25Zx", "2999-11-14T22:13:25Z"}) {
    EXPECT_FALSE(ReadReset(text, kNow).has_value()) << text;
  }
}

}  // namespace
}  // namespace tidegate::dispatch
