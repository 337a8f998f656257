#include "profile/profile.h"

#include <string>

#include <gtest/gtest.h>

#include "profile/difficulty.h"
#include "profile/tokens.h"

namespace tidegate::profile {
namespace {

core::Request Ask(std::string text) {
  core::Request request;
  request.arena.push_back(std::move(text));
  core::Message message;
  message.parts.push_back({.text = request.arena.back()});
  request.messages.push_back(std::move(message));
  request.text_bytes = static_cast<std::int64_t>(request.arena.back().size());
  return request;
}

double DifficultyOf(std::string text) { return Compute(Ask(std::move(text))).difficulty; }

class EasyRequest : public testing::TestWithParam<const char*> {};
TEST_P(EasyRequest, LooksEasy) { EXPECT_LT(DifficultyOf(GetParam()), 0.35); }
INSTANTIATE_TEST_SUITE_P(Examples, EasyRequest,
                         testing::Values("Say hello", "What is the capital of France?", "hi",
                                         "Thanks!", "", "Translate 'good morning' to Spanish.",
                                         "Who wrote Faust?", "Give me a synonym for happy.",
                                         "Is 7 a prime? yes/no",
                                         "Write a short birthday greeting for my sister.",
                                         "¿Qué hora es en Tokio?",
                                         "Summarize: the cat sat on the mat and slept all day."));

class HardRequest : public testing::TestWithParam<const char*> {};
TEST_P(HardRequest, LooksHard) { EXPECT_GT(DifficultyOf(GetParam()), 0.6); }
INSTANTIATE_TEST_SUITE_P(
    Examples, HardRequest,
    testing::Values(
        "Prove that every bounded monotone sequence converges and write a C++ implementation with "
        "analysis.",
        "Design a distributed lock service. Compare at least two algorithms, justify the "
        "trade-offs and give the "
        "invariants that keep it safe.",
        "Derive the asymptotic complexity of this recursive algorithm step by step and verify it:\n"
        "```python\ndef f(n):\n  return f(n//2) + f(n//2) + n if n > 1 else 1\n```",
        "Refactor and debug this concurrent C++ code so that no thread can race:\n```cpp\nvoid f() "
        "{ x++; }\n```"));

TEST(Difficulty, GrowsWithToolsSchemasAndReasoning) {
  core::Request plain = Ask("Plan a trip with three stops.");
  core::Request rich = Ask("Plan a trip with three stops.");
  rich.tools.push_back({.name = "search", .description = "", .parameters = "{}", .strict = {}});
  rich.response_format = core::ResponseFormat::kJsonSchema;
  rich.reasoning = {core::Reasoning::Mode::kOn, "high", {}, {}};
  EXPECT_GT(Compute(rich).difficulty, Compute(plain).difficulty + 0.2);
}

TEST(Signs, AWordIsReadWhereverItStandsInABlock) {
  const Signs alone = ReadSigns("prove the theorem c++ 'tis trade-offs- -x");
  EXPECT_EQ(alone.words, 7);
  for (std::size_t blanks = 0; blanks < 200; ++blanks) {
    const Signs moved =
        ReadSigns(std::string(blanks, ' ') + "prove the theorem c++ 'tis trade-offs- -x");
    ASSERT_EQ(moved.words, alone.words) << blanks;
    ASSERT_EQ(moved.word_weight, alone.word_weight) << blanks;
  }
}

TEST(Signs, ARunThroughSeveralBlocksIsOneWord) {
  for (std::size_t size = 1; 2 * size < kReadBytesMax; ++size) {
    EXPECT_EQ(ReadSigns(std::string(size, 'a')).words, 1) << size;
    EXPECT_EQ(ReadSigns(std::string(size, 'a') + " " + std::string(size, 'b')).words, 2) << size;
  }
}

TEST(Signs, OfALongTextAreJudgedByItsBeginningAndItsEnd) {
  std::string text;
  while (text.size() < 4 * kReadBytesMax) text += "word ";
  const std::int64_t all = static_cast<std::int64_t>(text.size()) / 5;
  EXPECT_NEAR(static_cast<double>(ReadSigns(text).words), static_cast<double>(all), 8);
  EXPECT_GT(ReadSigns(text + "prove").word_weight, 0);
}

TEST(Difficulty, ReadsTheLastUserMessageAndNotTheAnswersBefore) {
  core::Request request = Ask("Say hello");
  core::Message answer;
  answer.role = core::Role::kAssistant;
  answer.parts.push_back({.text = "Prove the theorem by induction; derive the lemma."});
  request.messages.push_back(answer);
  EXPECT_LT(Compute(request).difficulty, 0.35);
  EXPECT_EQ(LastUserText(request), "Say hello");
}

TEST(Difficulty, SeesTheTaskAtTheEndOfALongPrompt) {
  const std::string filler(50'000, 'x');
  EXPECT_GT(ReadSigns(filler + " Prove the theorem by induction.").word_weight, 2.5);
  EXPECT_EQ(ReadSigns("x " + filler + " prove " + filler).word_weight,
            0);  // the middle is not read
}

TEST(Difficulty, CountsARepeatedWordOnce) {
  std::string text = "prove";
  for (int i = 0; i < 100; ++i) text += " prove";
  EXPECT_EQ(ReadSigns(text).word_weight, ReadSigns("prove").word_weight);
}

TEST(Tokens, OfProseCodeAndOtherScriptsAreNearTheUsualRatios) {
  const auto per_token = [](std::string_view text) {
    return 1000.0 * static_cast<double>(text.size()) / static_cast<double>(MilliTokens(text));
  };
  const double prose = per_token(
      "The quick brown fox jumps over the lazy dog while the rain keeps falling on the roof.");
  EXPECT_GT(prose, 4.0);
  EXPECT_LT(prose, 5.0);
  const double json = per_token(R"({"name":"search","args":{"q":"weather","n":10,"ok":true}})");
  EXPECT_GT(json, 2.2);
  EXPECT_LT(json, 3.5);
  EXPECT_NEAR(per_token("東京都に住んでいます"), 3.3, 0.5);  // 3 bytes a character
  EXPECT_NEAR(per_token("Привет мир как дела"), 4.0, 0.8);   // 2 bytes a character
}

TEST(Tokens, BoundIsNeverBelowTheBytesOfTheTextAndTheEstimateIsBelowTheBound) {
  for (const std::size_t size : {0U, 1U, 100U, 8192U, 8193U, 100'000U}) {
    const TokenCounts counts = CountInput(Ask(std::string(size, '!')));
    EXPECT_GE(counts.max, static_cast<std::int64_t>(size));
    EXPECT_LE(counts.estimate, counts.max);
  }
}

TEST(Tokens, CountToolsCallsAndSchemas) {
  core::Request request = Ask("hi");
  const TokenCounts before = CountInput(request);
  const std::string schema(4000, 'a');
  request.tools.push_back({.name = "f", .description = "does", .parameters = schema, .strict = {}});
  core::Message call;
  call.role = core::Role::kAssistant;
  call.parts.push_back(
      {.kind = core::PartKind::kToolCall, .name = "f", .id = "id", .arguments = schema});
  request.messages.push_back(call);
  const TokenCounts after = CountInput(request);
  EXPECT_GE(after.max - before.max, 8000);
  EXPECT_GT(after.estimate - before.estimate, 1000);
}

TEST(Tokens, OfMediaAreBoundedAndOfDocumentsAreNot) {
  core::Request image = Ask("look");
  image.messages[0].parts.push_back({.kind = core::PartKind::kImage,
                                     .source = core::MediaSource::kUrl,
                                     .text = "https://example.org/a.png",
                                     .detail = "high"});
  EXPECT_GE(CountInput(image).max, kImageTokensMax);
  EXPECT_LT(CountInput(image).max, 2 * kImageTokensMax);
  EXPECT_EQ(CountInput(image).media_estimate, kImageTokens) << "apart from that of the text";
  core::Request file = Ask("read");
  file.messages[0].parts.push_back(
      {.kind = core::PartKind::kFile, .source = core::MediaSource::kFileId, .text = "file-1"});
  EXPECT_EQ(CountInput(file).max, kTokensUnbounded);
  EXPECT_LT(CountInput(file).estimate, 10'000);
}

TEST(Profile, KeepsTheCallersOutputLimitAndNeverExpectsMore) {
  core::Request request = Ask("Write a long essay about tides.");
  EXPECT_EQ(Compute(request).output_tokens_limit, 0);
  EXPECT_GT(Compute(request).output_tokens_estimate, 300);
  request.max_output_tokens = 50;
  request.choices = 3;
  const Profile profile = Compute(request);
  EXPECT_EQ(profile.output_tokens_limit, 50);
  EXPECT_EQ(profile.output_tokens_estimate, 50);
  EXPECT_EQ(profile.choices, 3);
}

TEST(Profile, ExpectsShortAnswersToShortQuestions) {
  EXPECT_LT(Compute(Ask("What is the capital of France?")).output_tokens_estimate, 150);
  EXPECT_GT(Compute(Ask("Explain how tides work.")).output_tokens_estimate, 400);
}

core::EmbedRequest Embed(std::vector<std::string_view> texts) {
  core::EmbedRequest request;
  request.needs = request.needs.With(core::Capability::kEmbeddings);
  for (const std::string_view text : texts) {
    request.text_bytes += static_cast<std::int64_t>(text.size());
  }
  request.inputs = static_cast<std::int64_t>(texts.size());
  request.texts = std::move(texts);
  return request;
}

TEST(Profile, OfEmbeddingsHasAWindowForEachTextAndNoAnswer) {
  const std::string long_text(4000, 'a');
  core::EmbedRequest request = Embed({"short", long_text, "short"});
  EXPECT_EQ(Compute(request).longest_prompt_estimate, 0) << "it may be cut";
  request.truncate = core::Truncate::kNone;
  const Profile profile = Compute(request);
  EXPECT_EQ(profile.prompts, 3);
  EXPECT_FALSE(profile.writes);
  EXPECT_EQ(profile.output_tokens_estimate, 0);
  EXPECT_GE(profile.input_tokens_max, 4010);
  EXPECT_GT(profile.input_tokens_estimate, *profile.longest_prompt_estimate);
  EXPECT_GT(*profile.longest_prompt_estimate, profile.input_tokens_estimate * 9 / 10);
  EXPECT_TRUE(profile.needs.Has(core::Capability::kEmbeddings));
  EXPECT_FALSE(profile.needs.Has(core::Capability::kChat));
}

TEST(Profile, OfTokenNumbersIsCountedByTheirText) {
  core::EmbedRequest request = Embed({});
  request.inputs = 1;
  request.text_bytes = 6000;  // about a thousand numbers
  const Profile profile = Compute(request);
  EXPECT_EQ(profile.input_tokens_estimate, 1000);
  EXPECT_GE(profile.input_tokens_max, 6000);
}

TEST(Profile, OfARankingReadsTheQueryWithEveryDocument) {
  core::RerankRequest request;
  request.query = "what is the capital of the country";
  const std::string document(1500, 'b');
  request.documents.assign(250, document);
  const Profile profile = Compute(request);
  EXPECT_EQ(profile.prompts, 250);
  EXPECT_FALSE(profile.writes);
  EXPECT_GE(profile.input_tokens_max, 250 * 1534);
  EXPECT_LT(*profile.longest_prompt_estimate, 20) << "documents are cut to what fits";
  // 250 documents are three searches, and as long as they may be, every one may count as four.
  EXPECT_GE(profile.requests_max, 3);
  EXPECT_LE(profile.requests_max, 12);
  request.documents.assign(1, "short");
  EXPECT_EQ(Compute(request).requests_max, 1);
}

TEST(Profile, OfAChatNeedsWhoChats) {
  EXPECT_TRUE(Compute(Ask("hi")).needs.Has(core::Capability::kChat));
  EXPECT_EQ(Compute(Ask("hi")).prompts, 1);
}

TEST(Profile, OfARequestWithoutMessagesIsEmptyAndEasy) {
  const Profile profile = Compute(core::Request());
  EXPECT_EQ(profile.input_tokens_estimate, 0);
  EXPECT_GT(profile.input_tokens_max, 0);
  EXPECT_LT(profile.difficulty, 0.35);
}

}  // namespace
}  // namespace tidegate::profile
