#include "cli/completions.h"

#include <array>
#include <cstdio>
#include <fstream>
#include <stdlib.h>
#include <unistd.h>

#include <gtest/gtest.h>

namespace tidegate::cli {
namespace {

// What bash offers for a command line whose last word is the one being typed.
std::string BashOffers(const std::string& words) {
  std::string path = ::testing::TempDir() + "tidegate_completions_XXXXXX";
  const int fd = ::mkstemp(path.data());
  if (fd < 0) return "(no temporary file)";
  ::close(fd);
  std::ofstream(path) << BashCompletions(AllCommands()) << "COMP_WORDS=(" << words << ")\n"
                      << "COMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n_tidegate\n"
                      << "echo \"${COMPREPLY[*]}\"\n";
  const std::string command = "bash --norc --noprofile -eu " + path + " 2>&1";
  std::FILE* pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) return "(no bash)";
  std::string out;
  std::array<char, 4096> buffer{};
  while (std::fgets(buffer.data(), buffer.size(), pipe) != nullptr) out += buffer.data();
  ::pclose(pipe);
  ::unlink(path.c_str());
  while (out.ends_with('\n')) out.pop_back();
  return out;
}

TEST(Completions, BashOffersTheCommands) {
  EXPECT_EQ(BashOffers("tidegate ex"), "export explain");
  EXPECT_EQ(BashOffers("tidegate engine ''"), "install status");
  EXPECT_EQ(BashOffers("tidegate completions ''"), "bash zsh fish");
}

TEST(Completions, BashOffersTheOptionsOfTheCommandAndTheSharedOnes) {
  EXPECT_EQ(BashOffers("tidegate ask --pr"), "--privacy --prefer");
  EXPECT_EQ(BashOffers("tidegate config check --e"), "--explain");
  EXPECT_EQ(BashOffers("tidegate --j"), "--json");
  EXPECT_EQ(BashOffers("tidegate models --dry"), "");
}

TEST(Completions, BashOffersTheValuesOfAnOption) {
  EXPECT_EQ(BashOffers("tidegate ask hello --privacy ''"), "open masked attested local");
  EXPECT_EQ(BashOffers("tidegate spend --by d"), "day");
  EXPECT_EQ(BashOffers("tidegate models --color n"), "never");
}

TEST(Completions, BashKnowsOtherNamesAndShortOptions) {
  EXPECT_EQ(BashOffers("tidegate l"), "launch list ls");
  EXPECT_EQ(BashOffers("tidegate start --l"), "--listen");
  EXPECT_EQ(BashOffers("tidegate launch c"), "claude codex copilot");
  // A value may follow --think only behind '='.
  EXPECT_EQ(BashOffers("tidegate run m --think --verb"), "--verbose");
}

TEST(Completions, EveryShellsScriptKnowsEveryCommandAndOption) {
  const std::vector<Command> commands = AllCommands();
  const std::string zsh = ZshCompletions(commands);
  const std::string fish = FishCompletions(commands);
  for (const Command& command : commands) {
    EXPECT_NE(zsh.find("'" + command.name + "'"), std::string::npos) << command.name;
    for (const std::string& alias : command.aliases) {
      EXPECT_NE(zsh.find("'" + alias + "'"), std::string::npos) << alias;
      const bool at = fish.find("__tidegate_at \"" + alias + "\"") != std::string::npos;
      EXPECT_EQ(at, !command.options.empty()) << alias;
      EXPECT_NE(fish.find(" " + alias + " "), std::string::npos) << alias;
    }
    const std::string last = command.name.substr(command.name.rfind(' ') + 1);
    EXPECT_NE(fish.find(last), std::string::npos) << command.name;
    for (const Option& option : command.options) {
      EXPECT_NE(zsh.find("'" + option.name + ":"), std::string::npos) << option.name;
      EXPECT_NE(fish.find("-l " + option.name.substr(2)), std::string::npos) << option.name;
      EXPECT_EQ(option.help.find_first_of("'\\$`"), std::string::npos) << option.help;
    }
  }
}

}  // namespace
}  // namespace tidegate::cli
