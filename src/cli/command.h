// A command as data: its words, options and help stand in one table from which the parser, the help
// pages and the shell completions are made.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cli/console.h"
#include "cli/services.h"

namespace tidegate::cli {

struct Option {
  std::string name;                       // "--max-cost"
  std::string value;                      // what its value is called in help: "USD"; empty = a flag
  std::string help;                       // one line
  std::vector<std::string> choices = {};  // the only values, when not empty
  bool repeated = false;                  // may be given more than once
  std::string brief = {};                 // another spelling: "-f"
  // What the option means when it is typed without a value; one is then joined by '=': "--think"
  // and "--think=high".
  std::string implied = {};
};
// "--file" and what else it may be typed as, the shortest first.
std::vector<std::string> SpellingsOf(const Option& option);

struct Argument {
  std::string name;  // "MODEL"
  std::string help;
  std::vector<std::string> choices;
  bool required = false;
  bool rest = false;  // takes all words that are left; only the last argument may
};

// What was typed, by the names of the table.
class Arguments {
 public:
  void Add(std::string_view name, std::string value);
  void SetFlag(std::string_view name) { Add(name, ""); }
  bool Has(std::string_view name) const { return values_.find(name) != values_.end(); }
  // The last value, or "".
  std::string Text(std::string_view name) const;
  const std::vector<std::string>& All(std::string_view name) const;

 private:
  std::map<std::string, std::vector<std::string>, std::less<>> values_;
};

// Everything a running command may touch.
struct Context {
  Console& console;
  const LocalServices& services;
  const Arguments& arguments;
  bool json = false;  // --json: the result as JSON on standard output, and nothing else there
};

// The exit code, or the error that the caller prints.
using CommandFunction = Result<int> (*)(Context&);

// The headings of `tidegate --help`, in their order.
enum class Group : std::uint8_t { kTalk, kModels, kLook, kGate, kMore };
std::string_view Title(Group group);

struct Example {
  std::string line;     // "tidegate ask --dry-run 'Why is the sky blue?'"
  std::string meaning;  // "what would happen, without running it"
};

struct Command {
  std::string name;  // "models", or two words: "config check"
  Group group = Group::kMore;
  std::string summary;  // one line, no full stop
  std::string details;  // a paragraph for its help page, or empty
  std::vector<Argument> arguments;
  std::vector<Option> options;
  std::vector<Example> examples;
  CommandFunction run = nullptr;
  std::vector<std::string> aliases = {};  // other names, of one word: "ls"
};

// All commands, in the order of the overview: commands/list.h.
std::vector<Command> AllCommands();
// The options that every command takes: --host, --json, --color, --help.
const std::vector<Option>& SharedOptions();

}  // namespace tidegate::cli
