#include "cli/commands/list.h"
#include "cli/display_text.h"
#include "cli/exit_code.h"
#include "cli/gate.h"
#include "json/writer.h"

namespace tidegate::cli::commands {
namespace {

Result<int> Change(Context& context, const std::string& path, const std::string& done) {
  const std::string model = context.arguments.Text("MODEL");
  TIDEGATE_ASSIGN(const std::unique_ptr<Gate> gate, Gate::Find(context, WhenAbsent::kFail));
  std::string body;
  json::Writer(body).BeginObject().Key("model").String(model).EndObject();
  TIDEGATE_ASSIGN(const std::string answer, gate->client().Post(path, std::move(body)));
  context.console.out.Write(context.json ? answer + "\n" : done + " '" + Printable(model) + "'\n");
  return kExitOk;
}

Result<int> RunPin(Context& context) { return Change(context, "/tidegate/models/pin", "pinned"); }
Result<int> RunUnpin(Context& context) {
  return Change(context, "/tidegate/models/unpin", "unpinned");
}

}  // namespace

Command Pin() {
  Command command;
  command.name = "pin";
  command.group = Group::kModels;
  command.summary = "keep a model in memory, whatever else is asked for";
  command.details =
      "It is loaded, other models making room, and neither idleness nor another model sends it "
      "away, also after the gate starts again. 'tidegate ps' shows what is pinned.";
  command.arguments = {{"MODEL", "a model of 'tidegate list'", {}, true}};
  command.run = RunPin;
  return command;
}

Command Unpin() {
  Command command;
  command.name = "unpin";
  command.group = Group::kModels;
  command.summary = "let a pinned model go when it is idle or others need its room";
  command.arguments = {{"MODEL", "a model that is pinned", {}, true}};
  command.run = RunUnpin;
  return command;
}

}  // namespace tidegate::cli::commands
