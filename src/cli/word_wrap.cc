#include "cli/word_wrap.h"

#include "cli/display_text.h"

namespace tidegate::cli {

// Puts the word on its line, or on the next when it is too long for the rest of this one.
void WordWrap::Commit(std::string& out) {
  if (word_.empty()) return;
  if (column_ > 0 && column_ + blank_columns_ + word_columns_ > columns_) {
    out += '\n';
    column_ = 0;
  } else {
    out += blanks_;
    column_ += blank_columns_;
  }
  out += word_;
  column_ += word_columns_;
  blanks_.clear();
  word_.clear();
  blank_columns_ = word_columns_ = 0;
}

std::string WordWrap::Flush() {
  std::string out;
  Commit(out);
  out += blanks_;
  column_ += blank_columns_;
  blanks_.clear();
  blank_columns_ = 0;
  return out;
}

std::string WordWrap::Feed(std::string_view text) {
  if (columns_ == 0) return std::string(text);
  constexpr std::size_t kTab = 8;
  std::string out;
  while (!text.empty()) {
    const Glyph glyph = FirstGlyph(text);
    const std::string_view bytes = text.substr(0, glyph.bytes);
    text.remove_prefix(glyph.bytes);
    if (bytes == "\n") {
      out += Flush() + '\n';
      column_ = 0;
    } else if (bytes == " " || bytes == "\t") {
      Commit(out);
      blanks_ += bytes;
      blank_columns_ += bytes == " " ? 1 : kTab - (column_ + blank_columns_) % kTab;
    } else {
      if (glyph.columns == 2) Commit(out);  // scripts of wide characters have no blanks
      word_ += bytes;
      word_columns_ += glyph.columns;
      if (glyph.columns == 2 || word_columns_ >= columns_) Commit(out);
    }
  }
  return out;
}

}  // namespace tidegate::cli
