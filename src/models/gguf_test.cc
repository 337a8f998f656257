#include "models/gguf.h"

#include <functional>
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "models/gguf_builder.h"

namespace tidegate::models {
namespace {

constexpr std::uint64_t kHuge = std::numeric_limits<std::uint64_t>::max();
constexpr std::string_view kStarter = TIDEGATE_SOURCE_DIR "/models/tidegate-starter.gguf";

Result<GgufMetadata> Read(const GgufBuilder& builder) {
  MemorySource source(builder.bytes());
  return ReadGguf(source);
}

// A header with one more key after the architecture's.
GgufBuilder OneKey() {
  GgufBuilder builder(0, 2);
  builder.KeyText("general.architecture", "llama");
  return builder;
}

GgufBuilder OneTensor() {
  GgufBuilder builder(1, 1);
  builder.KeyText("general.architecture", "llama");
  return builder;
}

TEST(GgufTest, ReadsWhatASmallModelSaysAboutItself) {
  const Result<GgufMetadata> metadata = Read(SmallModel());
  ASSERT_TRUE(metadata.ok()) << Describe(metadata.error());
  EXPECT_EQ(metadata->version, 3U);
  EXPECT_EQ(metadata->architecture, "llama");
  EXPECT_EQ(metadata->type, "model");
  EXPECT_EQ(metadata->quantisation, "Q4_K_M");
  EXPECT_EQ(metadata->context_tokens, 2048U);
  EXPECT_EQ(metadata->parameters, 128U);
  EXPECT_EQ(metadata->tensor_count, 2U);
  EXPECT_EQ(metadata->tensor_bytes, 512U);
  EXPECT_FALSE(metadata->has_chat_template);
  EXPECT_EQ(metadata->pooling, GgufPooling::kNone);
}

TEST(GgufTest, ReadsTheShippedStarterModel) {
  const Result<GgufMetadata> metadata = ReadGgufFile(std::string(kStarter));
  ASSERT_TRUE(metadata.ok()) << Describe(metadata.error());
  EXPECT_FALSE(metadata->architecture.empty());
  EXPECT_GT(metadata->parameters, 100'000U);
  EXPECT_GT(metadata->context_tokens, 0U);
  EXPECT_TRUE(metadata->has_chat_template);
}

TEST(GgufTest, TakesNumbersOfAnyIntegerTypeAndKeysBeforeTheArchitecture) {
  GgufBuilder builder(0, 2);
  builder.Key("qwen3.context_length", kGgufU64).Raw<std::uint64_t>(40'960);
  builder.KeyText("general.architecture", "qwen3");
  const Result<GgufMetadata> metadata = Read(builder);
  ASSERT_TRUE(metadata.ok());
  EXPECT_EQ(metadata->context_tokens, 40'960U);
}

TEST(GgufTest, PassesOverValuesOfEveryTypeAndArraysOfEveryType) {
  GgufBuilder builder(0, 13 + 12);
  builder.Key("u8", kGgufU8).Raw<std::uint8_t>(1).Key("i8", kGgufI8).Raw<std::int8_t>(-1);
  builder.Key("u16", kGgufU16).Raw<std::uint16_t>(1).Key("i16", kGgufI16).Raw<std::int16_t>(-1);
  builder.Key("u32", kGgufU32).Raw<std::uint32_t>(1).Key("i32", kGgufI32).Raw<std::int32_t>(-1);
  builder.Key("u64", kGgufU64).Raw<std::uint64_t>(1).Key("i64", kGgufI64).Raw<std::int64_t>(-1);
  builder.Key("f32", kGgufF32).Raw(1.5F).Key("f64", kGgufF64).Raw(1.5);
  builder.Key("bool", kGgufBool).Raw<std::uint8_t>(1).KeyText("string", "text");
  constexpr std::uint32_t kSizes[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
  for (std::uint32_t type = 0; type <= kGgufF64; ++type) {
    if (type == kGgufArray) continue;
    builder.Key("array" + std::to_string(type), kGgufArray).Raw(type).Raw<std::uint64_t>(3);
    for (int i = 0; i < 3; ++i) {
      if (type == kGgufString) builder.Text(std::string(i == 1 ? 0 : 5, 'x'));
      for (std::uint32_t byte = 0; byte < kSizes[type]; ++byte) builder.Raw<std::uint8_t>(0);
    }
  }
  builder.KeyText("general.architecture", "behind_all_of_them");
  const Result<GgufMetadata> metadata = Read(builder);
  ASSERT_TRUE(metadata.ok()) << Describe(metadata.error());
  EXPECT_EQ(metadata->architecture, "behind_all_of_them");
}

TEST(GgufTest, SkipsAVocabularyThatIsLargerThanItsBuffer) {
  GgufBuilder builder(0, 2);
  builder.Key("tokenizer.ggml.tokens", kGgufArray).Raw<std::uint32_t>(kGgufString);
  builder.Raw<std::uint64_t>(50'000);
  for (int i = 0; i < 50'000; ++i) builder.Text(std::string(static_cast<std::size_t>(i % 23), 'x'));
  builder.KeyText("general.architecture", "llama");
  EXPECT_TRUE(Read(builder).ok());
}

TEST(GgufTest, GuessesToolsAndReasoningFromTheTemplate) {
  const auto of_template = [](std::string_view text) {
    GgufBuilder builder = OneKey();
    return *Read(builder.KeyText("tokenizer.chat_template", text));
  };
  EXPECT_TRUE(of_template("{% if tools %}").template_uses_tools);
  EXPECT_FALSE(of_template("{{ messages }}").template_uses_tools);
  EXPECT_TRUE(of_template("{{ messages }}").has_chat_template);
  EXPECT_TRUE(of_template("{% if enable_thinking %}").template_uses_reasoning);
  EXPECT_FALSE(of_template("{{ messages }}").template_uses_reasoning);
  EXPECT_FALSE(of_template("").has_chat_template);
}

TEST(GgufTest, KnowsModelsThatDoNotChat) {
  EXPECT_EQ(Read(SmallModel("nomic-bert"))->pooling, GgufPooling::kEmbedding);
  const auto with_pooling = [](std::uint32_t type) {
    GgufBuilder builder = OneKey();
    return Read(builder.KeyU32("qwen3.pooling_type", type))->pooling;
  };
  EXPECT_EQ(with_pooling(0), GgufPooling::kNone);
  EXPECT_EQ(with_pooling(3), GgufPooling::kEmbedding);
  EXPECT_EQ(with_pooling(4), GgufPooling::kRank);
}

TEST(GgufTest, CountsTheBytesOfQuantisedTensorsInBlocks) {
  GgufBuilder builder = OneTensor();
  builder.Tensor("w", {512, 3}, 12, 0).Data(6 * 144);  // Q4_K: 256 elements in 144 bytes
  const Result<GgufMetadata> metadata = Read(builder);
  ASSERT_TRUE(metadata.ok()) << Describe(metadata.error());
  EXPECT_EQ(metadata->tensor_bytes, 6U * 144);
  EXPECT_EQ(metadata->parameters, 1536U);
}

TEST(GgufTest, ALaterPartOfASplitModelNeedsNoArchitecture) {
  GgufBuilder builder(0, 2);
  builder.Key("split.no", kGgufU16).Raw<std::uint16_t>(1);
  builder.Key("split.count", kGgufU16).Raw<std::uint16_t>(2);
  const Result<GgufMetadata> metadata = Read(builder);
  ASSERT_TRUE(metadata.ok()) << Describe(metadata.error());
  EXPECT_EQ(metadata->split_count, 2U);
  EXPECT_EQ(metadata->split_index, 1U);
}

// --- hostile and damaged files ---

struct Hostile {
  const char* situation;
  std::function<GgufBuilder()> make;
  const char*
      complaint;  // part of the message, so that the refusal is for this and no other reason
};

void PrintTo(const Hostile& hostile, std::ostream* out) { *out << hostile.situation; }

std::vector<Hostile> HostileHeaders() {
  return {
      {"version 0", [] { return GgufBuilder(0, 0, 0); }, "version is 0"},
      {"version 1", [] { return GgufBuilder(0, 0, 1); }, "version is 1"},
      {"version 4", [] { return GgufBuilder(0, 0, 4); }, "version is 4"},
      {"the largest version", [] { return GgufBuilder(0, 0, 0xffff'ffff); },
       "version is 4294967295"},
      {"big-endian", [] { return GgufBuilder(0, 0, 0x0300'0000); }, "big-endian"},
      {"as many tensors as a number can say", [] { return GgufBuilder(kHuge, 0); }, "tensors"},
      {"as many keys as a number can say", [] { return GgufBuilder(0, kHuge); }, "metadata keys"},
      {"more keys than the file has bytes for", [] { return GgufBuilder(0, 2); }, "metadata keys"},
      {"more tensors than the file has bytes for",
       [] { return GgufBuilder(3, 1).KeyText("general.architecture", "llama"); }, "3 tensors"},
      {"no architecture", [] { return GgufBuilder(0, 1).KeyText("general.name", "x"); },
       "architecture is missing"},
      {"an empty architecture",
       [] { return GgufBuilder(0, 1).KeyText("general.architecture", ""); },
       "architecture is missing"},
  };
}

std::vector<Hostile> HostileKeys() {
  return {
      {"a key of 2^64-1 bytes", [] { return OneKey().Raw(kHuge).Raw(kHuge); }, "a key of"},
      {"a key longer than the format allows",
       [] { return OneKey().KeyU32(std::string(65'536, 'k'), 1); }, "a key of 65536"},
      {"an empty key", [] { return OneKey().KeyU32("", 1); }, "not plain ASCII"},
      {"a key with a NUL", [] { return OneKey().KeyU32(std::string_view("a\0b", 3), 1); },
       "not plain ASCII"},
      {"a key in UTF-8", [] { return OneKey().KeyU32("caf\xc3\xa9", 1); }, "not plain ASCII"},
      {"a key that repeats", [] { return OneKey().KeyText("general.architecture", "bert"); },
       "appears twice"},
      {"a value type after the last", [] { return OneKey().Key("k", 13).Raw<std::uint64_t>(0); },
       "value type 13"},
      {"the largest value type",
       [] { return OneKey().Key("k", 0xffff'ffff).Raw<std::uint64_t>(0); },
       "value type 4294967295"},
      {"a truth value of 2", [] { return OneKey().Key("k", kGgufBool).Raw<std::uint8_t>(2); },
       "neither 0 nor 1"},
      {"a string of 2^64-1 bytes", [] { return OneKey().Key("k", kGgufString).Raw(kHuge); },
       "a string of"},
      {"a string that reaches beyond the end",
       [] { return OneKey().Key("k", kGgufString).Raw<std::uint64_t>(100).Raw<std::uint8_t>(0); },
       "a string of 100"},
      {"a name that is a number", [] { return OneKey().KeyU32("general.name", 1); },
       "is no string"},
      {"a template that is a number", [] { return OneKey().KeyU32("tokenizer.chat_template", 1); },
       "is no string"},
      {"a name as long as a book",
       [] { return OneKey().KeyText("general.name", std::string(257, 'n')); }, "257 bytes"},
      {"a context of 2^31 tokens",
       [] { return OneKey().KeyU32("llama.context_length", 0x8000'0000); }, "no number of tokens"},
      {"a negative context",
       [] { return OneKey().Key("llama.context_length", kGgufI32).Raw<std::int32_t>(-1); },
       "no number of tokens"},
      {"a context that is text", [] { return OneKey().KeyText("llama.context_length", "4096"); },
       "no number of tokens"},
      {"alignment 0", [] { return OneKey().KeyU32("general.alignment", 0); }, "alignment"},
      {"alignment 24", [] { return OneKey().KeyU32("general.alignment", 24); }, "alignment"},
      {"alignment 2^31", [] { return OneKey().KeyU32("general.alignment", 0x8000'0000); },
       "alignment"},
      {"an alignment that is text", [] { return OneKey().KeyText("general.alignment", "32"); },
       "alignment"},
      {"more parts than fit 16 bits", [] { return OneKey().KeyU32("split.count", 65'536); },
       "no small number"},
      {"part 3 of 1", [] { return OneKey().KeyU32("split.no", 3); }, "part 3 of 1"},
  };
}

std::vector<Hostile> HostileArrays() {
  const auto array = [](std::uint32_t type, std::uint64_t count) {
    return OneKey().Key("k", kGgufArray).Raw(type).Raw(count);
  };
  return {
      {"an array of arrays", [=] { return array(kGgufArray, 1); }, "array of arrays"},
      {"an array of an unknown type", [=] { return array(99, 1); }, "unknown type 99"},
      {"an array whose size in bytes wraps", [=] { return array(kGgufU64, kHuge / 8 + 1); },
       "elements"},
      {"an array of 2^64-1 bytes", [=] { return array(kGgufU8, kHuge); }, "elements"},
      {"an array of 2^64-1 strings", [=] { return array(kGgufString, kHuge); }, "elements"},
      {"an array longer than the file", [=] { return array(kGgufF64, 1); },
       "an array of 1 elements"},
      {"an array whose last string reaches beyond the end",
       [=] { return array(kGgufString, 2).Text("ok").Raw<std::uint64_t>(1); }, "a string of 1"},
      {"an array with a string of 2^64-1 bytes", [=] { return array(kGgufString, 1).Raw(kHuge); },
       "a string of"},
  };
}

std::vector<Hostile> HostileTensors() {
  return {
      {"a tensor of five dimensions",
       [] {
         return OneTensor().Tensor("w", {1, 1, 1, 1, 1}, 0, 0).Data(4);
       },
       "5 dimensions"},
      {"a tensor with a dimension of 0",
       [] {
         return OneTensor().Tensor("w", {4, 0}, 0, 0).Data(4);
       },
       "dimensions of tensor w are impossible"},
      {"dimensions whose product wraps to something small",
       [] {
         return OneTensor().Tensor("w", {1ULL << 32, 1ULL << 32}, 0, 0).Data(64);
       },
       "dimensions of tensor w are impossible"},
      {"elements that fit but whose bytes wrap",
       [] { return OneTensor().Tensor("w", {1ULL << 62}, 0, 0).Data(64); }, "reaches beyond"},
      {"an offset that wraps with the size",
       [] { return OneTensor().Tensor("w", {64}, 0, kHuge - 31).Data(256); }, "reaches beyond"},
      {"an offset beyond the end", [] { return OneTensor().Tensor("w", {4}, 0, 1 << 20).Data(64); },
       "reaches beyond"},
      {"a tensor one byte longer than the file",
       [] { return OneTensor().Tensor("w", {16}, 0, 0).Data(63); }, "reach beyond"},
      {"an offset that is not aligned", [] { return OneTensor().Tensor("w", {4}, 0, 8).Data(64); },
       "not aligned"},
      {"a tensor type after the last", [] { return OneTensor().Tensor("w", {4}, 42, 0).Data(64); },
       "unknown type 42"},
      {"a tensor type that was removed",
       [] { return OneTensor().Tensor("w", {32}, 4, 0).Data(64); }, "unknown type 4"},
      {"a row that is half a block",
       [] {
         return OneTensor().Tensor("w", {16, 2}, 2, 0).Data(64);
       },
       "whole number of blocks"},
      {"a tensor name longer than the format allows",
       [] { return OneTensor().Tensor(std::string(64, 'w'), {4}, 0, 0).Data(64); },
       "tensor name of 64"},
      {"a tensor name with a line break",
       [] { return OneTensor().Tensor("a\nb", {4}, 0, 0).Data(64); }, "not plain ASCII"},
      {"a tensor table that is cut off",
       [] { return OneTensor().Text("w").Raw<std::uint32_t>(1).Raw<std::uint64_t>(4).Raw(kHuge); },
       "middle of its header"},
      {"two tensors of one name",
       [] {
         GgufBuilder builder(2, 1);
         builder.KeyText("general.architecture", "llama");
         return builder.Tensor("w", {4}, 0, 0).Tensor("w", {4}, 0, 32).Data(64);
       },
       "appears twice"},
  };
}

class HostileGgufTest : public testing::TestWithParam<Hostile> {};

TEST_P(HostileGgufTest, IsRefusedForTheRightReason) {
  const Result<GgufMetadata> metadata = Read(GetParam().make());
  ASSERT_FALSE(metadata.ok());
  EXPECT_EQ(metadata.error().code, ErrorCode::kInvalidArgument);
  EXPECT_NE(metadata.error().message.find(GetParam().complaint), std::string::npos)
      << metadata.error().message;
}

INSTANTIATE_TEST_SUITE_P(Headers, HostileGgufTest, testing::ValuesIn(HostileHeaders()));
INSTANTIATE_TEST_SUITE_P(Keys, HostileGgufTest, testing::ValuesIn(HostileKeys()));
INSTANTIATE_TEST_SUITE_P(Arrays, HostileGgufTest, testing::ValuesIn(HostileArrays()));
INSTANTIATE_TEST_SUITE_P(Tensors, HostileGgufTest, testing::ValuesIn(HostileTensors()));

TEST(GgufTest, WhatDoesNotStartWithTheMagicIsRefused) {
  for (const std::string_view bytes : {"", "G", "GGU", "GGML\3\0\0\0", "<!DOCTYPE html><html>"}) {
    MemorySource source(bytes);
    EXPECT_FALSE(ReadGguf(source).ok()) << bytes;
  }
}

TEST(GgufTest, AModelCutAtAnyByteIsRefused) {
  const std::string whole = SmallModel().bytes();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    MemorySource source(std::string_view(whole).substr(0, size));
    const Result<GgufMetadata> metadata = ReadGguf(source);
    ASSERT_FALSE(metadata.ok()) << size;
    ASSERT_EQ(metadata.error().code, ErrorCode::kInvalidArgument)
        << size;  // kInternal: read too far
  }
}

TEST(GgufTest, AnyByteOfAModelMayBeWrongWithoutHarm) {
  const std::string whole = SmallModel().bytes();
  int refused = 0;
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (const char wrong : {'\x00', '\x01', '\x7f', '\x80', '\xff'}) {
      std::string bytes = whole;
      bytes[at] = wrong;
      MemorySource source(bytes);
      const Result<GgufMetadata> metadata = ReadGguf(source);
      if (metadata.ok()) {
        EXPECT_LE(metadata->tensor_bytes, 2 * bytes.size());
      } else {
        ++refused;
        ASSERT_EQ(metadata.error().code, ErrorCode::kInvalidArgument) << at;
      }
    }
  }
  EXPECT_GT(refused, 100);
}

TEST(GgufTest, AFolderOrAMissingFileIsNoModel) {
  EXPECT_EQ(ReadGgufFile("/nonexistent.gguf").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(ReadGgufFile("/tmp").error().code, ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace tidegate::models
