#include "cli/commands/list.h"
#include "cli/display_text.h"
#include "cli/exit_code.h"
#include "cli/table.h"
#include "cli/units.h"
#include "json/writer.h"

namespace tidegate::cli::commands {
namespace {

std::string Json(const PruneReport& report, bool dry_run) {
  std::string out;
  json::Writer writer(out);
  writer.BeginObject().Key("dry_run").Bool(dry_run).Key("files").BeginArray();
  for (const PrunedFile& file : report.files) {
    writer.BeginObject();
    writer.Key("name").String(file.name).Key("bytes").Integer(file.bytes);
    writer.Key("why").String(file.why).EndObject();
  }
  writer.EndArray().Key("bytes").Integer(report.bytes).Key("in_use").Integer(report.in_use);
  writer.Key("held_back").String(report.held_back).EndObject();
  return out + "\n";
}

std::string Text(const PruneReport& report, bool dry_run, const Console& console) {
  if (report.files.empty()) return dry_run ? "nothing would go\n" : "there was nothing to remove\n";
  Table table({{"FILE", Align::kLeft, Overflow::kCut},
               {"SIZE", Align::kRight},
               {"WHY", Align::kLeft, Overflow::kWrap}});
  for (const PrunedFile& file : report.files) {
    table.Row({file.name, FormatBytes(file.bytes), file.why});
  }
  const Layout layout{console.out_terminal ? console.columns : 0, 0, console.OutPaint()};
  return table.Render(layout) + (dry_run ? "would free " : "freed ") + FormatBytes(report.bytes) +
         "\n";
}

Result<int> RunPrune(Context& context) {
  const PruneOptions options{context.arguments.Has("--all"), context.arguments.Has("--dry-run"),
                             context.arguments.Text("--config")};
  TIDEGATE_ASSIGN(const PruneReport report, context.services.prune_store(options));
  context.console.out.Write(context.json ? Json(report, options.dry_run)
                                         : Text(report, options.dry_run, context.console));
  if (!context.json && report.in_use > 0) {
    context.console.err.Write(
        std::to_string(report.in_use) +
        (report.in_use == 1 ? " file is in use and stays\n" : " files are in use and stay\n"));
  }
  if (report.held_back.empty()) return kExitOk;
  if (!context.json) context.console.err.Write(Printable(report.held_back) + "\n");
  return kExitFailure;
}

}  // namespace

Command Prune() {
  Command command;
  command.name = "prune";
  command.group = Group::kModels;
  command.summary = "remove from the store what no model needs, and say what that frees";
  command.details =
      "What pulls and imports left that did not end, what 'tidegate verify --repair' set aside, "
      "and "
      "files that no model needs. Nothing that a running gate holds. Files that came within a day, "
      "and the downloads of an Ollama that shares the store, may be somebody's work and go with "
      "--all only. Needs no gate.";
  command.options = {{"--dry-run", "", "tell what would go, and remove nothing"},
                     {"--all", "", "also what came within a day; nothing else may be at work"},
                     ConfigOption()};
  command.run = RunPrune;
  return command;
}

}  // namespace tidegate::cli::commands
