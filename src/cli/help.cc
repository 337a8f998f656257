#include "cli/help.h"

#include <algorithm>

#include "cli/display_text.h"

namespace tidegate::cli {
namespace {

// Two columns: words and their meaning.
struct Line {
  std::string words, meaning;
};

void Append(std::string& out, const std::vector<Line>& lines, const Paint& paint) {
  std::size_t width = 0;
  for (const Line& line : lines) width = std::max(width, DisplayWidth(line.words));
  for (const Line& line : lines) {
    out += "  " + paint(Ink::kAccent, line.words);
    if (!line.meaning.empty()) {
      out += std::string(width - DisplayWidth(line.words) + 2, ' ') + line.meaning;
    }
    out += '\n';
  }
}

std::string Spelling(const Option& option) {
  std::string out;
  for (const std::string& one : SpellingsOf(option)) out += (out.empty() ? "" : ", ") + one;
  if (option.value.empty()) return out;
  return out + (option.implied.empty() ? " " + option.value : "[=" + option.value + "]");
}

std::string Spelling(const Argument& argument) {
  const std::string name = argument.name + (argument.rest ? "…" : "");
  return argument.required ? name : "[" + name + "]";
}

// "list, ls".
std::string NamesOf(const Command& command) {
  std::string names = command.name;
  for (const std::string& alias : command.aliases) names += ", " + alias;
  return names;
}

void AppendOptions(std::string& out, const std::vector<Option>& options, const Paint& paint) {
  std::vector<Line> lines;
  for (const Option& option : options) lines.push_back({Spelling(option), option.help});
  Append(out, lines, paint);
}

}  // namespace

std::string OverviewHelp(const std::vector<Command>& commands, const Paint& paint) {
  std::string out =
      "Tidegate: one endpoint for every language model you can reach. You say what you need; it\n"
      "decides where that runs, and can tell you why, what it cost and what left this machine.\n\n";
  out += paint(Ink::kBold, "Begin") + "\n";
  Append(out,
         {{"tidegate doctor", "what is missing, and how to get it"},
          {"tidegate run auto", "chat; the gate picks the model"},
          {"tidegate ask --dry-run 'Why is the sky blue?'", "what would run where, and its price"},
          {"tidegate explain last", "why the last request ran where it ran"}},
         paint);
  for (const Group group :
       {Group::kTalk, Group::kModels, Group::kLook, Group::kGate, Group::kMore}) {
    std::vector<Line> lines;
    for (const Command& command : commands) {
      if (command.group == group) lines.push_back({NamesOf(command), command.summary});
    }
    if (lines.empty()) continue;
    out += "\n" + paint(Ink::kBold, Title(group)) + "\n";
    Append(out, lines, paint);
  }
  out += "\n" + paint(Ink::kBold, "Every command takes") + "\n";
  AppendOptions(out, SharedOptions(), paint);
  out += "\n'tidegate COMMAND --help' shows the options and examples of one.\n";
  return out;
}

std::string TopicHelp(const std::vector<Command>& commands, const std::string& topic,
                      const Paint& paint) {
  std::vector<Line> lines;
  for (const Command& command : commands) {
    if (command.name.starts_with(topic + " ")) {
      lines.push_back({"tidegate " + command.name, command.summary});
    }
  }
  std::string out;
  Append(out, lines, paint);
  return out;
}

std::string CommandHelp(const Command& command, std::size_t columns, const Paint& paint) {
  std::string rest;
  if (!command.options.empty()) rest += " [OPTIONS]";
  for (const Argument& argument : command.arguments) rest += " " + Spelling(argument);
  std::string out = paint(Ink::kBold, "Usage") + "\n  tidegate " + command.name + rest + "\n";
  for (const std::string& alias : command.aliases) out += "  tidegate " + alias + rest + "\n";
  out += "\n";
  const std::string text = command.details.empty() ? command.summary + "." : command.details;
  for (const std::string& line : Wrap(text, columns)) out += line + "\n";
  if (!command.examples.empty()) {
    out += "\n" + paint(Ink::kBold, "Examples") + "\n";
    for (const Example& example : command.examples) {
      out += "  " + paint(Ink::kAccent, example.line) + "\n      " + example.meaning + "\n";
    }
  }
  if (!command.arguments.empty()) {
    std::vector<Line> lines;
    for (const Argument& one : command.arguments) lines.push_back({one.name, one.help});
    out += "\n" + paint(Ink::kBold, "Arguments") + "\n";
    Append(out, lines, paint);
  }
  if (!command.options.empty()) {
    out += "\n" + paint(Ink::kBold, "Options") + "\n";
    AppendOptions(out, command.options, paint);
  }
  out += "\n" + paint(Ink::kBold, "Every command takes") + "\n";
  AppendOptions(out, SharedOptions(), paint);
  return out;
}

}  // namespace tidegate::cli
