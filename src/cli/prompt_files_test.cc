#include "cli/prompt_files.h"

#include <filesystem>
#include <fstream>
#include <set>
#include <stdlib.h>

#include <gtest/gtest.h>

#include "cli/exit_code.h"

namespace tidegate::cli {
namespace {

using Paths = std::vector<std::string>;

// The paths found in a text where these files are, each also checked to stand where it is said to.
Paths Found(const std::string& text, const std::set<std::string>& files) {
  Paths paths;
  for (const PathInText& path :
       FindPaths(text, [&files](const std::string& one) { return files.count(one) > 0; })) {
    EXPECT_LE(path.begin + path.size, text.size());
    EXPECT_NE(text.substr(path.begin, path.size).find(path.path.substr(path.path.size() - 4)),
              std::string::npos);
    paths.push_back(path.path);
  }
  return paths;
}

TEST(PromptFiles, FindsThePathsOfPicturesThatAreThere) {
  const std::set<std::string> files = {"/tmp/a.png", "./b.JPG", "../c.webp", "~/d.wav"};
  EXPECT_EQ(Found("What is in /tmp/a.png?", files), Paths{"/tmp/a.png"});
  EXPECT_EQ(Found("./b.JPG and ../c.webp, then (~/d.wav).", files),
            (Paths{"./b.JPG", "../c.webp", "~/d.wav"}));
  EXPECT_EQ(Found("/tmp/missing.png", files), Paths{});
  EXPECT_EQ(Found("see http://x/tmp/a.png", files), Paths{});
  EXPECT_EQ(Found("x/tmp/a.png /tmp/a.pngx b.JPG", files), Paths{});
}

TEST(PromptFiles, BlanksMayBeQuotedEscapedOrBare) {
  const std::set<std::string> files = {"/tmp/my cat (1).png", "/tmp/it's.png"};
  EXPECT_EQ(Found("look at '/tmp/my cat (1).png' now", files), Paths{"/tmp/my cat (1).png"});
  EXPECT_EQ(Found("look at \"/tmp/my cat (1).png\"", files), Paths{"/tmp/my cat (1).png"});
  EXPECT_EQ(Found("/tmp/my\\ cat\\ \\(1\\).png what?", files), Paths{"/tmp/my cat (1).png"});
  EXPECT_EQ(Found("/tmp/my cat (1).png what?", files), Paths{"/tmp/my cat (1).png"});
  EXPECT_EQ(Found("/tmp/it\\'s.png", files), Paths{"/tmp/it's.png"});
  EXPECT_EQ(Found("'/tmp/my cat (1).png", files), Paths{});  // the quote is open
}

TEST(PromptFiles, ALongPromptCostsLittle) {
  std::string text;
  for (int i = 0; i < 100'000; ++i) text += "/a.png ";
  std::size_t asked = 0;
  EXPECT_TRUE(FindPaths(text, [&asked](const std::string&) {
                ++asked;
                return false;
              }).empty());
  EXPECT_LE(asked, 20'000U);
}

TEST(PromptFiles, APathIsNoCommand) {
  EXPECT_TRUE(BeginsWithPath("/tmp/cat.png what is this?"));
  EXPECT_TRUE(BeginsWithPath("/cat.png"));
  EXPECT_TRUE(BeginsWithPath("/usr/bin"));
  EXPECT_FALSE(BeginsWithPath("/set system x/y"));
  EXPECT_FALSE(BeginsWithPath("/?"));
}

class AttachTest : public ::testing::Test {
 protected:
  AttachTest() {
    folder_ = ::testing::TempDir() + "tidegate_files_XXXXXX";
    EXPECT_NE(::mkdtemp(folder_.data()), nullptr);
  }
  ~AttachTest() override { std::filesystem::remove_all(folder_); }
  std::string Write(const std::string& name, const std::string& bytes) {
    std::ofstream(folder_ + "/" + name, std::ios::binary) << bytes;
    return folder_ + "/" + name;
  }
  std::string folder_;
};

TEST_F(AttachTest, WhatIsAttachedLeavesTheTextAndIsEncoded) {
  const std::string cat = Write("my cat.png", "\x89PNG cat");
  const std::string dog = Write("dog.jpg", "\xFF\xD8\xFF dog");
  const Result<AttachedFiles> files =
      AttachFiles("Compare '" + cat + "' with ~/dog.jpg please", folder_);
  ASSERT_TRUE(files.ok());
  EXPECT_EQ(files->text, "Compare with please");
  EXPECT_EQ(files->base64, (Paths{"iVBORyBjYXQ=", "/9j/IGRvZw=="}));
  EXPECT_EQ(files->notes, (Paths{"added '" + cat + "'", "added '~/dog.jpg'"}));
}

TEST_F(AttachTest, WhatIsNoPictureByItsBytesStaysText) {
  const std::string path = Write("notes.png", "just text");
  const Result<AttachedFiles> files = AttachFiles("read " + path, "");
  ASSERT_TRUE(files.ok());
  EXPECT_EQ(files->text, "read " + path);
  EXPECT_TRUE(files->base64.empty());
  ASSERT_EQ(files->notes.size(), 1U);
  EXPECT_NE(files->notes.front().find("no picture"), std::string::npos);
}

TEST_F(AttachTest, AFileThatIsTooLargeIsRefusedByName) {
  const std::string path = Write("big.png", "\x89PNG");
  std::filesystem::resize_file(path, kAttachedBytesMax + 1);
  const Result<AttachedFiles> files = AttachFiles(path, "");
  ASSERT_FALSE(files.ok());
  EXPECT_EQ(ExitCodeOf(files.error()), kExitData);
  EXPECT_NE(files.error().message.find("big.png"), std::string::npos);
}

}  // namespace
}  // namespace tidegate::cli
