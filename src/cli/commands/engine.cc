#include "cli/commands/list.h"
#include "cli/display_text.h"
#include "cli/exit_code.h"
#include "cli/progress.h"
#include "json/writer.h"

namespace tidegate::cli::commands {
namespace {

Result<int> RunEngineInstall(Context& context) {
  EngineInstallOptions options;
  options.prefix = context.arguments.Text("--prefix");
  options.upgrade = context.arguments.Has("--upgrade");
  Console& console = context.console;
  Spinner spinner(console, "installing llama-server");
  const Result<std::string> path =
      context.services.engine_install(options, [&](std::string_view line) {
        spinner.SetLabel(line);
        // A log instead of a moving line where nobody watches.
        if (!console.err_terminal) console.err.Write(Printable(line) + "\n");
      });
  spinner.Stop();
  if (!path.ok()) return path.error();
  std::string out = "installed " + Printable(*path);
  if (context.json) {
    out.clear();
    json::Writer(out).BeginObject().Key("path").String(*path).EndObject();
  }
  console.out.Write(out + "\n");
  return kExitOk;
}

Result<int> RunEngineStatus(Context& context) {
  const EngineReport report = context.services.engine_status();
  std::string out;
  if (context.json) {
    json::Writer writer(out);
    writer.BeginObject();
    writer.Key("found").Bool(report.found);
    writer.Key("path").String(report.path);
    writer.Key("version").String(report.version);
    writer.Key("why").String(report.why);
    writer.Key("install_prefix").String(report.install_prefix);
    writer.EndObject();
  } else if (report.found) {
    out = "llama-server " + Printable(report.version) + "\n" + Printable(report.path);
  } else {
    out = Printable(report.why) + "\n'tidegate engine install' puts one into " +
          Printable(report.install_prefix);
  }
  context.console.out.Write(out + "\n");
  return report.found ? kExitOk : kExitUnavailable;
}

}  // namespace

Command EngineInstall() {
  Command command;
  command.name = "engine install";
  command.group = Group::kGate;
  command.summary = "get llama-server, which runs models on this device";
  command.details =
      "Downloads llama.cpp's llama-server with its libraries, checks the archive's signature and "
      "puts them into a folder of their own. Needs no root and changes nothing else.";
  command.options = {
      {"--prefix", "FOLDER", "where to put it (default: ~/.local/share/tidegate/engine)", {}},
      {"--upgrade", "", "get a newer version even if one is there", {}},
  };
  command.examples = {{"tidegate engine install", "takes about a minute"}};
  command.run = RunEngineInstall;
  return command;
}

Command EngineStatus() {
  Command command;
  command.name = "engine status";
  command.group = Group::kGate;
  command.summary = "which llama-server is used, if any";
  command.run = RunEngineStatus;
  return command;
}

}  // namespace tidegate::cli::commands
