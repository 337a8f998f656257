#include "engine/installer.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace tidegate::engine {
namespace {

namespace fs = std::filesystem;

class InstallerTest : public testing::Test {
 protected:
  InstallerTest() {
    std::string pattern = testing::TempDir() + "installer-XXXXXX";
    folder_ = mkdtemp(pattern.data());
  }
  ~InstallerTest() override { fs::remove_all(folder_); }
  fs::path folder_;
};

TEST_F(InstallerTest, OfAPrefixThatIsUpToDateReportsItAndGivesThePath) {
  fs::create_directories(folder_ / "bin");
  std::ofstream(folder_ / "VERSION") << "1.2.3\n";
  std::ofstream(folder_ / "MANIFEST") << "something\n";
  const fs::path program = folder_ / "bin" / "llama-server";
  std::ofstream(program) << "#!/bin/sh\nexit 0\n";
  fs::permissions(program, fs::perms::owner_all);
  std::vector<std::string> lines;
  const Result<std::string> path = InstallEngine(
      {folder_.string(), false}, [&](std::string_view line) { lines.emplace_back(line); });
  ASSERT_TRUE(path.ok()) << Describe(path.error());
  EXPECT_EQ(*path, program.string());
  ASSERT_FALSE(lines.empty());
  EXPECT_NE(lines[0].find("1.2.3"), std::string::npos);
}

TEST_F(InstallerTest, WhereItCannotInstallTheErrorIsTheScriptsOwn) {
  const std::string path = std::getenv("PATH");
  setenv("PATH", (folder_ / "empty").c_str(), 1);  // none of the tools it needs
  const Result<std::string> result = InstallEngine({(folder_ / "prefix").string(), false}, nullptr);
  setenv("PATH", path.c_str(), 1);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, ErrorCode::kUnavailable);
  EXPECT_NE(result.error().message.find("apt-get"), std::string::npos) << result.error().message;
  EXPECT_FALSE(fs::exists(folder_ / "prefix" / "bin"));
}

}  // namespace
}  // namespace tidegate::engine
