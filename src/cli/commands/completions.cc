#include "cli/completions.h"

#include "cli/commands/list.h"
#include "cli/exit_code.h"
#include "json/writer.h"

namespace tidegate::cli::commands {
namespace {

Result<int> RunCompletions(Context& context) {
  const std::vector<Command> commands = AllCommands();
  const std::string shell = context.arguments.Text("SHELL");
  const std::string script = shell == "bash"  ? BashCompletions(commands)
                             : shell == "zsh" ? ZshCompletions(commands)
                                              : FishCompletions(commands);
  if (!context.json) {
    context.console.out.Write(script);
    return kExitOk;
  }
  std::string out;
  json::Writer writer(out);
  writer.BeginObject().Key("shell").String(shell).Key("script").String(script).EndObject();
  context.console.out.Write(out + "\n");
  return kExitOk;
}

}  // namespace

Command Completions() {
  Command command;
  command.name = "completions";
  command.group = Group::kMore;
  command.summary = "the script that teaches a shell our commands and options";
  command.arguments = {{"SHELL", "bash, zsh or fish", {"bash", "zsh", "fish"}, true, false}};
  command.examples = {
      {"source <(tidegate completions bash)", "for this bash; put it into ~/.bashrc to keep it"},
      {"tidegate completions fish > ~/.config/fish/completions/tidegate.fish", "for fish"},
  };
  command.run = RunCompletions;
  return command;
}

}  // namespace tidegate::cli::commands
