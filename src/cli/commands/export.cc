#include <optional>

#include "cli/commands/list.h"
#include "cli/display_text.h"
#include "cli/exit_code.h"
#include "cli/transfer_screen.h"
#include "cli/units.h"
#include "json/writer.h"

namespace tidegate::cli::commands {
namespace {

Result<int> RunExport(Context& context) {
  const ExportOptions options{context.arguments.Text("MODEL"), context.arguments.Text("FILE"),
                              context.arguments.Text("--config")};
  std::optional<TransferScreen> screen;
  if (!context.json) screen.emplace(context.console);
  const Result<ExportedModel> archive =
      context.services.export_model(options, [&screen](const TransferStatus& status) {
        if (screen) screen->Take(status);
      });
  if (screen) screen->End(archive.ok());
  if (!archive.ok()) return archive.error();
  std::string out = "exported '" + Printable(options.model) + "' to '" + Printable(options.path) +
                    "', " + FormatBytes(archive->bytes);
  if (context.json) {
    out.clear();
    json::Writer writer(out);
    writer.BeginObject();
    writer.Key("model").String(options.model).Key("path").String(options.path);
    writer.Key("bytes").Integer(archive->bytes).EndObject();
  }
  context.console.out.Write(out + "\n");
  return kExitOk;
}

}  // namespace

Command Export() {
  Command command;
  command.name = "export";
  command.group = Group::kModels;
  command.summary = "write a model of this device into one file";
  command.details =
      "The archive holds everything of the model and its digests; 'tidegate import' takes it on "
      "another device. FILE is there when it is whole, and not before. Needs no gate.";
  command.arguments = {{"MODEL", "a model of 'tidegate list'", {}, true},
                       {"FILE", "the archive; must not exist yet", {}, true}};
  command.options = {ConfigOption()};
  command.run = RunExport;
  return command;
}

}  // namespace tidegate::cli::commands
