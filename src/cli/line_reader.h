// Reading lines from a terminal with editing: raw mode, keys, screen.
#pragma once

#include <deque>
#include <string>
#include <string_view>

#include "cli/console.h"
#include "cli/history.h"
#include "cli/key_decoder.h"
#include "cli/line_editor.h"

namespace tidegate::cli {

// Thread-compatible. The terminal is raw only inside Read.
class LineReader {
 public:
  // REQUIRES: console.in_fd is a terminal.
  LineReader(Console& console, const History& history) : console_(console), history_(history) {}
  struct Line {
    EditOutcome outcome = EditOutcome::kEnd;  // never kEditing; kEnd also when the terminal is gone
    std::string text;                         // for kLine
  };
  // Keys typed ahead are kept for the next call.
  Line Read(std::string_view prompt);

 private:
  bool Fill();  // false = no more input
  Console& console_;
  const History& history_;
  KeyDecoder decoder_;
  std::deque<Key> keys_;
};

}  // namespace tidegate::cli
