#include "app/whole_file.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "base/testing/read_bytes.h"

namespace tidegate::app {
namespace {

namespace fs = std::filesystem;

class WholeFileTest : public testing::Test {
 protected:
  WholeFileTest() {
    std::string pattern = testing::TempDir() + "whole-XXXXXX";
    folder_ = mkdtemp(pattern.data());
    path_ = folder_ + "/m.tar";
  }
  ~WholeFileTest() override { fs::remove_all(folder_); }

  bool Empty() const { return fs::is_empty(folder_); }

  std::string folder_, path_;
};

TEST_F(WholeFileTest, IsThereWhenItIsWholeAndNotBefore) {
  Result<WholeFile> file = WholeFile::Make(path_);
  ASSERT_TRUE(file.ok()) << file.error().message;
  ASSERT_TRUE(file->Write("who").ok());
  EXPECT_FALSE(fs::exists(path_));
  ASSERT_TRUE(file->Write("le").ok());
  ASSERT_TRUE((*std::move(file)).Finish().ok());
  EXPECT_EQ(ReadBytes(path_), "whole");
  EXPECT_FALSE(fs::exists(path_ + std::string(WholeFile::kUnfinished)));
}

TEST_F(WholeFileTest, LeavesNothingWhenItIsGivenUp) {
  {
    Result<WholeFile> file = WholeFile::Make(path_);
    ASSERT_TRUE(file->Write("half").ok());
  }
  EXPECT_TRUE(Empty());
}

TEST_F(WholeFileTest, BeginsAnewWithWhatADeadProcessLeft) {
  std::ofstream(path_ + std::string(WholeFile::kUnfinished)) << "much longer than the new one";
  Result<WholeFile> file = WholeFile::Make(path_);
  ASSERT_TRUE(file.ok()) << file.error().message;
  ASSERT_TRUE(file->Write("new").ok());
  ASSERT_TRUE((*std::move(file)).Finish().ok());
  EXPECT_EQ(ReadBytes(path_), "new");
}

TEST_F(WholeFileTest, ReplacesNothing) {
  std::ofstream(path_) << "mine";
  EXPECT_EQ(WholeFile::Make(path_).error().code, ErrorCode::kConflict);
  fs::remove(path_);
  Result<WholeFile> file = WholeFile::Make(path_);
  EXPECT_EQ(WholeFile::Make(path_).error().code, ErrorCode::kConflict) << "two at once";
  std::ofstream(path_) << "came meanwhile";
  EXPECT_EQ((*std::move(file)).Finish().error().code, ErrorCode::kConflict);
  EXPECT_EQ(ReadBytes(path_), "came meanwhile");
}

TEST_F(WholeFileTest, SaysWhereItCannotBeMade) {
  const Result<WholeFile> file = WholeFile::Make(folder_ + "/none/m.tar");
  EXPECT_EQ(file.error().code, ErrorCode::kNotFound);
  EXPECT_NE(file.error().message.find("/none/m.tar"), std::string::npos);
}

}  // namespace
}  // namespace tidegate::app
