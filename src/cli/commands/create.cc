#include <algorithm>
#include <filesystem>

#include "cli/arguments.h"
#include "cli/commands/list.h"
#include "cli/display_text.h"
#include "cli/exit_code.h"
#include "cli/file_reader.h"
#include "cli/gate.h"
#include "cli/model_show.h"
#include "cli/model_upload.h"
#include "cli/transfer.h"

namespace tidegate::cli::commands {
namespace {

constexpr const char* kDefaultFile = "Modelfile";

struct Source {
  std::string text, folder;
};

// Without a Modelfile the model is what lies in this folder.
Result<Source> ReadSource(const Arguments& arguments) {
  const bool named = arguments.Has("--file");
  const std::string path = named ? arguments.Text("--file") : kDefaultFile;
  Result<std::string> text = ReadTextFile(path, kModelfileBytesMax);
  if (!text.ok() && !named && text.error().code == ErrorCode::kNotFound) {
    return Source{"FROM .\n", "."};
  }
  if (!text.ok()) return std::move(text).error();
  const std::string folder = std::filesystem::path(path).parent_path().string();
  return Source{*std::move(text), folder.empty() ? "." : folder};
}

// Ollama converts such models. A gate does not, and it is better to know before gigabytes are sent.
Result<void> CheckFormat(GateClient& client, const ModelRecipe& recipe) {
  const auto found =
      std::find_if(recipe.files.begin(), recipe.files.end(),
                   [](const ModelFile& file) { return file.name.ends_with(".safetensors"); });
  if (found == recipe.files.end() || !client.Get("/tidegate/policy/fields").ok()) return {};
  return InvalidArgument("", "'" + found->name +
                                 "': models of safetensors are not converted here; make a GGUF "
                                 "file of it with llama.cpp's convert_hf_to_gguf.py, or pull the "
                                 "model as GGUF");
}

bool IsMissing(GateClient& client, const std::string& model) {
  if (model.empty()) return false;
  const Result<ShownModel> shown = FetchShownModel(client, model);
  return !shown.ok() && shown.error().code == ErrorCode::kNotFound;
}

Result<int> RunCreate(Context& context) {
  const Arguments& arguments = context.arguments;
  TIDEGATE_ASSIGN(Source source, ReadSource(arguments));
  TIDEGATE_ASSIGN(Modelfile file, context.services.read_modelfile(source.text));
  for (const std::string& warning : file.warnings) {
    context.console.err.Write("tidegate: " + Printable(warning) + "\n");
  }
  TIDEGATE_ASSIGN(const ModelRecipe recipe,
                  FindModelFiles(std::move(file), source.folder, context.console.environment.home));
  TIDEGATE_ASSIGN(const std::unique_ptr<Gate> gate, Gate::Find(context, WhenAbsent::kStart));
  TIDEGATE_TRY(CheckFormat(gate->client(), recipe));
  const auto create = [&] {
    return CreateModel(context.console, gate->client(), arguments.Text("MODEL"),
                       arguments.Text("--quantize"), recipe, TransferOutputOf(context));
  };
  Result<void> created = create();
  // As in Ollama, what FROM names may still have to come; what DRAFT names has to be here.
  if (!created.ok() && created.error().code == ErrorCode::kNotFound &&
      IsMissing(gate->client(), recipe.from)) {
    TIDEGATE_TRY(PullMissing(context.console, gate->client(), recipe.from, false, created.error()));
    created = create();
  }
  TIDEGATE_TRY(std::move(created));
  WarnIfUnfit(context.console, gate->client(), arguments.Text("MODEL"));
  return kExitOk;
}

}  // namespace

Command Create() {
  Command command;
  command.name = "create";
  command.group = Group::kModels;
  command.summary = "make a model by the recipe of a Modelfile";
  command.details =
      "FROM names a model, which is pulled when the gate does not have it, a GGUF file, or a "
      "folder "
      "with GGUF or safetensors; "
      "files are sent to the gate unless it has them already. Without a Modelfile, the files of "
      "this folder make the model.";
  command.arguments = {{"MODEL", "the name of the new model", {}, true}};
  command.options = {
      {"--file", "FILE", "the recipe (default: ./Modelfile)", {}, false, "-f"},
      {"--quantize", "LEVEL", "store the weights smaller, as q4_K_M or q8_0", {}, false, "-q"},
  };
  command.examples = {
      {"tidegate create assistant -f Modelfile", "FROM qwen3:4b and SYSTEM … in it"},
  };
  command.run = RunCreate;
  return command;
}

}  // namespace tidegate::cli::commands
