#include "models/blobs.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

#include "base/testing/read_bytes.h"

namespace tidegate::models {
namespace {

namespace fs = std::filesystem;

class BlobsTest : public testing::Test {
 protected:
  BlobsTest() {
    std::string pattern = testing::TempDir() + "blobs-XXXXXX";
    folder_ = mkdtemp(pattern.data());
    blobs_ = Blobs(folder_ + "/blobs");
  }
  ~BlobsTest() override { fs::remove_all(folder_); }

  static Digest Of(std::string_view bytes) { return Digest(ComputeSha256(bytes)); }
  std::size_t Files() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(blobs_.folder()), fs::directory_iterator()));
  }

  std::string folder_;
  Blobs blobs_{""};
};

TEST_F(BlobsTest, StandUnderTheDigestOfTheirBytes) {
  Result<PartialBlob> partial = blobs_.Create();
  ASSERT_TRUE(partial.ok()) << partial.error().message;
  ASSERT_TRUE(partial->Append("har").ok());
  ASSERT_TRUE(partial->Append("bour").ok());
  EXPECT_FALSE(blobs_.SizeOf(Of("harbour")));
  const Result<Digest> digest = (*std::move(partial)).Commit(7, std::nullopt);
  ASSERT_TRUE(digest.ok()) << digest.error().message;
  EXPECT_EQ(*digest, Of("harbour"));
  EXPECT_EQ(blobs_.SizeOf(*digest), 7U);
  EXPECT_EQ(ReadBytes(blobs_.PathOf(*digest)), "harbour");
  EXPECT_EQ(Files(), 1U);
}

TEST_F(BlobsTest, AreMadeOfTextsAtOnce) {
  EXPECT_EQ(*blobs_.Put("harbour"), Of("harbour"));
  EXPECT_EQ(ReadBytes(blobs_.PathOf(Of("harbour"))), "harbour");
  EXPECT_EQ(*blobs_.Put(""), Of(""));
  EXPECT_EQ(Files(), 2U);
}

TEST_F(BlobsTest, NeverStandUnderANameThatTheirBytesDoNotHave) {
  const Digest wanted = Of("harbour");
  Result<PartialBlob> partial = blobs_.Continue(wanted);
  ASSERT_TRUE(partial->Append("herbour").ok());
  const Result<Digest> digest = (*std::move(partial)).Commit(7, wanted);
  ASSERT_FALSE(digest.ok());
  EXPECT_EQ(digest.error().reason, "digest_mismatch");
  EXPECT_FALSE(blobs_.SizeOf(wanted));
  EXPECT_EQ(Files(), 0U);
}

TEST_F(BlobsTest, AreHashedAlikeWhenTheirBytesComeOutOfOrder) {
  Result<PartialBlob> partial = blobs_.Continue(Of("harbour"));
  ASSERT_TRUE(partial->WriteAt(3, "bourXX").ok());  // beyond the end: cut off
  ASSERT_TRUE(partial->WriteAt(0, "har").ok());
  ASSERT_TRUE(partial->HashUpTo(5).ok());
  EXPECT_EQ(partial->hashed_bytes(), 5U);
  EXPECT_TRUE((*std::move(partial)).Commit(7, Of("harbour")).ok());
  EXPECT_EQ(ReadBytes(blobs_.PathOf(Of("harbour"))), "harbour");
}

TEST_F(BlobsTest, AreContinuedWhereTheyWereLeft) {
  const Digest digest = Of("harbour");
  {
    Result<PartialBlob> first = blobs_.Continue(digest);
    ASSERT_TRUE(first->Append("har").ok());
    std::ofstream(first->state_path()) << "3";
  }
  Result<PartialBlob> second = blobs_.Continue(digest);
  ASSERT_TRUE(second->WriteAt(3, "bour").ok());
  EXPECT_TRUE((*std::move(second)).Commit(7, digest).ok());
  EXPECT_EQ(Files(), 1U);  // the state went with it
}

TEST_F(BlobsTest, AreContinuedByTheirUrlWhereNobodyKnowsTheDigest) {
  {
    Result<PartialBlob> first = blobs_.ContinueFrom("https://host/a.gguf");
    ASSERT_TRUE(first->Append("har").ok());
    std::ofstream(first->state_path()) << "3";
    ASSERT_TRUE(blobs_.ContinueFrom("https://host/b.gguf")->Append("other").ok());
  }
  Result<PartialBlob> second = blobs_.ContinueFrom("https://host/a.gguf");
  EXPECT_TRUE(fs::exists(second->state_path()));
  ASSERT_TRUE(second->WriteAt(3, "bour").ok());
  const Result<Digest> digest = (*std::move(second)).Commit(7, std::nullopt);
  ASSERT_TRUE(digest.ok());
  EXPECT_EQ(*digest, Of("harbour"));
  EXPECT_EQ(Files(), 2U);  // and what came of b.gguf
}

TEST_F(BlobsTest, CanBeBegunAnew) {
  Result<PartialBlob> partial = blobs_.Continue(Of("harbour"));
  ASSERT_TRUE(partial->Append("something else").ok());
  std::ofstream(partial->state_path()) << "14";
  ASSERT_TRUE(partial->Restart().ok());
  EXPECT_FALSE(fs::exists(partial->state_path()));
  EXPECT_EQ(partial->hashed_bytes(), 0U);
  ASSERT_TRUE(partial->Append("harbour").ok());
  EXPECT_TRUE((*std::move(partial)).Commit(7, Of("harbour")).ok());
}

TEST_F(BlobsTest, AreWrittenByOneAtATime) {
  const Digest digest = Of("harbour");
  const Result<PartialBlob> first = blobs_.Continue(digest);
  const Result<PartialBlob> second = blobs_.Continue(digest);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code, ErrorCode::kConflict);
}

TEST_F(BlobsTest, RefuseAFileThatIsShorterThanItIsSaidToBe) {
  Result<PartialBlob> partial = blobs_.Create();
  ASSERT_TRUE(partial->Append("har").ok());
  // Four bytes of nothing are not what was meant, and the digest tells.
  EXPECT_FALSE((*std::move(partial)).Commit(7, Of("harbour")).ok());
  EXPECT_EQ(Files(), 0U);
}

TEST_F(BlobsTest, SayThatTheyCannotBeWritten) {
  std::ofstream(folder_ + "/file") << "x";
  EXPECT_EQ(Blobs(folder_ + "/file/blobs").Create().error().code, ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace tidegate::models
