#include "models/download_parts.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

namespace tidegate::models {
namespace {

TEST(DownloadParts, CoverTheFile) {
  DownloadParts parts(250, 100);
  EXPECT_EQ(parts.Take(), 0U);
  EXPECT_EQ(parts.Take(), 1U);
  EXPECT_EQ(parts.Take(), 2U);
  EXPECT_EQ(parts.Take(), std::nullopt);
  EXPECT_EQ(parts.begin(2), 200U);
  EXPECT_EQ(parts.end(2), 250U);
  parts.Release(1);
  EXPECT_TRUE(parts.HasFree());
  EXPECT_EQ(parts.Take(), 1U);
  EXPECT_FALSE(parts.HasFree());
}

TEST(DownloadParts, KnowWhatIsThere) {
  DownloadParts parts(250, 100);
  parts.Wrote(1, 100);
  EXPECT_EQ(parts.written(), 100U);
  EXPECT_EQ(parts.contiguous(), 0U);
  parts.Wrote(0, 60);
  EXPECT_EQ(parts.contiguous(), 60U);
  EXPECT_EQ(parts.next(0), 60U);
  parts.Wrote(0, 40);
  EXPECT_EQ(parts.contiguous(), 200U);
  EXPECT_EQ(parts.Take(), 2U);  // the others are complete
  EXPECT_FALSE(parts.complete());
  parts.Wrote(2, 50);
  EXPECT_EQ(parts.contiguous(), 250U);
  EXPECT_TRUE(parts.complete());
}

TEST(DownloadParts, OfNothingAreComplete) {
  DownloadParts parts(0, 100);
  EXPECT_TRUE(parts.complete());
  EXPECT_EQ(parts.Take(), std::nullopt);
  EXPECT_EQ(parts.contiguous(), 0U);
}

TEST(DownloadParts, AreNeverTooMany) {
  const std::uint64_t size = std::uint64_t{1} << 44U;
  const DownloadParts parts(size, kDownloadPartBytes);
  EXPECT_LE(parts.ToJson().size(), kDownloadStateBytesMax);
  EXPECT_TRUE(DownloadParts::Parse(parts.ToJson(), size));
}

TEST(DownloadParts, AreReadAsTheyWereWritten) {
  DownloadParts parts(250, 100);
  parts.etag = "\"a\\b\"";
  parts.Wrote(0, 60);
  parts.Wrote(2, 50);
  const std::optional<DownloadParts> read = DownloadParts::Parse(parts.ToJson(), 250);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->ToJson(), parts.ToJson());
  EXPECT_EQ(read->etag, "\"a\\b\"");
  EXPECT_EQ(read->written(), 110U);
  EXPECT_EQ(read->next(0), 60U);
}

TEST(DownloadParts, AStateThatDoesNotFitIsNotBelieved) {
  const std::string good =
      R"({"version":1,"size":250,"part_bytes":100,"etag":"","written":[1,2,3]})";
  EXPECT_TRUE(DownloadParts::Parse(good, 250));
  EXPECT_FALSE(DownloadParts::Parse(good, 251));
  for (const char* text :
       {"", "{}", "[]", "{",
        R"({"version":2,"size":250,"part_bytes":100,"etag":"","written":[1,2,3]})",
        R"({"version":1,"size":250,"part_bytes":0,"etag":"","written":[1,2,3]})",
        R"({"version":1,"size":250,"part_bytes":-1,"etag":"","written":[1,2,3]})",
        R"({"version":1,"size":250,"part_bytes":100,"etag":1,"written":[1,2,3]})",
        R"({"version":1,"size":250,"part_bytes":100,"etag":"","written":[1,2]})",
        R"({"version":1,"size":250,"part_bytes":100,"etag":"","written":[1,2,3,4]})",
        R"({"version":1,"size":250,"part_bytes":100,"etag":"","written":[101,2,3]})",
        R"({"version":1,"size":250,"part_bytes":100,"etag":"","written":[1,2,51]})",
        R"({"version":1,"size":250,"part_bytes":100,"etag":"","written":[1,2,-1]})",
        R"({"version":1,"size":250,"part_bytes":100,"etag":"","written":[1,2,"3"]})"}) {
    EXPECT_FALSE(DownloadParts::Parse(text, 250)) << text;
  }
}

TEST(DownloadState, IsReplacedAsAWhole) {
  std::string pattern = testing::TempDir() + "state-XXXXXX";
  const std::string folder = mkdtemp(pattern.data());
  const std::string path = folder + "/x-partial-state";
  EXPECT_EQ(*ReadDownloadState(path), std::nullopt);
  ASSERT_TRUE(WriteDownloadState(path, "one, which is longer").ok());
  ASSERT_TRUE(WriteDownloadState(path, "two").ok());
  EXPECT_EQ(*ReadDownloadState(path), "two");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder), {}), 1);
  std::ofstream(path) << std::string(2 * kDownloadStateBytesMax, ' ');
  EXPECT_FALSE(DownloadParts::Parse(**ReadDownloadState(path), 1));
  EXPECT_EQ(WriteDownloadState(folder + "/none/x", "two").error().code, ErrorCode::kUnavailable);
  std::filesystem::remove_all(folder);
}

TEST(ContentRange, SaysWhichBytesOfHowMany) {
  const std::optional<ContentRange> range = ParseContentRange("bytes 5-9/10");
  ASSERT_TRUE(range);
  EXPECT_EQ(range->first, 5U);
  EXPECT_EQ(range->last, 9U);
  EXPECT_EQ(range->total, 10U);
  for (const char* text :
       {"", "bytes", "bytes */10", "bytes 5-9/*", "bytes 5-9/9", "bytes 9-5/10", "bytes 5-9/10 ",
        "bytes 5-9", "bytes -5-9/10", "items 5-9/10", "bytes 5-9/99999999999999999999"}) {
    EXPECT_FALSE(ParseContentRange(text)) << text;
  }
}

}  // namespace
}  // namespace tidegate::models
