#include "cli/commands/list.h"
#include "cli/exit_code.h"
#include "json/writer.h"

namespace tidegate::cli::commands {
namespace {

Result<int> RunVersion(Context& context) {
  std::string out = "tidegate " + context.services.version;
  if (context.json) {
    out.clear();
    json::Writer(out).BeginObject().Key("version").String(context.services.version).EndObject();
  }
  context.console.out.Write(out + "\n");
  return kExitOk;
}

}  // namespace

Command Version() {
  Command command;
  command.name = "version";
  command.group = Group::kMore;
  command.summary = "the version of this program";
  command.run = RunVersion;
  return command;
}

}  // namespace tidegate::cli::commands
