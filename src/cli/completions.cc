#include "cli/completions.h"

#include <map>

namespace tidegate::cli {
namespace {

std::string Joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : " ") + word;
  return out;
}

// What can follow a command's words.
struct Node {
  std::string path;                  // "", "config", "config check"
  std::vector<std::string> words;    // sub-commands, or choices of the first argument
  const Command* command = nullptr;  // nullptr for "" and for the first word of several
};

std::vector<Node> Nodes(const std::vector<Command>& commands) {
  std::vector<Node> nodes = {Node{}};
  std::map<std::string, std::size_t> topics;
  for (const Command& command : commands) {
    const std::size_t blank = command.name.find(' ');
    if (blank == std::string::npos) {
      nodes.front().words.push_back(command.name);
    } else {
      const std::string topic = command.name.substr(0, blank);
      if (topics.find(topic) == topics.end()) {
        nodes.front().words.push_back(topic);
        topics[topic] = nodes.size();
        nodes.push_back(Node{topic, {}, nullptr});
      }
      nodes[topics[topic]].words.push_back(command.name.substr(blank + 1));
    }
    Node node{command.name, {}, &command};
    if (!command.arguments.empty()) node.words = command.arguments.front().choices;
    for (const std::string& alias : command.aliases) {
      nodes.front().words.push_back(alias);
      nodes.push_back(Node{alias, node.words, &command});
    }
    nodes.push_back(std::move(node));
  }
  return nodes;
}

std::vector<Option> OptionsOf(const Command* command) {
  std::vector<Option> options;
  if (command != nullptr) options = command->options;
  options.insert(options.end(), SharedOptions().begin(), SharedOptions().end());
  return options;
}

// In single quotes, which bash, zsh and fish read alike when the text holds none.
std::string Quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) {
    if (c != '\'') out += c;
  }
  return out + "'";
}

bool TakesFile(const Option& option) { return option.value == "FILE" || option.value == "FOLDER"; }
bool TakesNextWord(const Option& option) { return !option.value.empty() && option.implied.empty(); }

// fish's words for an option's names: " -s f -l file".
std::string FishNames(const Option& option) {
  return (option.brief.empty() ? "" : " -s " + option.brief.substr(1)) + " -l " +
         option.name.substr(2);
}

}  // namespace

std::string BashCompletions(const std::vector<Command>& commands) {
  std::string out =
      "# bash completion for tidegate. To use it now:  source <(tidegate completions bash)\n"
      "_tidegate() {\n"
      "  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} path='' i word\n"
      "  COMPREPLY=()\n"
      "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
      "    word=${COMP_WORDS[i]}\n"
      "    [[ $word == -* ]] && continue\n"
      "    case \"$path $word\" in\n";
  for (const Node& node : Nodes(commands)) {
    if (node.path.empty()) continue;
    const std::size_t blank = node.path.find(' ');
    const std::string pattern = blank == std::string::npos ? " " + node.path : node.path;
    out += "      " + Quoted(pattern) + ") path=" + Quoted(node.path) + " ;;\n";
  }
  out +=
      "    esac\n"
      "  done\n"
      "  case \"$path $prev\" in\n";
  for (const Node& node : Nodes(commands)) {
    for (const Option& option : OptionsOf(node.command)) {
      if (!TakesNextWord(option)) continue;
      std::string action = ":";
      if (TakesFile(option)) action = "COMPREPLY=($(compgen -f -- \"$cur\"))";
      if (!option.choices.empty()) {
        action = "COMPREPLY=($(compgen -W " + Quoted(Joined(option.choices)) + " -- \"$cur\"))";
      }
      for (const std::string& spelling : SpellingsOf(option)) {
        out += "    " + Quoted(node.path + " " + spelling) + ") " + action + "; return ;;\n";
      }
    }
  }
  out +=
      "  esac\n"
      "  local words=''\n"
      "  case \"$path\" in\n";
  for (const Node& node : Nodes(commands)) {
    std::vector<std::string> options;
    for (const Option& option : OptionsOf(node.command)) options.push_back(option.name);
    out += "    " + Quoted(node.path) +
           ")\n      if [[ $cur == -* ]]; then words=" + Quoted(Joined(options)) +
           "; else words=" + Quoted(Joined(node.words)) + "; fi ;;\n";
  }
  out +=
      "  esac\n"
      "  COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
      "}\n"
      "complete -o default -F _tidegate tidegate\n";
  return out;
}

