#include <algorithm>

#include "cli/commands/list.h"
#include "cli/display_text.h"
#include "cli/exit_code.h"
#include "json/writer.h"

namespace tidegate::cli::commands {
namespace {

constexpr std::size_t kMarkColumns = 7;  // "ok", "warn" or "FAIL" between blanks

std::string_view Word(CheckState state) {
  switch (state) {
    case CheckState::kOk:
      return "ok";
    case CheckState::kWarn:
      return "warn";
    case CheckState::kFail:
      return "fail";
  }
  return "fail";
}

Ink InkOf(CheckState state) {
  switch (state) {
    case CheckState::kOk:
      return Ink::kGood;
    case CheckState::kWarn:
      return Ink::kWarning;
    case CheckState::kFail:
      return Ink::kBad;
  }
  return Ink::kBad;
}

std::string Json(const std::vector<Check>& checks, bool failed) {
  std::string out;
  json::Writer writer(out);
  writer.BeginObject().Key("ok").Bool(!failed).Key("checks").BeginArray();
  for (const Check& check : checks) {
    writer.BeginObject();
    writer.Key("name").String(check.name);
    writer.Key("state").String(Word(check.state));
    writer.Key("why").String(check.why);
    writer.Key("fix").String(check.fix);
    writer.EndObject();
  }
  writer.EndArray().EndObject();
  return out + "\n";
}

// The state and the name on one line, the sentence and the remedy below.
std::string Text(const std::vector<Check>& checks, const Console& console) {
  const Paint paint = console.OutPaint();
  const std::string indent(kMarkColumns, ' ');
  const std::size_t room =
      console.out_terminal ? console.columns - kMarkColumns : std::string::npos / 2;
  std::string out;
  for (const Check& check : checks) {
    const std::string_view word = Word(check.state);
    out += "  " + paint(InkOf(check.state), word) +
           std::string(kMarkColumns - 2 - word.size(), ' ') +
           paint(Ink::kBold, Printable(check.name)) + "\n";
    for (const std::string& line : Wrap(Printable(check.why), room)) out += indent + line + "\n";
    if (check.fix.empty()) continue;
    for (const std::string& line : Wrap("fix: " + Printable(check.fix), room)) {
      out += indent + paint(Ink::kAccent, line) + "\n";
    }
  }
  return out;
}

Result<int> RunDoctor(Context& context) {
  const std::vector<Check> checks = context.services.doctor_checks();
  const bool failed = std::any_of(checks.begin(), checks.end(), [](const Check& check) {
    return check.state == CheckState::kFail;
  });
  context.console.out.Write(context.json ? Json(checks, failed) : Text(checks, context.console));
  return failed ? kExitFailure : kExitOk;
}

}  // namespace

Command Doctor() {
  Command command;
  command.name = "doctor";
  command.group = Group::kGate;
  command.summary = "what works here, what does not, and what to do about it";
  command.details =
      "Looks at everything the gate needs: configuration, engine, models, keys, state folder, "
      "ports. Ends with 1 when a check fails.";
  command.examples = {{"tidegate doctor", "each check, why it says so, and the remedy"}};
  command.run = RunDoctor;
  return command;
}

}  // namespace tidegate::cli::commands
