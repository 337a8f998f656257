#include "cli/commands/list.h"
#include "cli/exit_code.h"
#include "cli/gate.h"
#include "cli/transfer.h"

namespace tidegate::cli::commands {
namespace {

Result<int> RunPush(Context& context) {
  TIDEGATE_ASSIGN(const std::unique_ptr<Gate> gate, Gate::Find(context, WhenAbsent::kStart));
  TIDEGATE_TRY(RunTransfer(
      context.console, gate->client(), "/api/push",
      TransferBody(context.arguments.Text("MODEL"), context.arguments.Has("--insecure")), "push",
      TransferOutputOf(context)));
  return kExitOk;
}

}  // namespace

Command Push() {
  Command command;
  command.name = "push";
  command.group = Group::kModels;
  command.summary = "send a model to a registry";
  command.arguments = {
      {"MODEL", "with its namespace, and its host if it is not ollama.com", {}, true}};
  command.options = {{"--insecure", "", "to a registry without TLS"}};
  command.examples = {{"tidegate push registry.example:5000/team/assistant", "to one of your own"}};
  command.run = RunPush;
  return command;
}

}  // namespace tidegate::cli::commands
