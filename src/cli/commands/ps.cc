#include <fmt/format.h>

#include "base/clock.h"
#include "cli/commands/list.h"
#include "cli/exit_code.h"
#include "cli/gate.h"
#include "cli/json_fields.h"
#include "cli/model_views.h"
#include "cli/table.h"
#include "cli/units.h"
#include "json/reader.h"

namespace tidegate::cli::commands {
namespace {

constexpr std::int64_t kMicrosPerMs = 1'000;

Cell StateOf(const std::string& state, bool pinned, std::int64_t retry_in_ms) {
  const std::string shown = pinned ? state + ", pinned" : state;
  if (state == "ready") return {shown, Ink::kGood};
  if (state != "backing_off") return {shown, Ink::kWarning};
  return {"retries in " + FormatDuration(retry_in_ms * kMicrosPerMs), Ink::kBad};
}

// How much of what was guessed ahead was right, or by what means it would be.
std::string DraftsOf(JsonFields& model) {
  const std::int64_t drafted = model.Integer("drafted_tokens");
  const std::int64_t accepted = model.Integer("draft_accepted_tokens");
  const std::string means = model.Text("speculation");
  if (drafted > 0) return FormatAccepted(accepted, drafted);
  return means.empty() ? "-" : means;
}

// How many, and since when the first.
std::string WaitingOf(JsonFields& model) {
  const std::int64_t oldest_ms = model.Integer("oldest_wait_ms");
  std::string text = FormatCount(model.Integer("queue_depth"));
  if (oldest_ms > 0) text += " for " + FormatDuration(oldest_ms * kMicrosPerMs);
  return text;
}

// What is wrong now comes before what was.
std::string NotesOf(JsonFields& model) {
  if (std::string text = model.Text("waits_for"); !text.empty()) {
    return "waits for memory: " + text;
  }
  for (const char* what : {"unfit", "degraded", "window_note", "last_error", "speculation_note"}) {
    if (std::string text = model.Text(what); !text.empty()) return text;
  }
  return "";
}

// The gate's own view of its engine.
Result<std::string> WideText(std::string_view answer, bool all, const Console& console) {
  json::Reader reader;
  const Result<json::Value> root = reader.ParseCopy(answer, kAnswerBytesMax);
  if (!root.ok()) return UnexpectedAnswer(root.error());
  Table table({{"MODEL", Align::kLeft, Overflow::kCut},
               {"STATE"},
               {"BUSY", Align::kRight},
               {"WAITING", Align::kRight},
               {"WAIT", Align::kRight},
               {"WINDOW", Align::kRight},
               {"MEMORY", Align::kRight},
               {"PID", Align::kRight},
               {"STARTED IN", Align::kRight},
               {"DRAFTS", Align::kRight},
               {"NOTES", Align::kLeft, Overflow::kWrap}});
  JsonFields fields(*root);
  for (const json::Value item : fields.Items("models")) {
    JsonFields model(item);
    const std::string state = model.Text("state");
    const std::int64_t pid = model.Integer("pid");
    const std::int64_t start_ms = model.Integer("last_start_ms");
    const std::int64_t wait_ms = model.Integer("expected_wait_ms");
    const Cell shown = StateOf(state, model.Flag("pinned"), model.Integer("retry_in_ms"));
    const std::vector<Cell> row = {
        {model.Text("model"), Ink::kAccent},
        shown,
        fmt::format("{}/{}", model.Integer("users"), model.Integer("slots")),
        WaitingOf(model),
        wait_ms == 0 ? "-" : FormatDuration(wait_ms * kMicrosPerMs),
        FormatCount(model.Integer("context_tokens")),
        pid == 0 ? "-" : FormatBytes(model.Integer("rss_bytes")),
        pid == 0 ? "-" : std::to_string(pid),
        start_ms == 0 ? "-" : FormatDuration(start_ms * kMicrosPerMs),
        DraftsOf(model),
        NotesOf(model)};
    if (all || state != "absent") table.Row(row);
    fields.Absorb(model.status());
  }
  TIDEGATE_TRY(fields.status());
  if (table.empty()) return std::string("no model is running on this device\n");
  return table.Render(Layout{console.out_terminal ? console.columns : 0, 0, console.OutPaint()});
}

Result<int> RunPs(Context& context) {
  const bool all = context.arguments.Has("--all");
  const bool wide = all || context.arguments.Has("--wide");
  TIDEGATE_ASSIGN(const std::unique_ptr<Gate> gate, Gate::Find(context, WhenAbsent::kFail));
  TIDEGATE_ASSIGN(const std::string answer, gate->client().Get(wide ? "/tidegate/ps" : "/api/ps"));
  if (context.json) {
    context.console.out.Write(answer + "\n");
    return kExitOk;
  }
  Result<std::string> text =
      wide ? WideText(answer, all, context.console)
           : LoadedText(answer, SystemClock().WallNanos() / kNanosPerSecond, context.console);
  if (!text.ok()) return std::move(text).error();
  context.console.out.Write(*text);
  return kExitOk;
}

}  // namespace

Command Ps() {
  Command command;
  command.name = "ps";
  command.group = Group::kLook;
  command.summary = "the models that run on this device now";
  command.options = {
      {"--wide", "", "what the engine says: who waits, memory, how long the start took"},
      {"--all", "", "the same, and also the models that are not running"},
  };
  command.run = RunPs;
  return command;
}

}  // namespace tidegate::cli::commands
