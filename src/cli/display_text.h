// How much room a text takes on a terminal, and making foreign text safe to show there.
//
// Names, errors and answers come from outside. A control sequence in them could rewrite what stands
// on the screen, so everything foreign passes Printable before a terminal sees it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace tidegate::cli {

// The next character of a UTF-8 text: how many bytes it has (at least 1 unless the text is empty)
// and how many columns it takes: 0 for combining marks and controls, 2 for East Asian wide ones and
// emoji, else 1. A broken byte is one column.
struct Glyph {
  std::size_t bytes = 0;
  std::size_t columns = 0;
  char32_t code = 0;
};
Glyph FirstGlyph(std::string_view text);

std::size_t DisplayWidth(std::string_view text);
// `text`, or as much of it as fits in `columns` with '…' at its end.
std::string Cut(std::string_view text, std::size_t columns);
// `text` in lines of at most `columns`, broken at blanks where possible. REQUIRES: columns >= 2.
std::vector<std::string> Wrap(std::string_view text, std::size_t columns);
// Without control characters other than newline and tab, and without bidirectional overrides.
std::string Printable(std::string_view text);

}  // namespace tidegate::cli
