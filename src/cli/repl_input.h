// What a line of a chat means: part of a message, or a command that begins with '/'. Sans I/O.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tidegate::cli {

enum class ReplKind : std::uint8_t {
  kNothing,  // a blank line
  kMore,     // a message in """ that goes on
  kMessage,  // `text` is to be sent
  kBye,
  kClear,
  kSetSystem,  // `text` is the system message; empty = none
  kHelp,
  kUnknown,  // a command that there is not; `text` is what was typed
};

struct ReplStep {
  ReplKind kind = ReplKind::kNothing;
  std::string text = {};
};

class ReplInput {
 public:
  ReplStep Feed(std::string_view line);
  // Inside a message in """.
  bool open() const { return open_; }
  // Forgets an unfinished message.
  void Reset();

 private:
  ReplStep Command(std::string_view line) const;
  bool open_ = false;
  std::string message_;
};

// The commands and keys, for /help.
std::string_view ReplHelp();

}  // namespace tidegate::cli
