// What a line of a chat means: part of a message, or a command that begins with '/'. Sans I/O.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tidegate::cli {

enum class ReplKind : std::uint8_t {
  kNothing,  // a blank line
  kMore,     // a text in """ that goes on
  kMessage,  // `text` is to be sent
  kBye,
  kClear,
  kList,
  kSetSystem,     // `text` is the system message; empty = none
  kSetParameter,  // `words`: the name and its values
  kSetHistory,    // `on`
  kSetWordWrap,   // `on`
  kSetVerbose,    // `on`
  kSetFormat,     // `text`: "json", or empty = none
  kSetThink,      // `text`: "true", "false" or a level
  kShow,          // `text`: "info", "license", "modelfile", "parameters", "system" or "template"
  kLoad,          // `text`: a model
  kSave,          // `text`: the name of the new model
  kHelp,          // `text`: of what: "", "set", "show", "parameter" or "shortcuts"
  kUnknown,       // a command that there is not; `text` is what was typed
};

struct ReplStep {
  ReplKind kind = ReplKind::kNothing;
  std::string text = {};
  std::vector<std::string> words = {};
  bool on = false;
};

class ReplInput {
 public:
  ReplStep Feed(std::string_view line);
  // Inside a text in """.
  bool open() const { return open_; }
  // Forgets an unfinished text.
  void Reset();

 private:
  ReplStep Command(std::string_view line);
  ReplStep Set(std::string_view line, const std::vector<std::string>& words);
  // `line` is what follows the opening quotes.
  ReplStep Open(ReplKind kind, std::string_view line);
  ReplStep Continue(std::string_view line);
  bool open_ = false;
  ReplKind kind_ = ReplKind::kMessage;  // what the open text will be
  std::string text_;
};

// The page for /help and /? with one of the topics of kHelp.
std::string ReplHelp(std::string_view topic);

}  // namespace tidegate::cli
