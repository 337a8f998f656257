#include "cli/line_editor.h"

#include <algorithm>

#include "cli/display_text.h"

namespace tidegate::cli {
namespace {

// Letters, digits and everything beyond ASCII make words.
bool InWord(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
         static_cast<unsigned char>(c) >= 0x80;
}

bool Continues(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; }

std::string Move(std::size_t count, char direction) {
  return count == 0 ? "" : "\x1b[" + std::to_string(count) + direction;
}

}  // namespace

// One step over a character takes the marks that combine with it along.
std::size_t LineEditor::After(std::size_t at) const {
  if (at >= text_.size()) return text_.size();
  at += FirstGlyph(std::string_view(text_).substr(at)).bytes;
  while (at < text_.size() && text_[at] != '\n') {
    const Glyph next = FirstGlyph(std::string_view(text_).substr(at));
    if (next.columns != 0) break;
    at += next.bytes;
  }
  return at;
}

std::size_t LineEditor::Before(std::size_t at) const {
  while (at > 0) {
    --at;
    if (Continues(text_[at])) continue;
    if (text_[at] == '\n' || FirstGlyph(std::string_view(text_).substr(at)).columns != 0) break;
  }
  return at;
}

std::size_t LineEditor::WordBefore(std::size_t at) const {
  while (at > 0 && !InWord(text_[at - 1])) --at;
  while (at > 0 && InWord(text_[at - 1])) --at;
  return at;
}

std::size_t LineEditor::WordAfter(std::size_t at) const {
  while (at < text_.size() && !InWord(text_[at])) ++at;
  while (at < text_.size() && InWord(text_[at])) ++at;
  return at;
}

std::size_t LineEditor::LineBegin(std::size_t at) const {
  const std::size_t found = at == 0 ? std::string::npos : text_.rfind('\n', at - 1);
  return found == std::string::npos ? 0 : found + 1;
}

std::size_t LineEditor::LineEnd(std::size_t at) const {
  return std::min(text_.find('\n', at), text_.size());
}

void LineEditor::Insert(std::string_view text) {
  if (text_.size() + text.size() > kLineBytesMax) return;
  text_.insert(cursor_, text);
  cursor_ += text.size();
}

void LineEditor::Erase(std::size_t begin, std::size_t end) {
  text_.erase(begin, end - begin);
  cursor_ = begin;
}

void LineEditor::ShowEntry(std::size_t entry) {
  if (entry > history_.entries().size()) return;
  if (entry_ == history_.entries().size()) draft_ = text_;
  entry_ = entry;
  text_ = entry == history_.entries().size() ? draft_ : history_.entries()[entry];
  cursor_ = text_.size();
}

void LineEditor::Swap() {
  const std::size_t right = cursor_ == text_.size() ? Before(cursor_) : cursor_;
  if (right == 0) return;
  const std::size_t left = Before(right);
  const std::size_t end = After(right);
  std::rotate(text_.begin() + static_cast<std::ptrdiff_t>(left),
              text_.begin() + static_cast<std::ptrdiff_t>(right),
              text_.begin() + static_cast<std::ptrdiff_t>(end));
  cursor_ = end;
}

EditOutcome LineEditor::Control(char letter) {
  switch (letter) {
    case 'A':
      cursor_ = LineBegin(cursor_);
      break;
    case 'B':
      cursor_ = Before(cursor_);
      break;
    case 'C':
      return EditOutcome::kInterrupt;
    case 'D':
      if (text_.empty()) return EditOutcome::kEnd;
      Erase(cursor_, After(cursor_));
      break;
    case 'E':
      cursor_ = LineEnd(cursor_);
      break;
    case 'F':
      cursor_ = After(cursor_);
      break;
    case 'I':
      Insert("\t");
      break;
    case 'K':
      Erase(cursor_, LineEnd(cursor_));
      break;
    case 'N':
      ShowEntry(entry_ + 1);
      break;
    case 'P':
      if (entry_ > 0) ShowEntry(entry_ - 1);
      break;
    case 'T':
      Swap();
      break;
    case 'U':
      Erase(LineBegin(cursor_), cursor_);
      break;
    case 'W': {
      // As in a shell: back to the last blank, not to the last punctuation.
      std::size_t begin = cursor_;
      while (begin > 0 && (text_[begin - 1] == ' ' || text_[begin - 1] == '\n')) --begin;
      while (begin > 0 && text_[begin - 1] != ' ' && text_[begin - 1] != '\n') --begin;
      Erase(begin, cursor_);
      break;
    }
    default:
      break;
  }
  return EditOutcome::kEditing;
}

EditOutcome LineEditor::Press(const Key& key) {
  switch (key.kind) {
    case KeyKind::kText:
      Insert(key.text);
      break;
    case KeyKind::kControl:
      if (pasting_) {
        if (key.text == "I") Insert("\t");
        break;
      }
      return Control(key.text.empty() ? '\0' : key.text.front());
    case KeyKind::kEnter:
      if (!pasting_) return EditOutcome::kLine;
      Insert("\n");
      break;
    case KeyKind::kBackspace:
      Erase(Before(cursor_), cursor_);
      break;
    case KeyKind::kDelete:
      Erase(cursor_, After(cursor_));
      break;
    case KeyKind::kLeft:
      cursor_ = Before(cursor_);
      break;
    case KeyKind::kRight:
      cursor_ = After(cursor_);
      break;
    case KeyKind::kUp:
      return Control('P');
    case KeyKind::kDown:
      return Control('N');
    case KeyKind::kHome:
      return Control('A');
    case KeyKind::kEnd:
      return Control('E');
    case KeyKind::kWordLeft:
      cursor_ = WordBefore(cursor_);
      break;
    case KeyKind::kWordRight:
      cursor_ = WordAfter(cursor_);
      break;
    case KeyKind::kPasteBegin:
      pasting_ = true;
      break;
    case KeyKind::kPasteEnd:
      pasting_ = false;
      break;
    case KeyKind::kOther:
      break;
  }
  return EditOutcome::kEditing;
}

// Row breaks are written by us instead of left to the terminal, because terminals differ in where
// the cursor stands after a character in the last column.
std::string LineView::Show(std::string_view prompt, std::string_view text, std::size_t cursor,
                           std::size_t columns) {
  std::string out = "\r" + Move(cursor_row_, 'A') + "\x1b[J";
  std::size_t row = 0;
  std::size_t column = 0;
  const auto next_row = [&] {
    out += "\r\n";
    ++row;
    column = 0;
  };
  const auto put = [&](std::string_view bytes, std::size_t width) {
    if (column + width > columns) next_row();
    out += bytes;
    column += width;
  };
  for (std::string_view rest = prompt; !rest.empty();) {
    const Glyph glyph = FirstGlyph(rest);
    put(rest.substr(0, glyph.bytes), glyph.columns);
    rest.remove_prefix(glyph.bytes);
  }
  std::size_t at_row = row;
  std::size_t at_column = column;
  for (std::size_t i = 0; i <= text.size();) {
    const Glyph glyph = FirstGlyph(text.substr(i));
    const std::size_t width = i < text.size() && text[i] == '\t' ? 1 : glyph.columns;
    // The cursor stands where the next character will.
    if (column + std::max<std::size_t>(width, 1) > columns) next_row();
    if (i == cursor) {
      at_row = row;
      at_column = column;
    }
    if (i == text.size()) break;
    if (text[i] == '\n') {
      next_row();
    } else if (text[i] == '\t') {
      put(" ", 1);
    } else if (glyph.columns != 0 || glyph.bytes > 1) {
      put(text.substr(i, glyph.bytes), glyph.columns);
    }
    i += glyph.bytes;
  }
  out += "\r" + Move(row - at_row, 'A') + Move(at_column, 'C');
  cursor_row_ = at_row;
  last_row_ = row;
  return out;
}

std::string LineView::Leave() { return Move(last_row_ - cursor_row_, 'B') + "\r\n"; }

}  // namespace tidegate::cli
