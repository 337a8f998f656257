#include <array>

#include "cli/arguments.h"
#include "cli/commands/list.h"
#include "cli/display_text.h"
#include "cli/exit_code.h"
#include "cli/gate.h"
#include "cli/model_show.h"

namespace tidegate::cli::commands {
namespace {

constexpr std::array kParts = {"--license", "--modelfile", "--parameters", "--template",
                               "--system"};

// The one part that was asked for, or "".
Result<std::string> AskedPart(const Arguments& arguments) {
  std::string asked;
  for (const char* part : kParts) {
    if (!arguments.Has(part)) continue;
    if (!asked.empty()) {
      return UsageError(asked + " and " + part + " exclude each other; give one of them");
    }
    asked = part;
  }
  return asked;
}

const std::string& PartOf(const ShownModel& model, const std::string& part) {
  if (part == "--license") return model.license;
  if (part == "--modelfile") return model.modelfile;
  if (part == "--parameters") return model.parameters;
  if (part == "--template") return model.model_template;
  if (part == "--system") return model.system;
  return model.info;
}

Result<int> RunShow(Context& context) {
  TIDEGATE_ASSIGN(const std::string part, AskedPart(context.arguments));
  const bool verbose = context.arguments.Has("--verbose");
  TIDEGATE_ASSIGN(const std::unique_ptr<Gate> gate, Gate::Find(context, WhenAbsent::kStart));
  TIDEGATE_ASSIGN(
      const std::string answer,
      gate->client().Post("/api/show", ShowBody(context.arguments.Text("MODEL"), verbose)));
  Console& console = context.console;
  if (context.json) {
    console.out.Write(answer + "\n");
    return kExitOk;
  }
  TIDEGATE_ASSIGN(const ShownModel model, ReadShownModel(answer, verbose));
  const std::string& text = PartOf(model, part);
  console.out.Write(console.out_terminal ? Printable(text) : text);
  if (!text.ends_with('\n')) console.out.Write("\n");
  return kExitOk;
}

}  // namespace

Command Show() {
  Command command;
  command.name = "show";
  command.group = Group::kModels;
  command.summary = "what a model is, what it can do, and how it was made";
  command.arguments = {{"MODEL", "a model of the gate", {}, true}};
  command.options = {
      {"--license", "", "only its license"},
      {"--modelfile", "", "only the recipe that it was made by"},
      {"--parameters", "", "only its parameters"},
      {"--template", "", "only the template of its prompts"},
      {"--system", "", "only its system message"},
      {"--verbose", "", "also the metadata and the tensors of its file", {}, false, "-v"},
  };
  command.run = RunShow;
  return command;
}

}  // namespace tidegate::cli::commands
