#include "cli/arguments.h"

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <set>

#include <CLI/CLI.hpp>

namespace tidegate::cli {
namespace {

constexpr std::size_t kEditsMax = 2;

std::size_t EditDistance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row[b.size()];
}

std::string Joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : ", ") + word;
  return out;
}

// As the library wants an option's names: "-f,--file".
std::string NamesFor(const Option& option) {
  std::string names;
  for (const std::string& one : SpellingsOf(option)) names += (names.empty() ? "" : ",") + one;
  return names;
}

// Builds the library's parser from the table and reads the outcome back. Values live here, where
// the library points to them.
class Parser {
 public:
  explicit Parser(const std::vector<Command>& commands) : commands_(commands) {
    root_.set_help_flag();
    root_.require_subcommand(0, 1);
    AddOptions(root_, SharedOptions());
    for (const Command& command : commands_) AddCommand(command);
  }

  Result<Parsed> Run(std::vector<std::string> words) {
    // What follows "--" is the command's own, whatever it looks like; the library would take it for
    // words of the program.
    const auto mark = std::find(words.begin(), words.end(), "--");
    const std::vector<std::string> rest(mark == words.end() ? mark : mark + 1, words.end());
    words.erase(mark, words.end());
    for (std::string& word : words) {
      const auto implied = implied_.find(word);
      if (implied != implied_.end()) word += "=" + implied->second;
    }
    TIDEGATE_ASSIGN(Parsed parsed, RunLibrary(std::move(words)));
    return AddRest(std::move(parsed), rest);
  }

 private:
  Result<Parsed> AddRest(Parsed parsed, const std::vector<std::string>& rest) const {
    if (rest.empty()) return parsed;
    if (parsed.command == nullptr || parsed.command->arguments.empty() ||
        !parsed.command->arguments.back().rest) {
      return UsageError(Advice("one argument too many: '" + rest.front() + "'"));
    }
    for (const std::string& word : rest) {
      parsed.arguments.Add(parsed.command->arguments.back().name, word);
    }
    return parsed;
  }

  Result<Parsed> RunLibrary(std::vector<std::string> words) {
    std::reverse(words.begin(), words.end());  // the library takes them from the back
    try {
      root_.parse(words);
    } catch (const CLI::ExtrasError&) {
      return Unexpected();
    } catch (const CLI::ParseError& error) {
      if (!Typed("--help")) return UsageError(Advice(error.what()));
    }
    return Collect();
  }

  struct Bound {
    std::string name;
    CLI::Option* option = nullptr;
  };

  void AddCommand(const Command& command) {
    CLI::App* parent = &root_;
    std::string rest = command.name;
    if (const std::size_t blank = rest.find(' '); blank != std::string::npos) {
      const std::string group = rest.substr(0, blank);
      rest.erase(0, blank + 1);
      CLI::App*& known = groups_[group];
      if (known == nullptr) {
        known = root_.add_subcommand(group);
        known->set_help_flag();
        known->fallthrough();
        known->require_subcommand(0, 1);
      }
      parent = known;
    }
    CLI::App* app = parent->add_subcommand(rest);
    for (const std::string& alias : command.aliases) app->alias(alias);
    app->set_help_flag();
    app->fallthrough();
    apps_.push_back({app, &command});
    AddOptions(*app, command.options);
    for (const Argument& argument : command.arguments) AddArgument(*app, argument);
  }

  void AddOptions(CLI::App& app, const std::vector<Option>& options) {
    for (const Option& option : options) {
      values_.emplace_back();
      CLI::Option* bound = option.value.empty() ? app.add_flag(NamesFor(option))
                                                : app.add_option(NamesFor(option), values_.back());
      if (!option.implied.empty()) implied_[option.name] = option.implied;
      if (!option.value.empty()) {
        bound->expected(1);
        bound->allow_extra_args(false);  // one value each time the option is typed
        if (option.repeated) bound->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
      }
      Bind(app, option.name, bound, option.choices);
    }
  }

  void AddArgument(CLI::App& app, const Argument& argument) {
    values_.emplace_back();
    CLI::Option* bound = app.add_option(argument.name, values_.back());
    if (argument.rest) {
      bound->expected(-1);
    } else {
      bound->expected(1);
      bound->allow_extra_args(false);
    }
    if (argument.required) bound->required();
    Bind(app, argument.name, bound, argument.choices);
  }

