// Editing one line: a state machine from keys to text, and what to send to the terminal so that it
// shows that text. Sans I/O; line_reader.h connects it to a terminal.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "cli/history.h"
#include "cli/key_decoder.h"

namespace tidegate::cli {

inline constexpr std::size_t kLineBytesMax = 1U
                                             << 20U;  // of what is typed or pasted; more is dropped

enum class EditOutcome : std::uint8_t {
  kEditing,    // go on
  kLine,       // Enter: text() is the line
  kEnd,        // Ctrl-D on an empty line
  kInterrupt,  // Ctrl-C
};

// Emacs keys: arrows, Ctrl-A E B F P N, Ctrl-K U W, Ctrl-D H T, Alt-B F. The history must not
// change while a line is edited.
class LineEditor {
 public:
  explicit LineEditor(const History& history)
      : history_(history), entry_(history.entries().size()) {}
  EditOutcome Press(const Key& key);
  const std::string& text() const { return text_; }
  std::size_t cursor() const { return cursor_; }  // in bytes, between two characters

 private:
  EditOutcome Control(char letter);
  void Insert(std::string_view text);
  void Erase(std::size_t begin, std::size_t end);
  void ShowEntry(std::size_t entry);
  std::size_t Before(std::size_t at) const;
  std::size_t After(std::size_t at) const;
  std::size_t WordBefore(std::size_t at) const;
  std::size_t WordAfter(std::size_t at) const;
  std::size_t LineBegin(std::size_t at) const;
  std::size_t LineEnd(std::size_t at) const;
  void Swap();

  const History& history_;
  std::size_t entry_;  // shown now; the size of the history = the new line
  std::string draft_;  // the new line while an entry is shown
  std::string text_;
  std::size_t cursor_ = 0;
  bool pasting_ = false;
};

// What stands on the terminal of the line being edited, over as many rows as it needs.
class LineView {
 public:
  // The bytes that turn what is shown into `prompt` and `text` with the cursor at that byte.
  // REQUIRES: the cursor is in the first column when Show is first called.
  std::string Show(std::string_view prompt, std::string_view text, std::size_t cursor,
                   std::size_t columns);
  // The bytes that leave the line as it is and go to the row below it.
  std::string Leave();

 private:
  std::size_t cursor_row_ = 0;  // of the shown text
  std::size_t last_row_ = 0;
};

}  // namespace tidegate::cli
