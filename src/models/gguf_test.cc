#include "models/gguf.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "models/gguf_builder.h"

namespace tidegate::models {
namespace {

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
    return Read(builder.KeyU32("llama.pooling_type", type))->pooling;
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

TEST(GgufTest, ReadsTheSizesOfTheNetwork) {
  GgufBuilder builder(0, 10);
  builder.KeyText("general.architecture", "gemma3").KeyU32("gemma3.block_count", 3);
  builder.KeyU32("gemma3.embedding_length", 640).KeyU32("gemma3.attention.head_count", 4);
  builder.KeyNumbers("gemma3.attention.head_count_kv", {1, 0, 2});
  builder.KeyU32("gemma3.attention.sliding_window", 512);
  builder.KeyU32("gemma3.rope.dimension_count", 64);
  builder.KeyBool("gemma3.attention.causal", false);
  builder.KeyU32("llama.embedding_length", 7);  // of another architecture
  builder.KeyTexts("tokenizer.ggml.tokens", {"a", "b", "c"});
  const Result<GgufMetadata> metadata = Read(builder);
  ASSERT_TRUE(metadata.ok()) << Describe(metadata.error());
  const GgufShape& shape = metadata->shape;
  EXPECT_EQ(shape.block_count, 3U);
  EXPECT_EQ(shape.embedding_length, 640U);
  EXPECT_EQ(shape.Heads(2), 4U);
  EXPECT_EQ(shape.KvHeads(0), 1U);
  EXPECT_EQ(shape.KvHeads(1), 0U);
  EXPECT_EQ(shape.KvHeads(2), 2U);
  EXPECT_EQ(shape.KeyLength(), 160U);  // not given: width by heads
  EXPECT_EQ(shape.sliding_window, 512U);
  EXPECT_EQ(shape.rope_dimension_count, 64U);
  EXPECT_EQ(shape.vocabulary, 3U);
  EXPECT_EQ(shape.causal, false);
}

TEST(GgufTest, ReadsWhereTheBytesAre) {
  GgufBuilder builder(6, 1);
  builder.KeyText("general.architecture", "qwen3moe");
  builder.Tensor("token_embd.weight", {32, 5}, 8, 0);             // Q8_0: 170 bytes
  builder.Tensor("blk.0.attn_q.weight", {32}, 8, 192);            // 34
  builder.Tensor("blk.1.ffn_gate_exps.weight", {32, 2}, 8, 256);  // 68
  builder.Tensor("blk.1.ffn_gate.weight", {32}, 8, 352);          // 34
  builder.Tensor("output_norm.weight", {8}, 0, 416);              // 32
  builder.Tensor("rope_freqs.weight", {8}, 0, 448).Data(480);     // 32
  const Result<GgufMetadata> metadata = Read(builder);
  ASSERT_TRUE(metadata.ok()) << Describe(metadata.error());
  const GgufWeights& weights = metadata->weights;
  EXPECT_EQ(weights.input_bytes, 170U);
  EXPECT_EQ(weights.output_bytes, 32U);
  EXPECT_EQ(weights.other_bytes, 32U);
  EXPECT_EQ(weights.block_bytes, (std::vector<std::uint64_t>{34, 102}));
  EXPECT_EQ(weights.expert_bytes, (std::vector<std::uint64_t>{0, 68}));
  EXPECT_FALSE(weights.has_output);
  EXPECT_TRUE(weights.has_gate);
  EXPECT_TRUE(weights.has_experts);
  ASSERT_EQ(weights.types.size(), 2U);
  EXPECT_EQ(weights.types[0].type, "F32");
  EXPECT_EQ(weights.types[0].bytes, 64U);
  EXPECT_EQ(weights.types[1].type, "Q8_0");
  EXPECT_EQ(weights.types[1].tensors, 4U);
  EXPECT_EQ(weights.types[1].elements, 288U);
  EXPECT_EQ(weights.types[1].bytes, 306U);
  EXPECT_EQ(metadata->shape.vocabulary, 5U);
}

TEST(GgufTest, TellsModelsFromWhatBelongsToModels) {
  const auto kind = [](std::string_view architecture, std::string_view type) {
    GgufBuilder builder(0, 2);
    builder.KeyText("general.architecture", architecture).KeyText("general.type", type);
    return Read(builder)->kind;
  };
  EXPECT_EQ(kind("llama", "model"), GgufKind::kModel);
  EXPECT_EQ(kind("llama", "adapter"), GgufKind::kAdapter);
  EXPECT_EQ(kind("clip", "mmproj"), GgufKind::kProjector);
  EXPECT_EQ(kind("clip", "model"), GgufKind::kProjector);  // older files
  EXPECT_EQ(kind("eagle3", "model"), GgufKind::kDraft);
  EXPECT_EQ(kind("llama", "imatrix"), GgufKind::kOther);
}

TEST(GgufTest, ReadsWhatAProjectorSaysAboutItself) {
  GgufBuilder builder(0, 5);
  builder.KeyText("general.architecture", "clip").KeyBool("clip.has_vision_encoder", true);
  builder.KeyText("clip.projector_type", "gemma3").KeyU32("clip.vision.image_size", 896);
  builder.KeyU32("clip.vision.patch_size", 14);
  const Result<GgufMetadata> metadata = Read(builder);
  ASSERT_TRUE(metadata.ok()) << Describe(metadata.error());
  EXPECT_TRUE(metadata->projector.vision);
  EXPECT_FALSE(metadata->projector.audio);
  EXPECT_EQ(metadata->projector.type, "gemma3");
  EXPECT_EQ(metadata->projector.image_size, 896U);
}

std::vector<std::uint32_t> FillIn(const GgufBuilder& builder) {
  const std::optional<GgufFillIn> found = Read(builder)->fill_in;
  if (!found) return {};
  return {found->prefix, found->suffix, found->middle};
}

TEST(GgufTest, FindsTokensForFillingIn) {
  using Numbers = std::vector<std::uint32_t>;
  const auto with_tokens = [](std::initializer_list<std::string_view> tokens) {
    GgufBuilder builder = OneKey();
    return FillIn(builder.KeyTexts("tokenizer.ggml.tokens", tokens));
  };
  EXPECT_EQ(with_tokens({"<|fim_prefix|>", "a", "<|fim_suffix|>", "<|fim_middle|>", "<PRE>"}),
            (Numbers{0, 2, 3}));
  EXPECT_EQ(with_tokens({"<|fim_prefix|>", "<|fim_suffix|>"}), Numbers());
}

TEST(GgufTest, AKeyNamesATokenForFillingInBeforeAWordDoes) {
  using Numbers = std::vector<std::uint32_t>;
  const auto by_key = [](std::uint32_t middle) {
    GgufBuilder builder(0, 5);
    builder.KeyText("general.architecture", "llama");
    builder.KeyU32("tokenizer.ggml.fim_pre_token_id", 3);
    builder.KeyU32("tokenizer.ggml.suffix_token_id", 1);
    builder.KeyU32("tokenizer.ggml.fim_mid_token_id", middle);
    builder.KeyTexts("tokenizer.ggml.tokens", {"<|fim_prefix|>", "a", "b", "c"});
    return FillIn(builder);
  };
  EXPECT_EQ(by_key(2), (Numbers{3, 1, 2}));
  EXPECT_EQ(by_key(4), Numbers()) << "there is no such token";
}

TEST(GgufTest, AddsUpThePartsOfASplitModel) {
  GgufMetadata model = *Read(SmallModel());
  GgufMetadata part;
  part.parameters = 10;
  part.tensor_bytes = 40;
  part.tensor_count = 1;
  part.weights.block_bytes = {0, 40};
  part.weights.types = {{"F32", 1, 10, 40}};
  ASSERT_TRUE(AddGgufPart(model, part).ok());
  EXPECT_EQ(model.parameters, 138U);
  EXPECT_EQ(model.tensor_bytes, 552U);
  EXPECT_EQ(model.weights.block_bytes, (std::vector<std::uint64_t>{0, 40}));
  ASSERT_EQ(model.weights.types.size(), 1U);
  EXPECT_EQ(model.weights.types[0].bytes, 552U);
  part.tensor_bytes = UINT64_MAX;
  EXPECT_FALSE(AddGgufPart(model, part).ok());
  EXPECT_EQ(model.tensor_bytes, 552U);  // as before
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

TEST(GgufTest, AFolderOrAMissingFileIsNoModel) {
  EXPECT_EQ(ReadGgufFile("/nonexistent.gguf").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(ReadGgufFile("/tmp").error().code, ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace tidegate::models
