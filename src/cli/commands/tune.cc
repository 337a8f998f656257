#include "cli/arguments.h"
#include "cli/commands/list.h"
#include "cli/exit_code.h"
#include "cli/gate.h"
#include "cli/measuring.h"
#include "json/writer.h"

namespace tidegate::cli::commands {
namespace {

Result<std::string> Body(const Arguments& arguments) {
  const bool reset = arguments.Has("--reset");
  std::string body;
  json::Writer writer(body);
  writer.BeginObject().Key("model").String(arguments.Text("MODEL"));
  for (const char* other : {"--for", "--quick", "--seconds-max", "--allow-kv-quantisation"}) {
    if (reset && arguments.Has(other)) {
      return UsageError(std::string("--reset measures nothing; leave ") + other + " out");
    }
  }
  if (reset) writer.Key("reset").Bool(true);
  if (arguments.Has("--for")) writer.Key("for").String(arguments.Text("--for"));
  if (arguments.Has("--quick")) writer.Key("quick").Bool(true);
  if (arguments.Has("--seconds-max")) {
    TIDEGATE_ASSIGN(const std::int64_t seconds,
                    ParseCount(arguments.Text("--seconds-max"), "--seconds-max"));
    writer.Key("seconds_max").Integer(seconds);
  }
  if (arguments.Has("--allow-kv-quantisation")) writer.Key("allow_kv_quantisation").Bool(true);
  writer.EndObject();
  return body;
}

Result<int> RunTune(Context& context) {
  TIDEGATE_ASSIGN(std::string body, Body(context.arguments));
  TIDEGATE_ASSIGN(const std::unique_ptr<Gate> gate, Gate::Find(context, WhenAbsent::kStart));
  TIDEGATE_ASSIGN(
      const std::string result,
      RunMeasuring(context, gate->client(), "/tidegate/models/tune", std::move(body), "tuning"));
  if (context.json) {
    context.console.out.Write(result + "\n");
    return kExitOk;
  }
  TIDEGATE_ASSIGN(const std::string text, TuneText(result, context.console));
  context.console.out.Write(text);
  return kExitOk;
}

}  // namespace

Command Tune() {
  Command command;
  command.name = "tune";
  command.group = Group::kModels;
  command.summary = "find settings with which a model of this device is faster";
  command.details =
      "Tries numbers of threads, flash attention and sizes of batches, and keeps what is faster by "
      "more than measuring wavers. The model restarts for each trial; others that use it wait. "
      "What "
      "the configuration or the model's own recipe says is never changed.";
  command.arguments = {{"MODEL", "a model of 'tidegate list'", {}, true}};
  command.options = {
      {"--for", "GOAL", "what counts (default: balanced)", {"balanced", "latency", "throughput"}},
      {"--seconds-max", "N", "the longest that it may take"},
      {"--quick", "", "fewer trials, and shorter ones"},
      {"--allow-kv-quantisation", "", "also try a smaller cache, which changes answers a little"},
      {"--reset", "", "forget what was kept: the usual settings again"},
  };
  command.examples = {
      {"tidegate tune qwen3:4b --for latency", "first tokens sooner, answers faster"},
      {"tidegate tune qwen3:4b --reset", "as it was"},
  };
  command.run = RunTune;
  return command;
}

}  // namespace tidegate::cli::commands
