#include "models/gguf_info.h"

#include <limits>
#include <string>

#include <gtest/gtest.h>

#include "models/gguf_builder.h"

namespace tidegate::models {
namespace {

Result<GgufInfo> Read(const GgufBuilder& builder, const GgufInfoOptions& options = {}) {
  MemorySource source(builder.bytes());
  return ReadGgufInfo(source, options);
}

TEST(GgufInfoTest, GivesEveryValueAsJsonInTheOrderOfTheFile) {
  GgufBuilder builder(0, 9);
  builder.KeyText("general.name", "A \"quoted\"\nname\xff").KeyU32("b", 7);
  builder.Key("c", kGgufI32).Raw<std::int32_t>(-5);
  builder.Key("d", kGgufU64).Raw(std::numeric_limits<std::uint64_t>::max());
  builder.Key("e", kGgufF32).Raw(1e-5F).Key("f", kGgufF64).Raw(0.1);
  builder.Key("g", kGgufF32).Raw(std::numeric_limits<float>::quiet_NaN()).KeyBool("h", true);
  builder.KeyTexts("i", {"x", "y"});
  const Result<GgufInfo> info = Read(builder);
  ASSERT_TRUE(info.ok()) << Describe(info.error());
  const std::vector<std::pair<std::string, std::string>> expected = {
      {"general.name", "\"A \\\"quoted\\\"\\nname\xef\xbf\xbd\""},
      {"b", "7"},
      {"c", "-5"},
      {"d", "18446744073709551615"},
      {"e", "1e-05"},
      {"f", "0.1"},
      {"g", "null"},
      {"h", "true"},
      {"i", R"(["x","y"])"}};
  EXPECT_EQ(info->values, expected);
  EXPECT_TRUE(info->tensors.empty());
}

TEST(GgufInfoTest, LeavesLongListsEmptyUnlessAskedForThem) {
  GgufBuilder builder(0, 2);
  builder.KeyNumbers("long", {1, 2, 3, 4, 5, 6}).KeyNumbers("short", {1, 2, 3, 4, 5});
  const Result<GgufInfo> brief = Read(builder);
  ASSERT_TRUE(brief.ok());
  EXPECT_EQ(brief->values[0].second, "[]");
  EXPECT_EQ(brief->values[1].second, "[1,2,3,4,5]");
  EXPECT_EQ(Read(builder, {.whole_lists = true})->values[0].second, "[1,2,3,4,5,6]");
}

TEST(GgufInfoTest, ListsTensorsWhenAskedForThem) {
  const Result<GgufInfo> info = Read(SmallModel(), {.tensors = true});
  ASSERT_TRUE(info.ok());
  ASSERT_EQ(info->tensors.size(), 2U);
  EXPECT_EQ(info->tensors[0].name, "a.weight");
  EXPECT_EQ(info->tensors[0].type, "F32");
  EXPECT_EQ(info->tensors[0].dimensions, (std::vector<std::uint64_t>{16, 4}));
}

TEST(GgufInfoTest, RefusesListsThatWouldFillTheMemory) {
  constexpr std::uint64_t kCount = 3'000'000;  // 0x01 becomes six bytes and quotes
  GgufBuilder builder(0, 1);
  builder.Key("k", kGgufArray).Raw<std::uint32_t>(kGgufString).Raw(kCount);
  for (std::uint64_t i = 0; i < kCount; ++i) builder.Text("\x01\x01\x01\x01");
  EXPECT_EQ(Read(builder)->values[0].second, "[]");
  const Result<GgufInfo> whole = Read(builder, {.whole_lists = true});
  ASSERT_FALSE(whole.ok());
  EXPECT_EQ(whole.error().code, ErrorCode::kTooLarge);
}

TEST(GgufInfoTest, IsAsStrictAsTheReader) {
  GgufBuilder builder(0, 2);
  builder.KeyU32("a", 1).KeyU32("a", 2);
  EXPECT_EQ(Read(builder).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(ReadGgufInfoFile("/nonexistent.gguf", {}).error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace tidegate::models
