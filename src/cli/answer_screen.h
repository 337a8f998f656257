// Puts the pieces of an answer on standard output as they arrive.
#pragma once

#include <cstddef>

#include "cli/chat.h"
#include "cli/command.h"
#include "cli/progress.h"
#include "cli/word_wrap.h"

namespace tidegate::cli {

struct AnswerStyle {
  bool wrap = true;           // between words, at a terminal
  bool show_thinking = true;  // at a terminal; a pipe gets the answer only
  bool verbose = false;       // statistics and the decision behind the answer
};

// A terminal gets printable text, thoughts dimmed between two marks, and lines that fit; anything
// else gets the bytes of the answer as they are. With --json nothing is shown. Stops the spinner
// before the first piece.
class AnswerScreen {
 public:
  AnswerScreen(Context& context, Spinner& spinner, const AnswerStyle& style);
  void Show(const ChatDelta& delta);
  void End();

 private:
  void ShowThinking(const std::string& thinking);
  void ShowText(const std::string& text);
  void ShowCalls(const ChatDelta& delta);
  void EndThinking();
  void Write(std::string_view text);
  Context& context_;
  Spinner& spinner_;
  const AnswerStyle style_;
  const bool terminal_;
  const std::size_t columns_;  // to wrap at; 0 = not at all
  WordWrap wrap_;
  bool thinking_ = false;
  bool open_line_ = false;
};

}  // namespace tidegate::cli
