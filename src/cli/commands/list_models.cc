#include "base/clock.h"
#include "cli/commands/list.h"
#include "cli/exit_code.h"
#include "cli/gate.h"
#include "cli/model_views.h"

namespace tidegate::cli::commands {
namespace {

Result<int> RunList(Context& context) {
  TIDEGATE_ASSIGN(const std::unique_ptr<Gate> gate, Gate::Find(context, WhenAbsent::kStart));
  TIDEGATE_ASSIGN(const std::string answer, gate->client().Get("/api/tags"));
  if (context.json) {
    context.console.out.Write(answer + "\n");
    return kExitOk;
  }
  TIDEGATE_ASSIGN(const std::string text,
                  ListText(answer, context.arguments.Text("PREFIX"),
                           SystemClock().WallNanos() / kNanosPerSecond, context.console));
  context.console.out.Write(text);
  return kExitOk;
}

}  // namespace

Command ListModels() {
  Command command;
  command.name = "list";
  command.aliases = {"ls"};
  command.group = Group::kModels;
  command.summary = "the models on this device";
  command.details =
      "What is stored here. 'tidegate models' shows every model that the gate can use, wherever it "
      "runs. With --json, the gate's whole answer.";
  command.arguments = {{"PREFIX", "only names that begin so", {}, false}};
  command.run = RunList;
  return command;
}

}  // namespace tidegate::cli::commands
