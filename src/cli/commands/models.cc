#include <algorithm>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "cli/commands/list.h"
#include "cli/exit_code.h"
#include "cli/gate.h"
#include "cli/json_fields.h"
#include "cli/table.h"
#include "cli/units.h"
#include "json/reader.h"

namespace tidegate::cli::commands {
namespace {

// Capabilities that people choose a model for; the others are parameters.
constexpr std::string_view kShown[] = {"tools", "json_schema", "vision",
                                       "audio", "files",       "reasoning"};

std::string Shown(const std::vector<std::string>& capabilities) {
  std::string out;
  for (const std::string& one : capabilities) {
    if (std::find(std::begin(kShown), std::end(kShown), one) == std::end(kShown)) continue;
    out += (out.empty() ? "" : " ") + one;
  }
  return out.empty() ? "-" : out;
}

std::string PriceOf(JsonFields& model, std::string_view name) {
  const std::optional<json::Value> prices = model.Find("prices");
  if (!prices) return "?";
  JsonFields fields(*prices);
  const Money price{fields.Integer(std::string(name) + "_nanodollars_per_mtok")};
  model.Absorb(fields.status());
  return price.nanodollars == 0 ? "free" : FormatDollars(price);
}

Cell StateOf(JsonFields& model) {
  const std::optional<json::Value> live = model.Find("live");
  if (!live) return {"?"};
  JsonFields fields(*live);
  const bool available = fields.Flag("available");
  const bool loaded = fields.Flag("loaded");
  const std::string why = fields.Text("unavailable_why");
  const std::int64_t load_ms = fields.Integer("load_ms");
  const std::int64_t waiting = fields.Integer("queue_depth");
  const std::int64_t wait_ms = fields.Integer("expected_wait_ms");
  model.Absorb(fields.status());
  if (!available) return {why.empty() ? "unavailable" : why, Ink::kBad};
  constexpr std::int64_t kMicrosPerMs = 1'000;
  if (waiting > 0) {
    return {fmt::format("{} waiting, {}", waiting, FormatDuration(wait_ms * kMicrosPerMs)),
            Ink::kWarning};
  }
  if (loaded) return {"ready", Ink::kGood};
  return {load_ms == 0 ? "not loaded" : "loads in " + FormatDuration(load_ms * kMicrosPerMs),
          Ink::kDim};
}

// "20.3 tok/s", as `tidegate bench` found it.
std::string SpeedOf(JsonFields& model) {
  const std::optional<json::Value> profile = model.Find("profile");
  if (!profile) return "-";
  JsonFields fields(*profile);
  const std::string text = fmt::format("{:.1f} tok/s", fields.Number("tokens_per_s"));
  model.Absorb(fields.status());
  return text;
}

Result<std::string> Text(std::string_view answer, const Console& console) {
  json::Reader reader;
  const Result<json::Value> root = reader.ParseCopy(answer, kAnswerBytesMax);
  if (!root.ok()) return UnexpectedAnswer(root.error());
  JsonFields fields(*root);
  const std::vector<json::Value> items = fields.Items("models");
  const bool measured = std::any_of(items.begin(), items.end(), [](const json::Value& item) {
    return JsonFields(item).Find("profile").has_value();
  });
  std::vector<Column> columns = {{"MODEL", Align::kLeft, Overflow::kCut},
                                 {"PLACE"},
                                 {"CONTEXT", Align::kRight},
                                 {"IN $/M", Align::kRight},
                                 {"OUT $/M", Align::kRight},
                                 {"CAN", Align::kLeft, Overflow::kCut},
                                 {"STATE", Align::kLeft, Overflow::kCut}};
  if (measured) columns.push_back({"MEASURED", Align::kRight});
  Table table(std::move(columns));
  for (const json::Value item : items) {
    JsonFields model(item);
    const std::string place = model.Text("place");
    const std::int64_t context = model.Integer("context_tokens");
    const std::int64_t most = model.Integer("context_tokens_max");
    std::vector<Cell> row = {
        {model.Text("id") + (model.Flag("emulated") ? " (emulated)" : ""), Ink::kAccent},
        {place, place == "device" ? Ink::kGood : Ink::kPlain},
        context == 0 ? "?" : FormatCount(context) + (most > context ? "+" : ""),
        PriceOf(model, "input"),
        PriceOf(model, "output"),
        Shown(model.Texts("capabilities")),
        StateOf(model)};
    if (measured) row.emplace_back(SpeedOf(model));
    table.Row(std::move(row));
    fields.Absorb(model.status());
  }
  TIDEGATE_TRY(fields.status());
  if (table.empty()) {
    return std::string(
        "no models: put a GGUF file where 'tidegate doctor' says, or set a provider's key, as "
        "OPENAI_API_KEY\n");
  }
  return table.Render(Layout{console.out_terminal ? console.columns : 0, 0, console.OutPaint()});
}

Result<int> RunModels(Context& context) {
  TIDEGATE_ASSIGN(const std::unique_ptr<Gate> gate, Gate::Find(context, WhenAbsent::kFail));
  TIDEGATE_ASSIGN(std::string answer, gate->client().Get("/tidegate/models"));
  if (context.json) {
    context.console.out.Write(answer + "\n");
    return kExitOk;
  }
  TIDEGATE_ASSIGN(const std::string text, Text(answer, context.console));
  context.console.out.Write(text);
  return kExitOk;
}

}  // namespace

Command Models() {
  Command command;
  command.name = "models";
  command.group = Group::kLook;
  command.summary = "the models this gate can use: where, at what price, in which state";
  command.examples = {{"tidegate models --json | jq '.models[].id'", "only the names"}};
  command.run = RunModels;
  return command;
}

}  // namespace tidegate::cli::commands
