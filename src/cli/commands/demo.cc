#include "cli/commands/list.h"

namespace tidegate::cli::commands {
namespace {

Result<int> RunDemo(Context& context) { return context.services.demo(context.console); }

}  // namespace

Command Demo() {
  Command command;
  command.name = "demo";
  command.group = Group::kMore;
  command.summary = "a guided tour with emulated providers, which costs nothing";
  command.run = RunDemo;
  return command;
}

}  // namespace tidegate::cli::commands
