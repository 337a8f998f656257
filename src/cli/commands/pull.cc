#include "cli/commands/list.h"
#include "cli/exit_code.h"
#include "cli/gate.h"
#include "cli/model_show.h"
#include "cli/transfer.h"

namespace tidegate::cli::commands {
namespace {

// A path is what is typed by whoever has the model already.
Result<void> CheckName(const std::string& model) {
  const bool path = model.starts_with('/') || model.starts_with("./") || model.starts_with("../") ||
                    model.starts_with('~');
  if (!path) return {};
  return InvalidArgument("MODEL", "'" + model +
                                      "' is a path; a GGUF file is taken in with 'tidegate import "
                                      "FILE', a folder with 'tidegate create'");
}

Result<int> RunPull(Context& context) {
  TIDEGATE_TRY(CheckName(context.arguments.Text("MODEL")));
  TIDEGATE_ASSIGN(const std::unique_ptr<Gate> gate, Gate::Find(context, WhenAbsent::kStart));
  TIDEGATE_TRY(PullModel(context.console, gate->client(), context.arguments.Text("MODEL"),
                         context.arguments.Has("--insecure"), TransferOutputOf(context)));
  WarnIfUnfit(context.console, gate->client(), context.arguments.Text("MODEL"));
  return kExitOk;
}

}  // namespace

Command Pull() {
  Command command;
  command.name = "pull";
  command.group = Group::kModels;
  command.summary = "get a model from a registry, or its newer version";
  command.details =
      "Downloads what is not here yet and goes on where an interrupted pull stopped. With --json, "
      "the progress as one JSON object a line.";
  command.arguments = {{"MODEL", "as llama3.2, qwen3:8b or hf.co/user/repo:Q4_K_M", {}, true}};
  command.options = {{"--insecure", "", "from a registry without TLS"}};
  command.examples = {
      {"tidegate pull qwen3:4b", "from Ollama's library"},
      {"tidegate pull hf.co/bartowski/Llama-3.2-1B-Instruct-GGUF:Q4_K_M", "from Hugging Face"},
  };
  command.run = RunPull;
  return command;
}

}  // namespace tidegate::cli::commands
