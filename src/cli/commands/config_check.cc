#include <algorithm>

#include "cli/commands/list.h"
#include "cli/display_text.h"
#include "cli/exit_code.h"
#include "cli/table.h"
#include "json/writer.h"

namespace tidegate::cli::commands {
namespace {

std::string Json(const ConfigReport& report, std::size_t problems) {
  std::string out;
  json::Writer writer(out);
  writer.BeginObject();
  writer.Key("path").String(report.path);
  writer.Key("found").Bool(report.found);
  writer.Key("problems").Integer(static_cast<std::int64_t>(problems));
  writer.Key("settings").BeginArray();
  for (const SettingReport& setting : report.settings) {
    writer.BeginObject();
    writer.Key("setting").String(setting.setting);
    writer.Key("value").String(setting.value);
    writer.Key("source").String(setting.source);
    writer.Key("problem").String(setting.problem);
    writer.Key("fix").String(setting.fix);
    writer.EndObject();
  }
  writer.EndArray().EndObject();
  return out + "\n";
}

std::string Text(const ConfigReport& report, std::size_t problems, bool explain,
                 const Console& console) {
  const Paint paint = console.OutPaint();
  std::string out;
  for (const SettingReport& setting : report.settings) {
    if (setting.problem.empty()) continue;
    out += paint(Ink::kBad, Printable(setting.setting)) + ": " + Printable(setting.problem) + " [" +
           Printable(setting.source) + "]\n";
    if (!setting.fix.empty()) out += "    fix: " + Printable(setting.fix) + "\n";
  }
  if (explain) {
    Table table({{"SETTING", Align::kLeft, Overflow::kCut},
                 {"VALUE", Align::kLeft, Overflow::kWrap},
                 {"FROM", Align::kLeft, Overflow::kCut}});
    for (const SettingReport& setting : report.settings) {
      table.Row({setting.setting, setting.value, {setting.source, Ink::kDim}});
    }
    if (!out.empty()) out += "\n";
    out += table.Render(Layout{console.out_terminal ? console.columns : 0, 0, paint}) + "\n";
  }
  const std::string where = Printable(report.path);
  const std::string file = report.found ? where : "no file at " + where + ": all defaults";
  if (problems == 0) return out + paint(Ink::kGood, "ok") + "  " + file + "\n";
  return out +
         paint(Ink::kBad, std::to_string(problems) + (problems == 1 ? " problem" : " problems")) +
         "  " + file + "\n";
}

Result<int> RunConfigCheck(Context& context) {
  const ConfigReport report = context.services.check_config(context.arguments.Text("--config"));
  const auto problems = static_cast<std::size_t>(
      std::count_if(report.settings.begin(), report.settings.end(),
                    [](const SettingReport& setting) { return !setting.problem.empty(); }));
  const bool explain = context.arguments.Has("--explain");
  context.console.out.Write(context.json ? Json(report, problems)
                                         : Text(report, problems, explain, context.console));
  return problems == 0 ? kExitOk : kExitConfig;
}

}  // namespace

Command ConfigCheck() {
  Command command;
  command.name = "config check";
  command.group = Group::kGate;
  command.summary = "whether the configuration is right, and where each value comes from";
  command.options = {
      {"--config", "FILE", "the configuration (default: ~/.config/tidegate/config.toml)", {}},
      {"--explain", "", "show every setting with its value and where it comes from", {}},
  };
  command.examples = {
      {"tidegate config check", "problems only; ends with 78 when there are any"},
      {"tidegate config check --explain", "every setting: its value, from which file or variable"},
  };
  command.run = RunConfigCheck;
  return command;
}

}  // namespace tidegate::cli::commands