  void Bind(CLI::App& app, const std::string& name, CLI::Option* option,
            const std::vector<std::string>& choices) {
    if (!choices.empty()) {
      option->check([name, choices](const std::string& value) {
        if (std::find(choices.begin(), choices.end(), value) != choices.end()) return std::string();
        return "'" + value + "' is not one of " + Joined(choices);
      });
    }
    bound_[&app].push_back(Bound{name, option});
  }

  bool Typed(const std::string& name) const {
    for (const Bound& bound : bound_.at(&root_)) {
      if (bound.name == name) return bound.option->count() > 0;
    }
    return false;
  }

  const CLI::App* Chosen() const {
    const CLI::App* app = &root_;
    while (!app->get_subcommands().empty()) app = app->get_subcommands().front();
    return app;
  }

  // The words that fit nowhere: a mistyped command, an unknown option, one argument too many.
  Error Unexpected() const {
    const CLI::App* app = Chosen();
    const std::vector<std::string> extras = root_.remaining(true);
    const std::string word = extras.empty() ? std::string() : extras.front();
    std::vector<std::string> known;
    const bool option = word.starts_with('-') && word != "-";
    if (option) {
      for (const Bound& bound : bound_.at(&root_)) known.push_back(bound.name);
      const auto own = bound_.find(app);
      if (own != bound_.end() && app != &root_) {
        for (const Bound& bound : own->second) known.push_back(bound.name);
      }
    } else {
      for (const CLI::App* sub : app->get_subcommands([](const CLI::App*) { return true; })) {
        known.push_back(sub->get_name());
        for (const std::string& alias : sub->get_aliases()) known.push_back(alias);
      }
    }
    const std::string nearest = NearestWord(word.substr(0, word.find('=')), known);
    const std::string what = option          ? "unknown option"
                             : known.empty() ? "one argument too many:"
                                             : "unknown command";
    std::string message = what + " '" + word + "'";
    if (!nearest.empty()) message += "; did you mean '" + nearest + "'?";
    return UsageError(Advice(message));
  }

  std::string NameOf(const CLI::App* app) const {
    for (const auto& [known, command] : apps_) {
      if (known == app) return command->name;
    }
    return app == &root_ ? "" : app->get_name();
  }

  std::string Advice(const std::string& message) const {
    const std::string name = NameOf(Chosen());
    return message + "\n'tidegate" + (name.empty() ? "" : " " + name) + " --help' shows how";
  }

  Result<Parsed> Collect() const {
    Parsed parsed;
    const CLI::App* app = Chosen();
    for (const auto& [known, command] : apps_) {
      if (known == app) parsed.command = command;
    }
    if (parsed.command == nullptr && app != &root_) parsed.topic = app->get_name();
    parsed.help = Typed("--help");
    for (const CLI::App* from : std::set<const CLI::App*>{&root_, app}) {
      const auto bound = bound_.find(from);
      if (bound == bound_.end()) continue;
      for (const Bound& one : bound->second) {
        if (one.option->count() == 0) continue;
        if (one.option->get_expected_max() == 0) {
          parsed.arguments.SetFlag(one.name);
        } else {
          for (const std::string& value : one.option->results()) {
            parsed.arguments.Add(one.name, value);
          }
        }
      }
    }
    return parsed;
  }

  const std::vector<Command>& commands_;
  CLI::App root_;
  std::map<std::string, CLI::App*> groups_;
  std::map<std::string, std::string, std::less<>> implied_;  // values, by their option's name
  std::vector<std::pair<const CLI::App*, const Command*>> apps_;
  std::map<const CLI::App*, std::vector<Bound>> bound_;
  std::deque<std::vector<std::string>> values_;  // stable addresses
};

}  // namespace

Error UsageError(std::string message) {
  Error error = InvalidArgument("", std::move(message));
  error.reason = "usage";
  return error;
}

std::string NearestWord(const std::string& word, const std::vector<std::string>& candidates) {
  std::string nearest;
  std::size_t distance = kEditsMax + 1;
  for (const std::string& candidate : candidates) {
    const std::size_t edits = EditDistance(word, candidate);
    if (edits < distance && edits < candidate.size()) {
      distance = edits;
      nearest = candidate;
    }
  }
  return nearest;
}

Result<Parsed> Parse(const std::vector<Command>& commands, const std::vector<std::string>& words) {
  return Parser(commands).Run(words);
}

}  // namespace tidegate::cli
