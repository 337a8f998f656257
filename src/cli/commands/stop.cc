#include "cli/commands/list.h"
#include "cli/exit_code.h"
#include "cli/gate.h"
#include "cli/model_unload.h"
#include "json/writer.h"

namespace tidegate::cli::commands {
namespace {

Result<int> RunStop(Context& context) {
  const std::string model = context.arguments.Text("MODEL");
  TIDEGATE_ASSIGN(const std::unique_ptr<Gate> gate, Gate::Find(context, WhenAbsent::kFail));
  Result<void> stopped = UnloadModel(gate->client(), model);
  if (!stopped.ok() && stopped.error().code == ErrorCode::kNotFound) {
    return NotFound("couldn't find model \"" + model + "\" to stop; 'tidegate ps' lists what runs");
  }
  if (!stopped.ok()) return std::move(stopped).error();
  if (context.json) {
    std::string out;
    json::Writer(out).BeginObject().Key("stopped").String(model).EndObject();
    context.console.out.Write(out + "\n");
  }
  return kExitOk;
}

}  // namespace

Command Stop() {
  Command command;
  command.name = "stop";
  command.group = Group::kModels;
  command.summary = "take a model out of memory";
  command.details = "Answers in progress are finished first.";
  command.arguments = {{"MODEL", "a model of 'tidegate ps'", {}, true}};
  command.run = RunStop;
  return command;
}

}  // namespace tidegate::cli::commands
