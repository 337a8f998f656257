#include "cli/command.h"

#include "cli/commands/list.h"

namespace tidegate::cli {

void Arguments::Add(std::string_view name, std::string value) {
  values_[std::string(name)].push_back(std::move(value));
}

std::string Arguments::Text(std::string_view name) const {
  const auto found = values_.find(name);
  return found == values_.end() ? std::string() : found->second.back();
}

const std::vector<std::string>& Arguments::All(std::string_view name) const {
  static const std::vector<std::string> none;
  const auto found = values_.find(name);
  return found == values_.end() ? none : found->second;
}

std::vector<std::string> SpellingsOf(const Option& option) {
  if (option.brief.empty()) return {option.name};
  return {option.brief, option.name};
}

std::string_view Title(Group group) {
  switch (group) {
    case Group::kTalk:
      return "Talk to models";
    case Group::kModels:
      return "Keep models";
    case Group::kLook:
      return "See what happened";
    case Group::kGate:
      return "Run the gate";
    case Group::kMore:
      return "More";
  }
  return "More";
}

std::vector<Command> AllCommands() {
  std::vector<Command> commands;
#define TIDEGATE_ADD(Name) commands.push_back(commands::Name());
  TIDEGATE_COMMANDS(TIDEGATE_ADD)
#undef TIDEGATE_ADD
  return commands;
}

const std::vector<Option>& SharedOptions() {
  static const std::vector<Option> options = {
      {"--host",
       "ADDRESS",
       "the gate to talk to (default: TIDEGATE_HOST, else this machine's)",
       {}},
      {"--json", "", "print the result as JSON", {}},
      {"--color", "WHEN", "colours: auto, always or never", {"auto", "always", "never"}},
      {.name = "--help", .value = "", .help = "show this help", .brief = "-h"},
  };
  return options;
}

}  // namespace tidegate::cli
