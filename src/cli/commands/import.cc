#include <optional>

#include "cli/commands/list.h"
#include "cli/display_text.h"
#include "cli/exit_code.h"
#include "cli/transfer_screen.h"
#include "json/writer.h"

namespace tidegate::cli::commands {
namespace {

Result<int> RunImport(Context& context) {
  std::optional<TransferScreen> screen;
  if (!context.json) screen.emplace(context.console);
  const Result<ImportedModel> model = context.services.import_model(
      {context.arguments.Text("FILE"), context.arguments.Text("--name"),
       context.arguments.Text("--signer"), context.arguments.Text("--config")},
      [&screen](const TransferStatus& status) {
        if (screen) screen->Take(status);
      });
  if (screen) screen->End(model.ok());
  if (!model.ok()) return model.error();
  std::string out = "imported '" + Printable(model->name) + "'";
  if (context.json) {
    out.clear();
    json::Writer writer(out);
    writer.BeginObject();
    writer.Key("name").String(model->name).Key("digest").String(model->digest);
    writer.Key("bytes").Integer(model->bytes).EndObject();
  }
  context.console.out.Write(out + "\n");
  return kExitOk;
}

}  // namespace

Command Import() {
  Command command;
  command.name = "import";
  command.group = Group::kModels;
  command.summary = "put a model from a file into the store of this device";
  command.details =
      "For devices without a network: takes an archive that 'tidegate export' has made, or a GGUF "
      "file, checks it, and keeps a copy. Needs no gate.";
  command.arguments = {{"FILE", "an archive of 'tidegate export', or a GGUF file", {}, true}};
  command.options = {{"--name", "NAME", "what the model is called here"},
                     {"--signer", "NAME",
                      "who has signed the file; check that first, since only the name is kept"},
                     ConfigOption()};
  command.run = RunImport;
  return command;
}

}  // namespace tidegate::cli::commands
