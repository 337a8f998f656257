#include "cli/help.h"

#include <sstream>

#include <gtest/gtest.h>

#include "cli/display_text.h"

namespace tidegate::cli {
namespace {

void ExpectFits(const std::string& help, const std::string& what) {
  std::istringstream lines(help);
  for (std::string line; std::getline(lines, line);) {
    EXPECT_LE(DisplayWidth(line), 100U) << what << ": " << line;
  }
}

TEST(Help, TheOverviewNamesEveryCommandUnderItsHeading) {
  const std::vector<Command> commands = AllCommands();
  const std::string help = OverviewHelp(commands, Paint(false));
  for (const Command& command : commands) {
    std::string names = command.name;
    for (const std::string& alias : command.aliases) names += ", " + alias;
    EXPECT_NE(help.find("  " + names + " "), std::string::npos) << names;
  }
  EXPECT_LT(help.find("Talk to models"), help.find("See what happened"));
  EXPECT_LT(help.find("See what happened"), help.find("Run the gate"));
  ExpectFits(help, "overview");
}

TEST(Help, ACommandsPageShowsUsageExamplesAndOptions) {
  for (const Command& command : AllCommands()) {
    const std::string help = CommandHelp(command, 100, Paint(false));
    EXPECT_TRUE(help.starts_with("Usage\n  tidegate " + command.name)) << help;
    for (const Option& option : command.options) {
      const std::string first = option.brief.empty() ? option.name : option.brief;
      EXPECT_NE(help.find("  " + first), std::string::npos) << option.name;
    }
    for (const Example& example : command.examples) {
      EXPECT_NE(help.find(example.line), std::string::npos) << example.line;
    }
    for (const std::string& alias : command.aliases) {
      EXPECT_NE(help.find("\n  tidegate " + alias), std::string::npos) << alias;
    }
    EXPECT_NE(help.find("--json"), std::string::npos);
    ExpectFits(help, command.name);
  }
}

TEST(Help, AnOptionShowsItsShortNameAndThatItsValueMayBeLeftOut) {
  for (const Command& command : AllCommands()) {
    const std::string help = CommandHelp(command, 100, Paint(false));
    const bool create = command.name == "create";
    const bool run = command.name == "run";
    EXPECT_EQ(help.find("  -f, --file FILE ") != std::string::npos, create) << command.name;
    EXPECT_EQ(help.find("  --think[=LEVEL] ") != std::string::npos, run) << command.name;
  }
}

TEST(Help, TheFirstWordOfSeveralCommandsListsThem) {
  EXPECT_EQ(TopicHelp(AllCommands(), "engine", Paint(false)),
            "  tidegate engine install  get llama-server, which runs models on this device\n"
            "  tidegate engine status   which llama-server is used, if any\n");
}

}  // namespace
}  // namespace tidegate::cli
