#include "cli/arguments.h"

#include <gtest/gtest.h>

#include "cli/exit_code.h"

namespace tidegate::cli {
namespace {

Parsed MustParse(const std::vector<Command>& commands, const std::vector<std::string>& words) {
  Result<Parsed> parsed = Parse(commands, words);
  EXPECT_TRUE(parsed.ok()) << (parsed.ok() ? "" : parsed.error().message);
  return parsed.ok() ? std::move(*parsed) : Parsed{};
}

std::string ErrorText(const std::vector<std::string>& words) {
  const Result<Parsed> parsed = Parse(AllCommands(), words);
  if (parsed.ok()) return "(no error)";
  EXPECT_EQ(ExitCodeOf(parsed.error()), kExitUsage);
  return parsed.error().message;
}

TEST(Arguments, OptionsAndWordsMayStandInAnyOrder) {
  const std::vector<Command> commands = AllCommands();
  const Parsed parsed = MustParse(commands, {"ask", "why", "--max-cost", "0.02", "is", "--json",
                                             "it", "--place=device", "--place", "cloud"});
  ASSERT_NE(parsed.command, nullptr);
  EXPECT_EQ(parsed.command->name, "ask");
  EXPECT_EQ(parsed.arguments.All("PROMPT"), (std::vector<std::string>{"why", "is", "it"}));
  EXPECT_EQ(parsed.arguments.Text("--max-cost"), "0.02");
  EXPECT_EQ(parsed.arguments.All("--place"), (std::vector<std::string>{"device", "cloud"}));
  EXPECT_TRUE(parsed.arguments.Has("--json"));
  EXPECT_FALSE(parsed.arguments.Has("--dry-run"));
}

TEST(Arguments, TheFirstWordOfRunIsTheModelAndTheRestThePrompt) {
  const std::vector<Command> commands = AllCommands();
  const Parsed parsed = MustParse(commands, {"run", "auto", "hello", "--", "--not-an-option"});
  EXPECT_EQ(parsed.arguments.Text("MODEL"), "auto");
  EXPECT_EQ(parsed.arguments.All("PROMPT"), (std::vector<std::string>{"hello", "--not-an-option"}));
}

TEST(Arguments, ACommandMayHaveTwoWords) {
  const std::vector<Command> commands = AllCommands();
  const Parsed parsed = MustParse(commands, {"config", "check", "--explain"});
  ASSERT_NE(parsed.command, nullptr);
  EXPECT_EQ(parsed.command->name, "config check");
  EXPECT_TRUE(parsed.arguments.Has("--explain"));
  EXPECT_EQ(MustParse(commands, {"engine"}).command, nullptr);
  EXPECT_EQ(MustParse(commands, {"engine"}).topic, "engine");
}

TEST(Arguments, ACommandMayHaveOtherNamesAndAnOptionAShortOne) {
  const std::vector<Command> commands = AllCommands();
  EXPECT_EQ(MustParse(commands, {"ls", "qwen"}).command->name, "list");
  EXPECT_EQ(MustParse(commands, {"start"}).command->name, "serve");
  const Parsed parsed = MustParse(commands, {"create", "m", "-f", "File", "-q", "q8_0"});
  EXPECT_EQ(parsed.arguments.Text("--file"), "File");
  EXPECT_EQ(parsed.arguments.Text("--quantize"), "q8_0");
  EXPECT_NE(ErrorText({"strat"}).find("did you mean 'start'"), std::string::npos);
}

TEST(Arguments, AnOptionWithAnImpliedValueTakesAnotherOnlyBehindAnEqualsSign) {
  const std::vector<Command> commands = AllCommands();
  const Parsed alone = MustParse(commands, {"run", "--think", "m", "hello"});
  EXPECT_EQ(alone.arguments.Text("--think"), "true");
  EXPECT_EQ(alone.arguments.Text("MODEL"), "m");
  EXPECT_EQ(MustParse(commands, {"run", "m", "--think=high"}).arguments.Text("--think"), "high");
  EXPECT_FALSE(MustParse(commands, {"run", "m", "--", "--think"}).arguments.Has("--think"));
}

TEST(Arguments, SharedOptionsMayStandBeforeAndAfterTheCommand) {
  const std::vector<Command> commands = AllCommands();
  EXPECT_TRUE(MustParse(commands, {"--json", "models"}).arguments.Has("--json"));
  EXPECT_TRUE(MustParse(commands, {"models", "--json"}).arguments.Has("--json"));
  EXPECT_EQ(MustParse(commands, {"models", "--host", "h:1"}).arguments.Text("--host"), "h:1");
  EXPECT_EQ(MustParse(commands, {"config", "check", "--color", "never"}).arguments.Text("--color"),
            "never");
}

TEST(Arguments, HelpIsUnderstoodEvenWhereSomethingRequiredIsMissing) {
  const std::vector<Command> commands = AllCommands();
  const Parsed parsed = MustParse(commands, {"run", "--help"});
  EXPECT_TRUE(parsed.help);
  ASSERT_NE(parsed.command, nullptr);
  EXPECT_EQ(parsed.command->name, "run");
  EXPECT_TRUE(MustParse(commands, {"-h"}).help);
}

TEST(Arguments, AMistypedWordIsAnsweredWithTheNearestOne) {
  EXPECT_EQ(ErrorText({"modles"}),
            "unknown command 'modles'; did you mean 'models'?\n'tidegate --help' shows how");
  EXPECT_EQ(ErrorText({"ask", "--dry-rum", "x"}),
            "unknown option '--dry-rum'; did you mean '--dry-run'?\n"
            "'tidegate ask --help' shows how");
  EXPECT_EQ(ErrorText({"frobnicate"}), "unknown command 'frobnicate'\n'tidegate --help' shows how");
  EXPECT_EQ(ErrorText({"config", "chekc"}),
            "unknown command 'chekc'; did you mean 'check'?\n'tidegate config --help' shows how");
}

TEST(Arguments, WrongUseIsAnErrorThatNamesTheWord) {
  EXPECT_NE(ErrorText({"run"}).find("MODEL is required"), std::string::npos) << ErrorText({"run"});
  EXPECT_NE(ErrorText({"ask", "--privacy", "secret", "x"})
                .find("'secret' is not one of open, masked, attested, local"),
            std::string::npos);
  EXPECT_NE(ErrorText({"completions", "tcsh"}).find("'tcsh' is not one of bash, zsh, fish"),
            std::string::npos);
  EXPECT_NE(ErrorText({"ask", "x", "--max-cost"}).find("--max-cost"), std::string::npos);
  EXPECT_NE(ErrorText({"explain", "a", "b"}).find("one argument too many: 'b'"), std::string::npos);
}

TEST(Arguments, EveryCommandOfTheListIsReachableByItsName) {
  const std::vector<Command> commands = AllCommands();
  ASSERT_GE(commands.size(), 14U);
  for (const Command& command : commands) {
    std::vector<std::string> words;
    std::string name = command.name;
    if (const std::size_t blank = name.find(' '); blank != std::string::npos) {
      words.push_back(name.substr(0, blank));
      name.erase(0, blank + 1);
    }
    words.push_back(name);
    words.emplace_back("--help");
    const Parsed parsed = MustParse(commands, words);
    ASSERT_NE(parsed.command, nullptr) << command.name;
    EXPECT_EQ(parsed.command->name, command.name);
    EXPECT_NE(parsed.command->run, nullptr) << command.name;
    EXPECT_FALSE(command.summary.empty() || command.summary.ends_with('.')) << command.name;
  }
}

}  // namespace
}  // namespace tidegate::cli
