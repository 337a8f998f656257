#include "engine/locator.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <unistd.h>

#include <gtest/gtest.h>

namespace tidegate::engine {
namespace {

namespace fs = std::filesystem;

TEST(ParseHelpTest, TakesEverySpellingOfALine) {
  const OptionNames names = ParseHelp(
      "----- common params -----\n\n"
      "-h,    --help, --usage                  print usage and exit\n"
      "-t,    --threads N                      number of CPU threads (see --not-an-option)\n"
      "                                        (env: LLAMA_ARG_THREADS)\n"
      "-kvo,  --kv-offload, -nkvo, --no-kv-offload\n"
      "                                        whether to enable KV cache offloading\n"
      "--spec-draft-hf, -hfd <user>/<model>[:quant]\n"
      "-l,    --logit-bias TOKEN_ID(+/-)BIAS   i.e. `--logit-bias 15043+1`\n"
      "--rope-scaling {none,linear,yarn}       --wrong\n");
  EXPECT_EQ(names, (OptionNames{"-h", "--help", "--usage", "-t", "--threads", "-kvo",
                                "--kv-offload", "-nkvo", "--no-kv-offload", "--spec-draft-hf",
                                "-hfd", "-l", "--logit-bias", "--rope-scaling"}));
}

TEST(ParseHelpTest, LeavesOutOptionsThatWereRemoved) {
  const OptionNames names = ParseHelp(
      "--draft, --draft-n, --draft-max N       the argument has been removed. use another\n"
      "--draft-p-min P                         minimum probability\n");
  EXPECT_EQ(names, OptionNames{"--draft-p-min"});
}

TEST(ParseHelpTest, OfOddTextTakesWhatItCan) {
  EXPECT_TRUE(ParseHelp("").empty());
  EXPECT_TRUE(ParseHelp("-\n-,\n,\n\n").empty());
  EXPECT_EQ(ParseHelp("-a,"), OptionNames{"-a"});
  EXPECT_EQ(ParseHelp("--last"), OptionNames{"--last"});
}

TEST(ParseVersionTest, FindsTheLine) {
  EXPECT_EQ(
      ParseVersion("warning: x\nversion: 0.7.0 (build 11669, commit Debian)\nbuilt with GNU\n"),
      "0.7.0 (build 11669, commit Debian)");
  EXPECT_EQ(ParseVersion("no such line"), "");
}

class LocatorTest : public testing::Test {
 protected:
  LocatorTest() {
    std::string pattern = testing::TempDir() + "locator-XXXXXX";
    folder_ = mkdtemp(pattern.data());
  }
  ~LocatorTest() override { fs::remove_all(folder_); }

  // A program that answers like llama-server and counts how often it was asked.
  std::string Write(const std::string& name, const std::string& version) {
    const fs::path path = folder_ / name;
    fs::create_directories(path.parent_path());
    std::ofstream(path) << "#!/bin/sh\necho x >>" << Count().string() << "\ncase $1 in\n"
                        << "--version) echo 'version: " << version << "' ;;\n"
                        << "--help) echo '--host HOST  or a path ending in .sock' ;;\n"
                        << "*) exit 1 ;;\nesac\n";
    fs::permissions(path, fs::perms::owner_all);
    return path.string();
  }
  fs::path Count() const { return folder_ / "count"; }
  std::uintmax_t Asked() const { return fs::exists(Count()) ? fs::file_size(Count()) / 2 : 0; }

  fs::path folder_;
};

TEST_F(LocatorTest, AConfiguredProgramWinsThenPathThenThePrivateFolder) {
  const std::string configured = Write("c/my-server", "1");
  const std::string on_path = Write("p/llama-server", "2");
  const std::string private_one = Write("prefix/bin/llama-server", "3");
  LocatorOptions options{configured, "/nonexistent:" + (folder_ / "p").string(),
                         (folder_ / "prefix").string()};
  EXPECT_EQ(Locator(options).Locate()->path, configured);
  options.configured_path.clear();
  const Result<EngineBinary> binary = Locator(options).Locate();
  EXPECT_EQ(binary->path, on_path);
  EXPECT_EQ(binary->version, "2");
  EXPECT_TRUE(binary->options.contains("--host"));
  EXPECT_TRUE(binary->unix_sockets);
  options.search_path.clear();
  EXPECT_EQ(Locator(options).Locate()->path, private_one);
}

TEST_F(LocatorTest, AConfiguredProgramThatIsNotThereIsAnErrorAndNoOtherIsTaken) {
  Write("p/llama-server", "2");
  const auto binary = Locator({"/nonexistent/server", (folder_ / "p").string(), ""}).Locate();
  ASSERT_FALSE(binary.ok());
  EXPECT_EQ(binary.error().reason, "engine_not_installed");
  EXPECT_NE(binary.error().message.find("/nonexistent/server"), std::string::npos);
}

TEST_F(LocatorTest, RelativeFoldersOnPathAndFilesThatCannotRunArePassedOver) {
  const std::string plain = Write("p/llama-server", "1");
  fs::permissions(plain, fs::perms::owner_read);
  fs::create_directories(folder_ / "q" / "llama-server");
  const std::string path = ".::bin:" + (folder_ / "p").string() + ":" + (folder_ / "q").string();
  if (geteuid() == 0) fs::permissions(plain, fs::perms::none);  // root may run what anybody may
  const auto binary = Locator({"", path, ""}).Locate();
  ASSERT_FALSE(binary.ok());
  EXPECT_EQ(binary.error().reason, "engine_not_installed");
}

TEST_F(LocatorTest, AsksAProgramOnceUntilItChanges) {
  const std::string path = Write("llama-server", "1");
  Locator locator({path, "", ""});
  EXPECT_EQ(locator.Locate()->version, "1");
  EXPECT_EQ(locator.Locate()->version, "1");
  EXPECT_EQ(Asked(), 2U);  // --version and --help
  Write("llama-server", "1.1");
  EXPECT_EQ(locator.Locate()->version, "1.1");
  EXPECT_EQ(Asked(), 4U);
}

TEST_F(LocatorTest, AProgramThatDoesNotRunIsBrokenRatherThanMissing) {
  const std::string path = (folder_ / "llama-server").string();
  std::ofstream(path) << "#!/bin/sh\nexit 9\n";
  fs::permissions(path, fs::perms::owner_all);
  const auto binary = Locator({path, "", ""}).Locate();
  ASSERT_FALSE(binary.ok());
  EXPECT_EQ(binary.error().reason, "engine_broken");
  EXPECT_NE(binary.error().message.find("exited with status 9"), std::string::npos);
}

}  // namespace
}  // namespace tidegate::engine
