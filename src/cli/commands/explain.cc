#include "cli/explain.h"

#include <algorithm>

#include "cli/arguments.h"
#include "cli/commands/list.h"
#include "cli/decision_view.h"
#include "cli/exit_code.h"
#include "cli/gate.h"
#include "cli/json_fields.h"
#include "json/reader.h"

namespace tidegate::cli::commands {
namespace {

// The JSON of the decision that was asked for. An id is 26 letters and digits; anything else would
// become another path.
Result<std::string> Fetch(GateClient& client, const std::string& id) {
  if (id != "last") {
    constexpr std::size_t kIdDigits = 26;
    const bool plain = std::all_of(id.begin(), id.end(), [](unsigned char c) {
      return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    });
    if (id.size() != kIdDigits || !plain) {
      return UsageError(
          "ID must be 'last' or the 26 letters and digits of an answer's tidegate-decision header");
    }
    return client.Get("/tidegate/decisions/" + id);
  }
  TIDEGATE_ASSIGN(const std::string answer, client.Get("/tidegate/decisions?limit=1"));
  json::Reader reader;
  const Result<json::Value> root = reader.ParseCopy(answer, kAnswerBytesMax);
  if (!root.ok()) return UnexpectedAnswer(root.error());
  JsonFields fields(*root);
  const std::vector<json::Value> decisions = fields.Items("decisions");
  TIDEGATE_TRY(fields.status());
  if (decisions.empty()) {
    return NotFound("no request has been recorded yet; 'tidegate ask' makes one");
  }
  return std::string(decisions.front().raw());
}

Result<int> RunExplain(Context& context) {
  TIDEGATE_ASSIGN(const std::unique_ptr<Gate> gate, Gate::Find(context, WhenAbsent::kFail));
  const std::string asked = context.arguments.Text("ID");
  TIDEGATE_ASSIGN(const std::string text, Fetch(gate->client(), asked.empty() ? "last" : asked));
  Console& console = context.console;
  if (context.json) {
    console.out.Write(text + "\n");
    return kExitOk;
  }
  TIDEGATE_ASSIGN(const DecisionView decision, ReadDecisionText(text));
  console.out.Write(ExplainDecision(
      decision, Layout{console.out_terminal ? console.columns : 0, 0, console.OutPaint()}));
  return kExitOk;
}

}  // namespace

Command Explain() {
  Command command;
  command.name = "explain";
  command.group = Group::kLook;
  command.summary = "why a request ran where it ran, what left this machine, what it cost";
  command.arguments = {
      {"ID", "the tidegate-decision of an answer, or 'last' (the default)", {}, false, false}};
  command.examples = {
      {"tidegate explain last", "the newest request"},
      {"tidegate explain 01JD8Z7M3QK5R9T0V2W4X6Y8ZA", "the one an answer's header names"},
  };
  command.run = RunExplain;
  return command;
}

}  // namespace tidegate::cli::commands
