#include <cerrno>
#include <cstdlib>
#include <system_error>
#include <unistd.h>

#include "cli/agents.h"
#include "cli/arguments.h"
#include "cli/commands/list.h"
#include "cli/display_text.h"
#include "cli/exit_code.h"
#include "cli/gate.h"
#include "cli/table.h"
#include "json/writer.h"

namespace tidegate::cli::commands {
namespace {

std::vector<std::string> AgentNames() {
  std::vector<std::string> names;
  for (const Agent& agent : Agents()) names.emplace_back(agent.name);
  return names;
}

std::string ProgramOf(const Agent& agent, const Environment& environment) {
  return FindProgram(agent, environment.path, environment.home);
}

int ListAgents(Context& context) {
  Console& console = context.console;
  std::string out;
  json::Writer writer(out);
  writer.BeginObject().Key("agents").BeginArray();
  Table table({{"AGENT"},
               {"NAME"},
               {"INSTALLED", Align::kLeft, Overflow::kCut},
               {"HOW TO GET IT", Align::kLeft, Overflow::kCut}});
  for (const Agent& agent : Agents()) {
    const std::string program = ProgramOf(agent, console.environment);
    const bool there = !program.empty();
    writer.BeginObject();
    writer.Key("name").String(agent.name).Key("title").String(agent.title);
    writer.Key("path").String(program).Key("install").String(agent.install);
    writer.EndObject();
    table.Row({{std::string(agent.name), Ink::kAccent},
               std::string(agent.title),
               there ? Cell(program, Ink::kGood) : Cell("no", Ink::kDim),
               there ? "" : std::string(agent.install)});
  }
  writer.EndArray().EndObject();
  const Layout layout{console.out_terminal ? console.columns : 0, 0, console.OutPaint()};
  console.out.Write(context.json ? out + "\n" : table.Render(layout));
  return kExitOk;
}

Result<LaunchOptions> OptionsOf(Context& context, const net::Url& at) {
  if (at.origin.scheme == net::Scheme::kUnix) {
    return UsageError(
        "agents speak HTTP and cannot reach a UNIX socket; name the gate as host:port with --host");
  }
  LaunchOptions options;
  options.url = at.origin.ToString() + at.path;
  options.model = context.arguments.Has("--model") ? context.arguments.Text("--model") : "auto";
  options.key = context.console.environment.api_key;
  options.arguments = context.arguments.All("ARGUMENTS");
  return options;
}

std::string Json(const LaunchPlan& plan) {
  std::string out;
  json::Writer writer(out);
  writer.BeginObject().Key("program").String(plan.program);
  writer.Key("arguments").BeginArray();
  for (const std::string& argument : plan.arguments) writer.String(argument);
  writer.EndArray().Key("environment").BeginObject();
  for (const auto& [name, value] : plan.environment) writer.Key(name).String(value);
  writer.EndObject().EndObject();
  return out + "\n";
}

// Becomes the program; comes back only when that fails.
Error Become(const LaunchPlan& plan) {
  for (const auto& [name, value] : plan.environment) {
    ::setenv(name.c_str(), value.c_str(), 1);  // NOLINT(concurrency-mt-unsafe): no thread runs
  }
  std::vector<std::string> words = {plan.program};
  words.insert(words.end(), plan.arguments.begin(), plan.arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  ::execv(plan.program.c_str(), argv.data());
  return Unavailable(ErrorSource::kCaller, "'" + plan.program + "' could not be started: " +
                                               std::generic_category().message(errno));
}

Result<int> RunLaunch(Context& context) {
  const std::string name = context.arguments.Text("AGENT");
  if (name.empty()) return ListAgents(context);
  const Agent* agent = FindAgent(name);
  if (agent == nullptr) {
    const std::string nearest = NearestWord(name, AgentNames());
    return UsageError("there is no agent '" + name + "' here" +
                      (nearest.empty() ? "" : "; did you mean '" + nearest + "'?") +
                      "\n'tidegate launch' lists them");
  }
  Console& console = context.console;
  TIDEGATE_ASSIGN(const std::unique_ptr<Gate> gate, Gate::Find(context, WhenAbsent::kFail));
  TIDEGATE_ASSIGN(const LaunchOptions options, OptionsOf(context, gate->client().at()));
  const std::string program = ProgramOf(*agent, console.environment);
  if (context.arguments.Has("--print")) {
    const std::string shown = program.empty() ? std::string(agent->program) : program;
    const LaunchPlan plan = PlanLaunch(*agent, shown, options, true);
    console.out.Write(context.json ? Json(plan) : ShellText(plan));
    return kExitOk;
  }
  if (program.empty()) {
    return NotFound(std::string(agent->title) + " is not installed; get it with\n" +
                    std::string(agent->install));
  }
  // An agent that finds nobody would only say that its vendor is down.
  TIDEGATE_TRY(gate->client().Get("/api/version"));
  return Become(PlanLaunch(*agent, program, options, false));
}

}  // namespace

Command Launch() {
  Command command;
  command.name = "launch";
  command.group = Group::kTalk;
  command.summary = "start a coding agent that works through this gate";
  command.details =
      "Sets the variables and options that point the agent at the gate, and becomes the agent. "
      "Nothing of the agent's own configuration is changed. Without an agent, the list of those "
      "that are known here.";
  command.arguments = {{"AGENT", "claude, codex, opencode, …", AgentNames(), false},
                       {"ARGUMENTS", "for the agent, behind --", {}, false, true}};
  command.options = {
      {"--model", "NAME", "the model that it uses (default: auto)"},
      {"--print", "", "show the variables and the command instead; keys are not shown"},
  };
  command.examples = {
      {"tidegate launch", "which agents there are, and which are installed"},
      {"tidegate launch claude --model qwen3-coder:30b -- --continue", "options for the agent"},
      {"eval \"$(tidegate launch codex --print | grep ^export)\"", "only the variables"},
  };
  command.run = RunLaunch;
  return command;
}

}  // namespace tidegate::cli::commands
