#include "cli/history.h"

#include <filesystem>
#include <fstream>
#include <stdlib.h>

#include <gtest/gtest.h>
#include <sys/stat.h>

namespace tidegate::cli {
namespace {

class HistoryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = ::testing::TempDir() + "tidegate_history_XXXXXX";
    ASSERT_NE(::mkdtemp(folder_.data()), nullptr);
    path_ = folder_ + "/state/history";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string folder_, path_;
};

TEST_F(HistoryTest, WhatWasTypedIsThereNextTimeForItsOwnerOnly) {
  {
    History history;
    ASSERT_TRUE(history.Load(path_).ok());
    ASSERT_TRUE(history.Add("one").ok());
    ASSERT_TRUE(history.Add("two\nlines \\n").ok());
    ASSERT_TRUE(history.Add("two\nlines \\n").ok());
    ASSERT_TRUE(history.Add("").ok());
  }
  History again;
  ASSERT_TRUE(again.Load(path_).ok());
  EXPECT_EQ(again.entries(), (std::vector<std::string>{"one", "two\nlines \\n"}));
  struct stat info {};
  ASSERT_EQ(::stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
  ASSERT_EQ(::stat((folder_ + "/state").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0700U);
}

TEST_F(HistoryTest, AFileThatGrewTooLongIsCutToItsNewestEntries) {
  std::filesystem::create_directories(folder_ + "/state");
  {
    std::ofstream file(path_);
    for (std::size_t i = 0; i < kHistoryEntriesMax + 10; ++i) file << "entry " << i << "\n";
  }
  History history;
  ASSERT_TRUE(history.Load(path_).ok());
  ASSERT_EQ(history.entries().size(), kHistoryEntriesMax);
  EXPECT_EQ(history.entries().front(), "entry 10");
  History again;
  ASSERT_TRUE(again.Load(path_).ok());
  EXPECT_EQ(again.entries(), history.entries());
}

TEST_F(HistoryTest, AFolderThatCannotBeMadeIsAnErrorAndTheHistoryStillWorks) {
  std::ofstream(folder_ + "/state") << "a file in the way";
  History history;
  EXPECT_FALSE(history.Load(path_).ok());
  EXPECT_TRUE(history.Add("kept in memory").ok());
  EXPECT_EQ(history.entries().size(), 1U);
}

}  // namespace
}  // namespace tidegate::cli
