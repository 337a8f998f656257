#include "cli/repl_input.h"

namespace tidegate::cli {
namespace {

constexpr std::string_view kFence = "\"\"\"";

std::string_view TrimBlanks(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

}  // namespace

void ReplInput::Reset() {
  open_ = false;
  message_.clear();
}

ReplStep ReplInput::Command(std::string_view line) const {
  constexpr std::string_view kSetSystem = "/set system";
  if (line == "/bye" || line == "/exit") return {ReplKind::kBye};
  if (line == "/clear") return {ReplKind::kClear};
  if (line == "/help" || line == "/?") return {ReplKind::kHelp};
  if (line == kSetSystem) return {ReplKind::kSetSystem};
  if (line.starts_with(kSetSystem) && line[kSetSystem.size()] == ' ') {
    return {ReplKind::kSetSystem, std::string(TrimBlanks(line.substr(kSetSystem.size())))};
  }
  return {ReplKind::kUnknown, std::string(line)};
}

ReplStep ReplInput::Feed(std::string_view line) {
  if (!open_) {
    const std::string_view trimmed = TrimBlanks(line);
    if (trimmed.empty()) return {ReplKind::kNothing};
    if (!trimmed.starts_with(kFence)) {
      if (trimmed.starts_with('/')) return Command(trimmed);
      return {ReplKind::kMessage, std::string(line)};
    }
    open_ = true;
    message_.clear();
    line = trimmed.substr(kFence.size());
  } else {
    message_ += '\n';
  }
  const std::size_t end = line.find(kFence);
  message_ += line.substr(0, end);
  if (end == std::string_view::npos) return {ReplKind::kMore};
  ReplStep step{ReplKind::kMessage, message_};
  Reset();
  return step.text.empty() ? ReplStep{ReplKind::kNothing} : step;
}

std::string_view ReplHelp() {
  return "  \"\"\"               begin or end a message of several lines\n"
         "  /set system TEXT  how the model shall behave; without TEXT: as it likes\n"
         "  /clear            forget the conversation\n"
         "  /bye              leave; so does Ctrl-D\n"
         "  Ctrl-C            stop an answer; again on an empty line: leave\n"
         "  arrows, Ctrl-A E K U W, Alt-B F edit; up and down recall what was typed\n";
}

}  // namespace tidegate::cli
