#include "cli/repl_input.h"

#include <algorithm>
#include <array>

#include "cli/chat_options.h"
#include "cli/prompt_files.h"

namespace tidegate::cli {
namespace {

constexpr std::string_view kFence = "\"\"\"";
constexpr std::array<std::string_view, 6> kShown = {"info",       "license", "modelfile",
                                                    "parameters", "system",  "template"};

std::string_view TrimBlanks(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// `line` without its first words.
std::string_view Behind(std::string_view line, std::size_t words) {
  for (; words > 0; --words) {
    const std::size_t blank = line.find_first_of(" \t");
    if (blank == std::string_view::npos) return {};
    line = TrimBlanks(line.substr(blank));
  }
  return line;
}

ReplStep Help(std::string_view topic) {
  return {.kind = ReplKind::kHelp, .text = std::string(topic)};
}

ReplStep Switch(ReplKind kind, bool on) { return {.kind = kind, .on = on}; }

ReplStep Unknown(std::string_view line) {
  return {.kind = ReplKind::kUnknown, .text = std::string(line)};
}

// "/load NAME" and "/save NAME" take one word.
ReplStep Named(ReplKind kind, const std::vector<std::string>& words) {
  if (words.size() != 2) return Help("");
  return {.kind = kind, .text = words[1]};
}

ReplStep HelpOn(const std::vector<std::string>& words) {
  std::string_view topic = words.size() > 1 ? std::string_view(words[1]) : std::string_view();
  if (topic.starts_with('/')) topic.remove_prefix(1);
  if (topic == "shortcut") topic = "shortcuts";
  if (topic == "parameters") topic = "parameter";
  const bool known =
      topic == "set" || topic == "show" || topic == "parameter" || topic == "shortcuts";
  return Help(known ? topic : "");
}

}  // namespace

void ReplInput::Reset() {
  open_ = false;
  text_.clear();
}

ReplStep ReplInput::Set(std::string_view line, const std::vector<std::string>& words) {
  if (words.size() < 2) return Help("set");
  const std::string& what = words[1];
  if (what == "system") {
    const std::string_view text = Behind(line, 2);
    if (text.starts_with(kFence)) return Open(ReplKind::kSetSystem, text.substr(kFence.size()));
    return {.kind = ReplKind::kSetSystem, .text = std::string(text)};
  }
  if (what == "parameter") {
    if (words.size() < 4) return Help("parameter");
    return {.kind = ReplKind::kSetParameter, .words = {words.begin() + 2, words.end()}};
  }
  if (what == "think") {
    return {.kind = ReplKind::kSetThink, .text = words.size() > 2 ? words[2] : "true"};
  }
  if (what == "format") {
    const bool json = words.size() == 3 && words[2] == "json";
    return json ? ReplStep{.kind = ReplKind::kSetFormat, .text = "json"} : Help("set");
  }
  if (what == "nothink") return {.kind = ReplKind::kSetThink, .text = "false"};
  if (what == "noformat") return {.kind = ReplKind::kSetFormat};
  if (what == "history" || what == "nohistory") {
    return Switch(ReplKind::kSetHistory, what == "history");
  }
  if (what == "wordwrap" || what == "nowordwrap") {
    return Switch(ReplKind::kSetWordWrap, what == "wordwrap");
  }
  if (what == "verbose" || what == "quiet") return Switch(ReplKind::kSetVerbose, what == "verbose");
  return Unknown(line);
}

ReplStep ReplInput::Command(std::string_view line) {
  const std::vector<std::string> words = SplitWords(line);
  const std::string& command = words.front();
  if (command == "/bye" || command == "/exit") return {.kind = ReplKind::kBye};
  if (command == "/clear") return {.kind = ReplKind::kClear};
  if (command == "/list") return {.kind = ReplKind::kList};
  if (command == "/help" || command == "/?") return HelpOn(words);
  if (command == "/set") return Set(line, words);
  if (command == "/load") return Named(ReplKind::kLoad, words);
  if (command == "/save") return Named(ReplKind::kSave, words);
  if (command == "/show") {
    const bool known =
        words.size() == 2 && std::find(kShown.begin(), kShown.end(), words[1]) != kShown.end();
    return known ? ReplStep{.kind = ReplKind::kShow, .text = words[1]} : Help("show");
  }
  return Unknown(line);
}

ReplStep ReplInput::Open(ReplKind kind, std::string_view line) {
  open_ = true;
  kind_ = kind;
  text_.clear();
  return Continue(line);
}

ReplStep ReplInput::Continue(std::string_view line) {
  const std::size_t end = line.find(kFence);
  text_ += line.substr(0, end);
  if (end == std::string_view::npos) return {.kind = ReplKind::kMore};
  ReplStep step{.kind = kind_, .text = text_};
  Reset();
  if (step.kind == ReplKind::kMessage && step.text.empty()) return {.kind = ReplKind::kNothing};
  return step;
}

ReplStep ReplInput::Feed(std::string_view line) {
  if (open_) {
    text_ += '\n';
    return Continue(line);
  }
  const std::string_view trimmed = TrimBlanks(line);
  if (trimmed.empty()) return {.kind = ReplKind::kNothing};
  if (trimmed.starts_with(kFence)) {
    return Open(ReplKind::kMessage, trimmed.substr(kFence.size()));
  }
  if (trimmed.starts_with('/') && !BeginsWithPath(trimmed)) return Command(trimmed);
  return {.kind = ReplKind::kMessage, .text = std::string(line)};
}

std::string ReplHelp(std::string_view topic) {
  if (topic == "set") {
    return "  /set system TEXT            how the model shall behave; without TEXT: as it likes\n"
           "  /set parameter NAME VALUE   a parameter of the model; /? parameter lists them\n"
           "  /set format json            answers are JSON; /set noformat: any text\n"
           "  /set think [LEVEL]          the model thinks first; /set nothink: it does not\n"
           "  /set verbose                statistics after each answer; /set quiet: none\n"
           "  /set wordwrap               lines break between words; /set nowordwrap: anywhere\n"
           "  /set history                what you type is kept; /set nohistory: it is not\n";
  }
  if (topic == "show") {
    return "  /show info         what the model is and what it can do\n"
           "  /show license      its license\n"
           "  /show modelfile    the recipe that it was made by\n"
           "  /show parameters   its parameters, and those set here\n"
           "  /show system       the system message\n"
           "  /show template     the template of its prompts\n";
  }
  if (topic == "parameter") {
    std::string names;
    std::size_t column = 0;
    for (const std::string& name : ParameterNames()) {
      if (column + name.size() > 70) {
        names += "\n";
        column = 0;
      }
      names += (column == 0 ? "  " : " ") + name;
      column += name.size() + 1;
    }
    return "  /set parameter NAME VALUE, where NAME is one of\n" + names +
           "\n  /set parameter stop \"TEXT\" …   takes several\n";
  }
  if (topic == "shortcuts") {
    return "  Ctrl-A, Ctrl-E     to the beginning, the end of the line\n"
           "  Alt-B, Alt-F       a word back, ahead\n"
           "  Ctrl-B, Ctrl-F     a character back, ahead; so do the arrows\n"
           "  Ctrl-K, Ctrl-U     delete to the end, to the beginning of the line\n"
           "  Ctrl-W             delete the word before the cursor\n"
           "  Ctrl-D             delete a character; on an empty line: leave\n"
           "  up, down           recall what was typed\n"
           "  Ctrl-C             stop an answer; twice on an empty line: leave\n";
  }
  return "  /set          how the chat and the model behave; /? set says more\n"
         "  /show         what is known of the model; /? show says more\n"
         "  /load MODEL   go on with another model and an empty conversation\n"
         "  /save NAME    keep model, settings and conversation as a model of that name\n"
         "  /list         the models on this device\n"
         "  /clear        forget the conversation\n"
         "  /bye          leave; so does Ctrl-D\n"
         "  /?, /help     this page; /? shortcuts: the keys\n\n"
         "  \"\"\" begins and ends a text of several lines, also behind /set system.\n"
         "  Paths of pictures and sounds in a message are sent with it: ./cat.png\n";
}

}  // namespace tidegate::cli
