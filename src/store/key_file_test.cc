#include "store/key_file.h"

#include <filesystem>
#include <fstream>
#include <set>
#include <thread>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/digest.h"
#include "store/database.h"

namespace tidegate::store {
namespace {

class KeyFileTest : public testing::Test {
 protected:
  KeyFileTest()
      : directory_(testing::TempDir() + "tidegate-key-" + RandomHex(8)),
        path_(directory_ + "/key") {
    std::filesystem::create_directory(directory_);
  }
  ~KeyFileTest() override { std::filesystem::remove_all(directory_); }

  void Write(const std::string& text, mode_t mode = 0600) {
    std::ofstream(path_) << text;
    ASSERT_EQ(::chmod(path_.c_str(), mode), 0);
  }

  const std::string directory_;
  const std::string path_;
};

TEST_F(KeyFileTest, TheFirstCallMakesAKeyThatLaterCallsFind) {
  const Result<Secret> made = LoadOrCreateKey(path_);
  ASSERT_TRUE(made.ok()) << Describe(made.error());
  EXPECT_EQ(made->Reveal().size(), kKeyBytes);
  const Result<Secret> found = LoadOrCreateKey(path_);
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(made->Reveal(), found->Reveal());
  struct stat status {};
  ASSERT_EQ(::stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
}

TEST_F(KeyFileTest, ManyThatStartAtOnceAgreeAndLeaveNoDrafts) {
  std::vector<std::string> keys(16);
  {
    std::vector<std::jthread> threads;
    for (std::string& key : keys) {
      threads.emplace_back([&] {
        const Result<Secret> result = LoadOrCreateKey(path_);
        if (result.ok()) key = result->Reveal();
      });
    }
  }
  EXPECT_EQ(std::set<std::string>(keys.begin(), keys.end()).size(), 1U);
  EXPECT_EQ(keys[0].size(), kKeyBytes);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory_), {}), 1);
}

TEST_F(KeyFileTest, AFileThatOthersCanReadIsRefused) {
  for (const mode_t mode : {0640U, 0604U, 0660U}) {
    Write(std::string(64, 'a'), mode);
    const Result<Secret> key = LoadOrCreateKey(path_);
    ASSERT_FALSE(key.ok());
    EXPECT_NE(key.error().message.find("chmod 600"), std::string::npos);
  }
}

TEST_F(KeyFileTest, AFileThatIsNoKeyIsRefusedAndKept) {
  for (const std::string text : {"", "abc", "zz", "\n"}) {
    Write(text);
    EXPECT_FALSE(LoadOrCreateKey(path_).ok()) << text;
  }
  Write(std::string(65, 'a'));
  EXPECT_FALSE(LoadOrCreateKey(path_).ok());
  EXPECT_EQ(std::filesystem::file_size(path_), 65U);
  Write(std::string(64, 'a'));
  EXPECT_TRUE(LoadOrCreateKey(path_).ok());
}

TEST_F(KeyFileTest, AnAbsentDirectoryIsAnErrorThatNamesIt) {
  const Result<Secret> key = LoadOrCreateKey(directory_ + "/absent/key");
  ASSERT_FALSE(key.ok());
  EXPECT_NE(key.error().message.find("absent"), std::string::npos);
}

TEST_F(KeyFileTest, ALinkIsNotFollowed) {
  const std::string target = directory_ + "/target";
  std::ofstream(target) << std::string(64, 'a');
  ASSERT_EQ(::chmod(target.c_str(), 0600), 0);
  std::filesystem::create_symlink(target, path_);
  EXPECT_FALSE(LoadOrCreateKey(path_).ok());
}

}  // namespace
}  // namespace tidegate::store
