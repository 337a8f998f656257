#include "cli/arguments.h"
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
  const std::string model = context.arguments.Text("MODEL");
  const std::string name = context.arguments.Text("--name");
  TIDEGATE_TRY(CheckName(model));
  if (!name.empty() && !model.starts_with("https://")) {
    return UsageError(
        "--name is for a file at a URL; a registry's model keeps its name: pull it, "
        "then 'tidegate cp " +
        model + " " + name + "'");
  }
  TIDEGATE_ASSIGN(const std::unique_ptr<Gate> gate, Gate::Find(context, WhenAbsent::kStart));
  TIDEGATE_TRY(PullModel(context.console, gate->client(), model,
                         context.arguments.Has("--insecure"), TransferOutputOf(context), name));
  WarnIfUnfit(context.console, gate->client(), name.empty() ? model : name);
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
  command.arguments = {{"MODEL",
                        "as llama3.2, qwen3:8b, hf.co/user/repo:Q4_K_M, or the URL of a GGUF file",
                        {},
                        true}};
  command.options = {{"--insecure", "", "from a registry without TLS"},
                     {"--name", "NAME", "what the file at a URL is called here"}};
  command.examples = {
      {"tidegate pull qwen3:4b", "from Ollama's library"},
      {"tidegate pull hf.co/bartowski/Llama-3.2-1B-Instruct-GGUF:Q4_K_M", "from Hugging Face"},
      {"tidegate pull 'https://huggingface.co/user/repo/resolve/main/x.gguf#sha256=0123...' --name "
       "x",
       "one file, which must have that checksum"},
  };
  command.run = RunPull;
  return command;
}

}  // namespace tidegate::cli::commands
