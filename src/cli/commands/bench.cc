#include "cli/commands/list.h"
#include "cli/exit_code.h"
#include "cli/gate.h"
#include "cli/measuring.h"
#include "json/writer.h"

namespace tidegate::cli::commands {
namespace {

Result<void> AddCounts(const Arguments& arguments, const std::string& option, const char* key,
                       json::Writer& writer) {
  if (!arguments.Has(option)) return {};
  TIDEGATE_ASSIGN(const std::vector<std::int64_t> counts,
                  ParseCounts(arguments.Text(option), option));
  writer.Key(key).BeginArray();
  for (const std::int64_t count : counts) writer.Integer(count);
  writer.EndArray();
  return {};
}

Result<void> AddCount(const Arguments& arguments, const std::string& option, const char* key,
                      json::Writer& writer) {
  if (!arguments.Has(option)) return {};
  TIDEGATE_ASSIGN(const std::int64_t count, ParseCount(arguments.Text(option), option));
  writer.Key(key).Integer(count);
  return {};
}

Result<std::string> Body(const Arguments& arguments) {
  std::string body;
  json::Writer writer(body);
  writer.BeginObject().Key("model").String(arguments.Text("MODEL"));
  TIDEGATE_TRY(AddCounts(arguments, "--contexts", "contexts", writer));
  TIDEGATE_TRY(AddCounts(arguments, "--concurrency", "concurrency", writer));
  TIDEGATE_TRY(AddCount(arguments, "--tokens", "tokens", writer));
  TIDEGATE_TRY(AddCount(arguments, "--seconds-max", "seconds_max", writer));
  if (arguments.Has("--quick")) writer.Key("quick").Bool(true);
  writer.EndObject();
  return body;
}

Result<int> RunBench(Context& context) {
  TIDEGATE_ASSIGN(std::string body, Body(context.arguments));
  TIDEGATE_ASSIGN(const std::unique_ptr<Gate> gate, Gate::Find(context, WhenAbsent::kStart));
  TIDEGATE_ASSIGN(
      const std::string result,
      RunMeasuring(context, gate->client(), "/tidegate/models/bench", std::move(body), "bench"));
  if (context.json) {
    context.console.out.Write(result + "\n");
    return kExitOk;
  }
  TIDEGATE_ASSIGN(const std::string text, BenchText(result, context.console));
  context.console.out.Write(text);
  return kExitOk;
}

}  // namespace

Command Bench() {
  Command command;
  command.name = "bench";
  command.group = Group::kModels;
  command.summary = "measure how fast a model of this device is";
  command.details =
      "Times the first token and the speed of reading and writing, with prompts of several lengths "
      "and several requests at once. What is found is kept, and the gate's estimates begin with "
      "it. "
      "The prompts are made up; the answers are thrown away.";
  command.arguments = {{"MODEL", "a model of 'tidegate list'", {}, true}};
  command.options = {
      {"--contexts", "TOKENS", "lengths of the prompts, as 128,1024,4096"},
      {"--concurrency", "COUNTS", "requests at once, as 1,2,4"},
      {"--tokens", "N", "tokens of each answer"},
      {"--seconds-max", "N", "stop after so long, with what has been measured by then"},
      {"--quick", "", "a first look in less than a minute"},
  };
  command.examples = {
      {"tidegate bench qwen3:4b", "a table over lengths and requests at once"},
      {"tidegate bench qwen3:4b --contexts 8192 --concurrency 1", "one long prompt"},
  };
  command.run = RunBench;
  return command;
}

}  // namespace tidegate::cli::commands
