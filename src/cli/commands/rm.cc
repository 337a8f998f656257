#include "cli/commands/list.h"
#include "cli/display_text.h"
#include "cli/exit_code.h"
#include "cli/gate.h"
#include "cli/json_fields.h"
#include "cli/model_unload.h"
#include "json/reader.h"
#include "json/writer.h"

namespace tidegate::cli::commands {
namespace {

// What the gate warns of; empty for nothing.
std::string WarningOf(const std::string& answer) {
  json::Reader reader;
  const Result<json::Value> root = reader.ParseCopy(answer, kAnswerBytesMax);
  if (!root.ok()) return "";  // nothing, as Ollama says it
  return JsonFields(*root).Text("warning");
}

// Returns a warning, or nothing.
Result<std::string> Remove(Context& context, GateClient& client, const std::string& model) {
  // A model in memory would live on there without a name. A gate lets go of what is deleted, also
  // where it is pinned.
  const Result<void> unloaded = UnloadModel(client, model);
  const auto harmless = [](ErrorCode code) {
    return code == ErrorCode::kNotFound || code == ErrorCode::kConflict;
  };
  if (!unloaded.ok() && !harmless(unloaded.error().code)) {
    context.console.err.Write("could not stop '" + Printable(model) +
                              "' first: " + Printable(unloaded.error().message) + "\n");
  }
  std::string body;
  json::Writer(body).BeginObject().Key("model").String(model).EndObject();
  TIDEGATE_ASSIGN(const std::string answer, client.Delete("/api/delete", std::move(body)));
  return WarningOf(answer);
}

Result<int> RunRm(Context& context) {
  TIDEGATE_ASSIGN(const std::unique_ptr<Gate> gate, Gate::Find(context, WhenAbsent::kStart));
  std::string deleted;
  json::Writer writer(deleted);
  std::vector<std::string> warnings;
  writer.BeginObject().Key("deleted").BeginArray();
  for (const std::string& model : context.arguments.All("MODEL")) {
    TIDEGATE_ASSIGN(std::string warning, Remove(context, gate->client(), model));
    writer.String(model);
    if (!context.json) context.console.out.Write("deleted '" + Printable(model) + "'\n");
    if (warning.empty()) continue;
    if (!context.json) context.console.err.Write("warning: " + Printable(warning) + "\n");
    warnings.push_back(std::move(warning));
  }
  writer.EndArray();
  if (!warnings.empty()) {
    writer.Key("warnings").BeginArray();
    for (const std::string& warning : warnings) writer.String(warning);
    writer.EndArray();
  }
  writer.EndObject();
  if (context.json) context.console.out.Write(deleted + "\n");
  return kExitOk;
}

}  // namespace

Command Rm() {
  Command command;
  command.name = "rm";
  command.group = Group::kModels;
  command.summary = "delete models from this device";
  command.details =
      "Files that other models use stay. Stops at the first that cannot be deleted; those before "
      "it "
      "are gone.";
  command.arguments = {{"MODEL", "one or more models of 'tidegate list'", {}, true, true}};
  command.run = RunRm;
  return command;
}

}  // namespace tidegate::cli::commands
