#include <fmt/format.h>

#include "cli/arguments.h"
#include "cli/commands/list.h"
#include "cli/exit_code.h"
#include "cli/gate.h"
#include "cli/json_fields.h"
#include "cli/table.h"
#include "cli/units.h"
#include "json/reader.h"

namespace tidegate::cli::commands {
namespace {

const std::vector<std::string>& Groupings() {
  static const std::vector<std::string> groupings = {"day", "principal", "model", "place"};
  return groupings;
}

std::string Upper(std::string text) {
  for (char& c : text) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return text;
}

std::vector<Cell> Sums(JsonFields& row) {
  return {FormatCount(row.Integer("dispatches")), FormatCount(row.Integer("input_tokens")),
          FormatCount(row.Integer("output_tokens")), FormatDollars(row.Amount("cost"))};
}

// What of a sum is not what a provider said.
std::string Uncertain(JsonFields& total) {
  std::string out;
  const Money assumed = total.Amount("assumed");
  const Money estimated = total.Amount("estimated");
  if (assumed > Money{}) {
    out += "of which " + FormatDollars(assumed) +
           " assumed in full after a crash, since nobody knows\n";
  }
  if (estimated > Money{}) {
    out += "of which " + FormatDollars(estimated) + " estimated, since the provider did not say\n";
  }
  return out;
}

Result<std::string> Text(std::string_view answer, const Console& console) {
  json::Reader reader;
  const Result<json::Value> root = reader.ParseCopy(answer, kAnswerBytesMax);
  if (!root.ok()) return UnexpectedAnswer(root.error());
  JsonFields fields(*root);
  const std::vector<std::string> by = fields.Texts("by");
  std::vector<Column> columns;
  for (const std::string& name : by) columns.push_back({Upper(name), Align::kLeft, Overflow::kCut});
  for (const char* title : {"DISPATCHES", "TOKENS IN", "TOKENS OUT", "COST"}) {
    columns.push_back({title, Align::kRight});
  }
  Table table(columns);
  const auto add = [&](json::Value item, bool total) {
    JsonFields row(item);
    std::vector<Cell> cells;
    for (const std::string& name : by) {
      cells.emplace_back(total ? (cells.empty() ? "total" : "") : row.Text(name));
    }
    for (Cell& cell : Sums(row)) cells.push_back(std::move(cell));
    table.Row(std::move(cells));
    fields.Absorb(row.status());
  };
  const std::vector<json::Value> rows = fields.Items("rows");
  if (!by.empty()) {
    for (const json::Value item : rows) add(item, false);
  }
  std::string notes;
  if (const auto total = fields.Find("total")) {
    add(*total, true);
    JsonFields sums(*total);
    notes = Uncertain(sums);
    fields.Absorb(sums.status());
  }
  const std::string period = fields.Text("from") + " to " + fields.Text("to");
  TIDEGATE_TRY(fields.status());
  const Paint paint = console.OutPaint();
  std::string out = paint(Ink::kBold, "Spent from " + period) + " (days in UTC)\n";
  out += table.Render(Layout{console.out_terminal ? console.columns : 0, 2, paint});
  return out + notes;
}

Result<int> RunSpend(Context& context) {
  const Arguments& arguments = context.arguments;
  std::string by;
  for (const std::string& one : arguments.All("--by")) by += (by.empty() ? "" : ",") + one;
  std::string path = "/tidegate/spend?by=" + (by.empty() ? "model" : by);
  for (const char* name : {"from", "to"}) {
    const std::string value = arguments.Text(std::string("--") + name);
    if (value.empty()) continue;
    if (value.find_first_not_of("0123456789-") != std::string::npos) {
      return UsageError(std::string("--") + name + " must be a date as 2026-11-22");
    }
    path += "&" + std::string(name) + "=" + value;
  }
  TIDEGATE_ASSIGN(const std::unique_ptr<Gate> gate, Gate::Find(context, WhenAbsent::kFail));
  TIDEGATE_ASSIGN(std::string answer, gate->client().Get(path));
  if (context.json) {
    context.console.out.Write(answer + "\n");
    return kExitOk;
  }
  TIDEGATE_ASSIGN(const std::string text, Text(answer, context.console));
  context.console.out.Write(text);
  return kExitOk;
}

}  // namespace

Command Spend() {
  Command command;
  command.name = "spend";
  command.group = Group::kLook;
  command.summary = "what was spent, by model, day, key or place";
  command.details =
      "Sums what the ledger has settled. Days are those of UTC. Without --from, the last 30 days.";
  command.options = {
      {"--by", "GROUP", "group by day, principal, model or place (default: model); repeatable",
       Groupings(), true},
      {"--from", "DATE", "first day, as 2026-11-01", {}},
      {"--to", "DATE", "last day, included (default: today)", {}},
  };
  command.examples = {
      {"tidegate spend", "the last 30 days by model"},
      {"tidegate spend --by day --by place --from 2026-11-01", "each day, each place"},
  };
  command.run = RunSpend;
  return command;
}

}  // namespace tidegate::cli::commands
