#include "engine/measure_request.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "json/reader.h"

namespace tidegate::engine {
namespace {

std::vector<std::int32_t> Pool() {
  std::vector<std::int32_t> pool;
  for (std::int32_t token = 100; token < 400; token += 3) pool.push_back(token);
  return pool;
}

constexpr std::string_view kFirst = R"(data: {"index":0,"content":" does","tokens":[629],)"
                                    R"("stop":false})"
                                    "\n\n";
constexpr std::string_view kLast =
    R"(data: {"content":"","timings":{"cache_n":3,"prompt_n":5,"prompt_ms":1.5,)"
    R"("predicted_n":6,"predicted_ms":2.5},"stop":true})"
    "\n\n";

TEST(Prompt, HasItsLengthAndNoTwoBeginAlike) {
  const std::vector<std::int32_t> pool = Pool();
  const std::vector<std::int32_t> one = MakePrompt(pool, 300, 1);
  EXPECT_EQ(one.size(), 300U);
  EXPECT_EQ(one, MakePrompt(pool, 300, 1)) << "the same seed makes the same prompt";
  for (std::uint64_t seed = 2; seed < 50; ++seed) {
    const std::vector<std::int32_t> other = MakePrompt(pool, 300, seed);
    EXPECT_FALSE(std::equal(one.begin(), one.begin() + 4, other.begin())) << seed;
    for (const std::int32_t token : other) {
      EXPECT_TRUE(std::binary_search(pool.begin(), pool.end(), token)) << token;
    }
  }
}

TEST(CompletionRequest, AsksForSoManyTokensAndForNothingThatWasReadBefore) {
  const std::string body = CompletionRequest({7, 8}, 16, 3);
  json::Reader reader;
  const Result<json::Value> root = reader.ParseCopy(body, 10'000);
  ASSERT_TRUE(root.ok());
  const json::Object object = *root->Object();
  EXPECT_EQ(object.Find("prompt")->raw(), "[7,8]");
  EXPECT_EQ(*object.Find("n_predict")->Integer(), 16);
  EXPECT_TRUE(*object.Find("ignore_eos")->Bool());
  EXPECT_TRUE(*object.Find("stream")->Bool());
  EXPECT_FALSE(*object.Find("cache_prompt")->Bool());
}

TEST(Pool, IsEveryTokenOnceAndRising) {
  std::string answer = R"({"tokens":[5,3)";
  for (int token = 20; token > 3; --token) answer += "," + std::to_string(token);
  const Result<std::vector<std::int32_t>> pool = ReadPool(answer + "]}");
  ASSERT_TRUE(pool.ok()) << Describe(pool.error());
  EXPECT_EQ(pool->size(), 18U);
  EXPECT_EQ(pool->front(), 3);
  EXPECT_EQ(pool->back(), 20);
}

TEST(Pool, OfAnAnswerThatMakesNoSenseIsAnError) {
  for (const char* answer : {"", "[]", R"({"tokens":[1,2]})", R"({"tokens":[-1]})",
                             R"({"tokens":"many"})", R"({"error":"no"})"}) {
    const Result<std::vector<std::int32_t>> pool = ReadPool(answer);
    ASSERT_FALSE(pool.ok()) << answer;
    EXPECT_EQ(pool.error().code, ErrorCode::kProtocol) << answer;
  }
}

TEST(AnswerReader, TakesTheFirstTokensTimeAndTheEnginesOwnCounts) {
  const std::string answer = std::string(kFirst) + std::string(kFirst) + std::string(kLast);
  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, answer.size()}) {
    AnswerReader reader;
    AnswerTimes times;
    for (std::size_t at = 0; at < answer.size(); at += piece) {
      const auto now = static_cast<std::int64_t>(at + std::min(piece, answer.size() - at));
      ASSERT_TRUE(reader.Feed(answer.substr(at, piece), now, times).ok());
    }
    ASSERT_TRUE(reader.Finish(9'999, times).ok());
    EXPECT_GE(times.first_token, static_cast<std::int64_t>(kFirst.size()) - 1) << piece;
    EXPECT_EQ(times.end, 9'999);
    EXPECT_EQ(times.prompt_tokens, 5);
    EXPECT_EQ(times.cached_tokens, 3);
    EXPECT_EQ(times.output_tokens, 6);
    EXPECT_DOUBLE_EQ(times.prompt_ms, 1.5);
    EXPECT_DOUBLE_EQ(times.output_ms, 2.5);
  }
}

TEST(AnswerReader, AnAnswerThatEndsEarlyIsNoMeasurement) {
  AnswerReader reader;
  AnswerTimes times;
  ASSERT_TRUE(reader.Feed(kFirst, 1, times).ok());
  const Result<void> end = reader.Finish(2, times);
  ASSERT_FALSE(end.ok());
  EXPECT_EQ(end.error().code, ErrorCode::kProtocol);
}

TEST(AnswerReader, SaysWhatLlamaServerSays) {
  AnswerReader reader;
  AnswerTimes times;
  const Result<void> fed =
      reader.Feed("data: {\"error\":{\"message\":\"out of memory\"}}\n", 1, times);
  ASSERT_FALSE(fed.ok());
  EXPECT_NE(fed.error().message.find("out of memory"), std::string::npos);
  AnswerReader broken;
  EXPECT_FALSE(broken.Feed("data: {\"content\n", 1, times).ok());
  AnswerReader endless;
  EXPECT_FALSE(endless.Feed(std::string(kAnswerLineBytesMax + 1, 'x'), 1, times).ok());
}

}  // namespace
}  // namespace tidegate::engine
