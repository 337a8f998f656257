#include "cli/commands/list.h"
#include "cli/display_text.h"
#include "cli/exit_code.h"
#include "cli/gate.h"
#include "cli/transfer.h"
#include "json/writer.h"

namespace tidegate::cli::commands {
namespace {

// `stream`: whether to be told of the steps.
std::string Json(const std::string& source, const std::string& destination, bool stream) {
  std::string out;
  json::Writer writer(out);
  writer.BeginObject();
  writer.Key("source").String(source).Key("destination").String(destination);
  if (stream) writer.Key("stream").Bool(true);
  writer.EndObject();
  return out;
}

Result<int> RunCp(Context& context) {
  const std::string source = context.arguments.Text("SOURCE");
  const std::string destination = context.arguments.Text("DESTINATION");
  TIDEGATE_ASSIGN(const std::unique_ptr<Gate> gate, Gate::Find(context, WhenAbsent::kStart));
  // The bytes of a model that the gate does not keep itself are copied, and that takes a while.
  TIDEGATE_TRY(RunShortTransfer(
      context.console, gate->client(), "/api/copy", Json(source, destination, true), "copy",
      context.json ? TransferOutput::kNothing : TransferOutput::kProgress));
  context.console.out.Write(context.json ? Json(source, destination, false) + "\n"
                                         : "copied '" + Printable(source) + "' to '" +
                                               Printable(destination) + "'\n");
  return kExitOk;
}

}  // namespace

Command Cp() {
  Command command;
  command.name = "cp";
  command.group = Group::kModels;
  command.summary = "give a model a second name";
  command.arguments = {{"SOURCE", "a model of the gate", {}, true},
                       {"DESTINATION", "the new name", {}, true}};
  command.run = RunCp;
  return command;
}

}  // namespace tidegate::cli::commands