std::string ZshCompletions(const std::vector<Command>& commands) {
  std::string out =
      "#compdef tidegate\n"
      "# zsh completion for tidegate. To use it now:  source <(tidegate completions zsh)\n"
      "_tidegate() {\n"
      "  local path_='' word i\n"
      "  local -a words_ options_\n"
      "  for ((i = 2; i < CURRENT; i++)); do\n"
      "    word=${words[i]}\n"
      "    [[ $word == -* ]] && continue\n"
      "    case \"$path_ $word\" in\n";
  for (const Node& node : Nodes(commands)) {
    if (node.path.empty()) continue;
    const bool one = node.path.find(' ') == std::string::npos;
    out +=
        "      " + Quoted((one ? " " : "") + node.path) + ") path_=" + Quoted(node.path) + " ;;\n";
  }
  out +=
      "    esac\n"
      "  done\n"
      "  case \"$path_ ${words[CURRENT-1]}\" in\n";
  for (const Node& node : Nodes(commands)) {
    for (const Option& option : OptionsOf(node.command)) {
      if (!TakesNextWord(option)) continue;
      std::string action = "_message " + Quoted(option.value);
      if (TakesFile(option)) action = "_files";
      if (!option.choices.empty()) action = "compadd -- " + Joined(option.choices);
      for (const std::string& spelling : SpellingsOf(option)) {
        out += "    " + Quoted(node.path + " " + spelling) + ") " + action + "; return ;;\n";
      }
    }
  }
  out +=
      "  esac\n"
      "  case \"$path_\" in\n";
  for (const Node& node : Nodes(commands)) {
    out += "    " + Quoted(node.path) + ")\n      options_=(";
    for (const Option& option : OptionsOf(node.command)) {
      out += " " + Quoted(option.name + ":" + option.help);
    }
    out += " )\n      words_=(";
    for (const std::string& word : node.words) out += " " + Quoted(word);
    out += " ) ;;\n";
  }
  out +=
      "  esac\n"
      "  if [[ ${words[CURRENT]} == -* ]]; then\n"
      "    _describe option options_\n"
      "  elif (( ${#words_} )); then\n"
      "    compadd -a words_\n"
      "  else\n"
      "    _files\n"
      "  fi\n"
      "}\n"
      "if [[ ${zsh_eval_context[-1]} == loadautofunc ]]; then _tidegate \"$@\"; "
      "else compdef _tidegate tidegate; fi\n";
  return out;
}

std::string FishCompletions(const std::vector<Command>& commands) {
  // fish asks for each line whether the words before the cursor are the command's.
  std::string out =
      "# fish completion for tidegate. To use it now:  tidegate completions fish | source\n"
      "function __tidegate_at\n"
      "  set -l words (commandline -opc | string match -v -- '-*')\n"
      "  set -e words[1]\n"
      "  set -l want (string split -n ' ' -- \"$argv[1]\")\n"
      "  test (count $words) -ge (count $want); or return 1\n"
      "  test (count $want) -eq 0; and test (count $words) -gt 0; and return 1\n"
      "  for i in (seq (count $want))\n"
      "    test \"$words[$i]\" = \"$want[$i]\"; or return 1\n"
      "  end\n"
      "end\n";
  for (const Option& option : SharedOptions()) {
    out += "complete -c tidegate" + FishNames(option) + (option.value.empty() ? "" : " -x") +
           (option.choices.empty() ? "" : " -a " + Quoted(Joined(option.choices))) + " -d " +
           Quoted(option.help) + "\n";
  }
  for (const Node& node : Nodes(commands)) {
    const std::string where = " -n " + Quoted("__tidegate_at \"" + node.path + "\"");
    if (!node.words.empty()) {
      out += "complete -c tidegate -f" + where + " -a " + Quoted(Joined(node.words)) + "\n";
    }
    if (node.command == nullptr) continue;
    for (const Option& option : node.command->options) {
      out += "complete -c tidegate" + where + FishNames(option);
      if (TakesNextWord(option)) out += TakesFile(option) ? " -r -F" : " -x";
      if (!option.choices.empty()) out += " -a " + Quoted(Joined(option.choices));
      out += " -d " + Quoted(option.help) + "\n";
    }
  }
  return out;
}

}  // namespace tidegate::cli
