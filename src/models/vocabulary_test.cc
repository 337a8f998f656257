#include "models/vocabulary.h"

#include <functional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "models/gguf_builder.h"
#include "models/gguf_format.h"

namespace tidegate::models {
namespace {

// The keys of a vocabulary, one of which a test changes.
struct Keys {
  std::string kind = "gpt2", split = "qwen2";
  int adds_begin = 0, adds_end = -1;  // -1 = not said
  std::int64_t begin = 7, end = 8;    // likewise
  std::vector<std::string> tokens = std::vector<std::string>(300);
};

Keys Usual() {
  Keys keys;
  for (std::size_t i = 0; i < keys.tokens.size(); ++i) keys.tokens[i] = "t" + std::to_string(i);
  return keys;
}

Result<Vocabulary> Read(const Keys& keys) {
  const std::uint64_t said = (keys.adds_begin >= 0 ? 1U : 0U) + (keys.adds_end >= 0 ? 1U : 0U) +
                             (keys.begin >= 0 ? 1U : 0U) + (keys.end >= 0 ? 1U : 0U);
  GgufBuilder file(0, 4 + said);
  file.KeyText("general.architecture", "llama");
  file.KeyText("tokenizer.ggml.model", keys.kind).KeyText("tokenizer.ggml.pre", keys.split);
  if (keys.adds_begin >= 0) file.KeyBool("tokenizer.ggml.add_bos_token", keys.adds_begin == 1);
  if (keys.adds_end >= 0) file.KeyBool("tokenizer.ggml.add_eos_token", keys.adds_end == 1);
  const auto number = [](std::int64_t value) { return static_cast<std::uint32_t>(value); };
  if (keys.begin >= 0) file.KeyU32("tokenizer.ggml.bos_token_id", number(keys.begin));
  if (keys.end >= 0) file.KeyU32("tokenizer.ggml.eos_token_id", number(keys.end));
  file.Key("tokenizer.ggml.tokens", kGgufArray).Raw<std::uint32_t>(kGgufString);
  file.Raw<std::uint64_t>(keys.tokens.size());
  for (const std::string& token : keys.tokens) file.Text(token);
  MemorySource source(file.bytes());
  return ReadVocabulary(source);
}

// Why a draft that `change` makes of the usual keys does not fit the usual ones.
std::string Why(const std::function<void(Keys&)>& change, const Keys& model = Usual()) {
  Keys keys = model;
  change(keys);
  const Result<Vocabulary> one = Read(model), other = Read(keys);
  EXPECT_TRUE(one.ok() && other.ok());
  if (!one.ok() || !other.ok()) return "unreadable";
  const std::string why = WhyNoDraft(*one, *other);
  EXPECT_EQ(why.empty(), WhyNoDraft(*other, *one).empty());  // it holds both ways
  return why;
}

TEST(VocabularyTest, IsReadFromTheFile) {
  const Result<Vocabulary> read = Read(Usual());
  ASSERT_TRUE(read.ok()) << Describe(read.error());
  EXPECT_EQ(read->kind, "gpt2");
  EXPECT_EQ(read->split, "qwen2");
  EXPECT_EQ(read->adds_begin, false);
  EXPECT_EQ(read->adds_end, std::nullopt);
  EXPECT_EQ(read->begin, 7U);
  EXPECT_EQ(read->end, 8U);
  EXPECT_EQ(read->tokens.size(), 300U);
}

TEST(VocabularyTest, TheOneOfTheStarterFitsItself) {
  const auto read = ReadVocabularyFile(TIDEGATE_SOURCE_DIR "/models/tidegate-starter.gguf");
  ASSERT_TRUE(read.ok()) << Describe(read.error());
  EXPECT_GT(read->tokens.size(), 1'000U);
  EXPECT_EQ(WhyNoDraft(*read, *read), "");
}

TEST(DraftTest, FitsWhereLlamaServerTakesIt) {
  EXPECT_EQ(Why([](Keys&) {}), "");
  // The first tokens are often other names for the same.
  EXPECT_EQ(Why([](Keys& k) { k.tokens[4] = "<pad>"; }), "");
  EXPECT_EQ(Why([](Keys& k) { k.tokens.resize(300 - 128); }), "");
  // A token that is not added may be any.
  EXPECT_EQ(Why([](Keys& k) { k.begin = 9; }), "");
  EXPECT_EQ(Why(
                [](Keys& k) {
                  k.split = "llama-bpe";
                  k.adds_end = 0;
                },
                [] {
                  Keys k = Usual();
                  k.adds_end = 0;
                  return k;
                }()),
            "");
}

TEST(DraftTest, DoesNotFitWhereItWouldBeRefused) {
  EXPECT_NE(Why([](Keys& k) { k.kind = "llama"; }), "");
  EXPECT_NE(Why([](Keys& k) { k.tokens[5] = "x"; }), "");
  EXPECT_NE(Why([](Keys& k) { k.tokens[299] = "x"; }), "");
  EXPECT_NE(Why([](Keys& k) { k.tokens.resize(300 - 129); }), "");
  EXPECT_NE(Why([](Keys& k) { k.tokens.clear(); }), "");
  EXPECT_NE(Why([](Keys& k) { k.adds_begin = 1; }), "");
  EXPECT_NE(Why([](Keys& k) { k.adds_begin = -1; }), "");  // nobody knows
  EXPECT_NE(Why([](Keys& k) { k.end = 9; }), "");          // it may be added
  EXPECT_NE(Why([](Keys& k) { k.split = "llama-bpe"; }), "");
  Keys adds = Usual();
  adds.adds_begin = 1;
  EXPECT_NE(Why([](Keys& k) { k.begin = 9; }, adds), "");
  EXPECT_NE(Why([](Keys& k) { k.begin = -1; }, adds), "");
}

TEST(DraftTest, TheReasonNamesBothSides) {
  const std::string why = Why([](Keys& k) { k.kind = "llama"; });
  EXPECT_NE(why.find("llama"), std::string::npos);
  EXPECT_NE(why.find("gpt2"), std::string::npos);
}

TEST(VocabularyTest, AHostileFileIsRefused) {
  GgufBuilder file(0, 2);
  file.KeyText("general.architecture", "llama");
  file.Key("tokenizer.ggml.tokens", kGgufArray).Raw<std::uint32_t>(kGgufString);
  file.Raw<std::uint64_t>(kVocabularyTokensMax + 1).Data(64 * 1024 * 1024);
  MemorySource source(file.bytes());
  EXPECT_FALSE(ReadVocabulary(source).ok());
  EXPECT_FALSE(ReadVocabularyFile("/nowhere.gguf").ok());
}

}  // namespace
}  // namespace tidegate::models
