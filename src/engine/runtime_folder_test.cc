#include "engine/runtime_folder.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <unistd.h>

#include <gtest/gtest.h>
#include <sys/stat.h>

namespace tidegate::engine {
namespace {

namespace fs = std::filesystem;

mode_t Mode(const std::string& path) {
  struct stat info {};
  EXPECT_EQ(stat(path.c_str(), &info), 0) << path;
  return info.st_mode & 07777;
}

class RuntimeFolderTest : public testing::Test {
 protected:
  RuntimeFolderTest() {
    std::string pattern = "/tmp/tidegate-run-test-XXXXXX";
    folder_ = mkdtemp(pattern.data());
    base_ = (folder_ / "tidegate").string();
  }
  ~RuntimeFolderTest() override { fs::remove_all(folder_); }

  fs::path folder_;
  std::string base_;
};

TEST_F(RuntimeFolderTest, IsClosedToOthersWhateverItWas) {
  fs::create_directories(base_);
  fs::permissions(base_, fs::perms::all);
  const Result<RuntimeFolder> folder = RuntimeFolder::Open(base_);
  ASSERT_TRUE(folder.ok()) << Describe(folder.error());
  EXPECT_EQ(Mode(base_), 0700U);
  EXPECT_EQ(Mode(folder->path()), 0700U);
  ASSERT_TRUE(WritePrivateFile(folder->KeyPath("m"), "key").ok());
  EXPECT_EQ(Mode(folder->KeyPath("m")), 0600U);
  ASSERT_TRUE(WritePrivateFile(folder->KeyPath("m"), "new").ok());  // in place of what is there
  std::string text;
  std::ifstream(folder->KeyPath("m")) >> text;
  EXPECT_EQ(text, "new");
}

TEST_F(RuntimeFolderTest, GoesWithItsOwner) {
  std::string path;
  {
    Result<RuntimeFolder> folder = RuntimeFolder::Open(base_);
    ASSERT_TRUE(folder.ok());
    const RuntimeFolder moved = std::move(*folder);
    path = moved.path();
    EXPECT_TRUE(fs::exists(path));
  }
  EXPECT_FALSE(fs::exists(path));
}

TEST_F(RuntimeFolderTest, TwoGatesOfOneUserLeaveEachOtherAlone) {
  const Result<RuntimeFolder> one = RuntimeFolder::Open(base_);
  const Result<RuntimeFolder> two = RuntimeFolder::Open(base_);
  ASSERT_TRUE(one.ok() && two.ok());
  EXPECT_NE(one->path(), two->path());
  EXPECT_TRUE(fs::exists(one->path()));
}

TEST_F(RuntimeFolderTest, WhatADeadProcessLeftIsRemovedAndNothingElse) {
  fs::create_directories(base_ + "/engine-dead");
  std::ofstream(base_ + "/engine-dead/old.sock") << "";
  std::ofstream(base_ + "/engine-dead/lock") << "";
  fs::create_directories(base_ + "/other");
  const Result<RuntimeFolder> folder = RuntimeFolder::Open(base_);
  ASSERT_TRUE(folder.ok());
  EXPECT_FALSE(fs::exists(base_ + "/engine-dead"));
  EXPECT_TRUE(fs::exists(base_ + "/other"));
}

TEST_F(RuntimeFolderTest, ALinkToAnotherFolderIsRefused) {
  fs::create_directories(folder_ / "elsewhere");
  fs::create_directory_symlink(folder_ / "elsewhere", base_);
  const Result<RuntimeFolder> folder = RuntimeFolder::Open(base_);
  ASSERT_FALSE(folder.ok());
  EXPECT_EQ(folder.error().code, ErrorCode::kPermissionDenied);
}

TEST_F(RuntimeFolderTest, AFolderOfSomebodyElseIsRefused) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give a folder away";
  fs::create_directories(base_);
  ASSERT_EQ(chown(base_.c_str(), 65'534, 65'534), 0);
  const Result<RuntimeFolder> folder = RuntimeFolder::Open(base_);
  ASSERT_FALSE(folder.ok());
  EXPECT_EQ(folder.error().code, ErrorCode::kPermissionDenied);
}

TEST_F(RuntimeFolderTest, APathTooLongForASocketIsRefusedBeforeAnythingIsMade) {
  const std::string base = (folder_ / std::string(80, 'x')).string();
  const Result<RuntimeFolder> folder = RuntimeFolder::Open(base);
  ASSERT_FALSE(folder.ok());
  EXPECT_EQ(folder.error().code, ErrorCode::kInvalidArgument);
  EXPECT_FALSE(fs::exists(base));
}

TEST_F(RuntimeFolderTest, SocketsFitTheirAddressAndDoNotTellTheModelsName) {
  const Result<RuntimeFolder> folder = RuntimeFolder::Open(base_);
  ASSERT_TRUE(folder.ok());
  const std::string model(100, 'm');
  EXPECT_LE(folder->SocketPath(model).size(), kSocketPathBytesMax);
  EXPECT_NE(folder->SocketPath("a"), folder->SocketPath("b"));
  EXPECT_EQ(folder->SocketPath(model).find("mmm"), std::string::npos);
  EXPECT_TRUE(folder->SocketPath("a").ends_with(".sock"));
}

TEST_F(RuntimeFolderTest, EachSocketHasAFolderOfItsOwnThatIsEmptyForEachStart) {
  const Result<RuntimeFolder> folder = RuntimeFolder::Open(base_);
  ASSERT_TRUE(folder.ok());
  const fs::path one = fs::path(folder->SocketPath("a")).parent_path();
  const fs::path other = fs::path(folder->SocketPath("b")).parent_path();
  EXPECT_NE(one, other);
  EXPECT_EQ(one.parent_path(), folder->path());
  EXPECT_NE(fs::path(folder->KeyPath("a")).parent_path(), one);
  ASSERT_TRUE(folder->MakeSocketFolder("a").ok());
  EXPECT_EQ(Mode(one.string()), 0700U);
  std::ofstream(one / "s.sock") << "";
  fs::create_directories(folder_ / "elsewhere/kept");
  fs::create_directory_symlink(folder_ / "elsewhere", one / "link");
  ASSERT_TRUE(folder->MakeSocketFolder("a").ok());
  EXPECT_TRUE(fs::is_empty(one));
  EXPECT_TRUE(fs::exists(folder_ / "elsewhere/kept"));
}

}  // namespace
}  // namespace tidegate::engine
