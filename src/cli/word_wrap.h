// Breaks a text that arrives in pieces between its words, so that it fits a terminal.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace tidegate::cli {

// Sans I/O. A word is held back until it is known whether it fits its line; nothing else is.
class WordWrap {
 public:
  // 0 = everything passes as it is. REQUIRES: 0 or at least 2.
  explicit WordWrap(std::size_t columns) : columns_(columns) {}
  // What of it can be shown now. REQUIRES: whole characters of UTF-8.
  std::string Feed(std::string_view text);
  // What was held back.
  std::string Flush();

 private:
  void Commit(std::string& out);
  std::size_t columns_;
  std::size_t column_ = 0;  // behind what has been shown
  std::string blanks_;      // before the word; they vanish where a line is broken
  std::size_t blank_columns_ = 0;
  std::string word_;
  std::size_t word_columns_ = 0;
};

}  // namespace tidegate::cli
