#include "base/ascii.h"
#include "cli/commands/list.h"
#include "cli/exit_code.h"
#include "cli/gate.h"
#include "cli/transfer.h"
#include "json/writer.h"

namespace tidegate::cli::commands {
namespace {

// The model's name with the level for its tag: "qwen3:4b-fp16" is "qwen3:q4_k_m".
std::string NameFor(const std::string& model, const std::string& level) {
  const std::size_t slash = model.rfind('/');
  const std::size_t colon = model.find(':', slash == std::string::npos ? 0 : slash);
  return model.substr(0, colon) + ":" + ToLower(level);
}

Result<int> RunQuantize(Context& context) {
  const std::string model = context.arguments.Text("MODEL");
  const std::string level = context.arguments.Text("LEVEL");
  std::string name = context.arguments.Text("NAME");
  if (name.empty()) name = NameFor(model, level);
  TIDEGATE_ASSIGN(const std::unique_ptr<Gate> gate, Gate::Find(context, WhenAbsent::kStart));
  std::string body;
  json::Writer writer(body);
  writer.BeginObject().Key("model").String(name).Key("from").String(model);
  writer.Key("quantize").String(level).EndObject();
  TIDEGATE_TRY(RunTransfer(context.console, gate->client(), "/api/create", std::move(body),
                           "quantization", TransferOutputOf(context)));
  return kExitOk;
}

}  // namespace

Command Quantize() {
  Command command;
  command.name = "quantize";
  command.group = Group::kModels;
  command.summary = "make a smaller model of one in F32, F16 or BF16";
  command.details =
      "Stores the model a second time with its weights in fewer bits each. The first stays; "
      "'tidegate rm' deletes it.";
  command.arguments = {
      {"MODEL", "a model of the gate, in F32, F16 or BF16", {}, true},
      {"LEVEL", "as q4_K_M, q5_K_M, q6_K or q8_0", {}, true},
      {"NAME", "of the smaller one (default: MODEL with LEVEL as its tag)", {}, false}};
  command.examples = {{"tidegate quantize qwen3:4b-fp16 q4_K_M", "makes qwen3:q4_k_m"}};
  command.run = RunQuantize;
  return command;
}

}  // namespace tidegate::cli::commands
