#include "cli/display_text.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <iterator>

namespace tidegate::cli {
namespace {

struct Range {
  char32_t first, last;
};

// Marks that take no column of their own: the blocks of combining marks of the scripts in wide use,
// joiners, variation selectors. Sorted.
constexpr Range kZeroWidth[] = {
    {0x0300, 0x036F},   {0x0483, 0x0489},   {0x0591, 0x05BD}, {0x05BF, 0x05BF}, {0x05C1, 0x05C2},
    {0x0610, 0x061A},   {0x064B, 0x065F},   {0x0670, 0x0670}, {0x06D6, 0x06DC}, {0x06DF, 0x06E4},
    {0x0900, 0x0902},   {0x093C, 0x093C},   {0x0941, 0x0948}, {0x094D, 0x094D}, {0x0E31, 0x0E31},
    {0x0E34, 0x0E3A},   {0x0E47, 0x0E4E},   {0x1AB0, 0x1AFF}, {0x1DC0, 0x1DFF}, {0x200B, 0x200F},
    {0x202A, 0x202E},   {0x2060, 0x2064},   {0x2066, 0x2069}, {0x20D0, 0x20F0}, {0x302A, 0x302D},
    {0x3099, 0x309A},   {0xFE00, 0xFE0F},   {0xFE20, 0xFE2F}, {0xFEFF, 0xFEFF}, {0x1F3FB, 0x1F3FF},
    {0xE0001, 0xE007F}, {0xE0100, 0xE01EF},
};

// East Asian Wide and Fullwidth (UAX #11) in whole blocks, and the emoji drawn wide. Sorted.
constexpr Range kWide[] = {
    {0x1100, 0x115F},   {0x231A, 0x231B},   {0x23E9, 0x23EC},   {0x25FD, 0x25FE},
    {0x2614, 0x2615},   {0x2648, 0x2653},   {0x26A1, 0x26A1},   {0x26BD, 0x26BE},
    {0x26C4, 0x26C5},   {0x2705, 0x2705},   {0x2728, 0x2728},   {0x274C, 0x274C},
    {0x2753, 0x2755},   {0x2795, 0x2797},   {0x2B1B, 0x2B1C},   {0x2B50, 0x2B50},
    {0x2E80, 0x303E},   {0x3041, 0x33FF},   {0x3400, 0x4DBF},   {0x4E00, 0xA4CF},
    {0xA960, 0xA97F},   {0xAC00, 0xD7A3},   {0xF900, 0xFAFF},   {0xFE30, 0xFE6F},
    {0xFF00, 0xFF60},   {0xFFE0, 0xFFE6},   {0x16FE0, 0x18CFF}, {0x1B000, 0x1B2FF},
    {0x1F18E, 0x1F18E}, {0x1F191, 0x1F19A}, {0x1F200, 0x1F320}, {0x1F32D, 0x1F64F},
    {0x1F680, 0x1F6FF}, {0x1F7E0, 0x1F7EB}, {0x1F900, 0x1FAFF}, {0x20000, 0x3FFFD},
};

template <std::size_t N>
bool In(const Range (&ranges)[N], char32_t code) {
  const Range* after =
      std::upper_bound(std::begin(ranges), std::end(ranges), code,
                       [](char32_t value, const Range& range) { return value < range.first; });
  return after != std::begin(ranges) && code <= std::prev(after)->last;
}

bool IsControl(char32_t code) { return code < 0x20 || (code >= 0x7F && code < 0xA0); }

// LRM, RLM, embeddings, overrides and isolates: they make text look like another.
bool IsBidirectional(char32_t code) {
  return code == 0x200E || code == 0x200F || (code >= 0x202A && code <= 0x202E) ||
         (code >= 0x2066 && code <= 0x2069);
}

}  // namespace

Glyph FirstGlyph(std::string_view text) {
  if (text.empty()) return Glyph{};
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const Glyph broken{1, 1, 0xFFFD};
  if (byte(0) < 0x80) return Glyph{1, IsControl(byte(0)) ? 0U : 1U, byte(0)};
  const std::size_t size = byte(0) >= 0xF0 ? 4 : byte(0) >= 0xE0 ? 3 : 2;
  if (byte(0) < 0xC2 || byte(0) > 0xF4 || text.size() < size) return broken;
  char32_t code = byte(0) & (0xFFU >> (size + 1));
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xC0U) != 0x80U) return broken;
    code = (code << 6U) | (byte(i) & 0x3FU);
  }
  if (IsControl(code) || In(kZeroWidth, code)) return Glyph{size, 0, code};
  return Glyph{size, In(kWide, code) ? 2U : 1U, code};
}

std::size_t DisplayWidth(std::string_view text) {
  std::size_t columns = 0;
  while (!text.empty()) {
    const Glyph glyph = FirstGlyph(text);
    columns += glyph.columns;
    text.remove_prefix(glyph.bytes);
  }
  return columns;
}

std::string Cut(std::string_view text, std::size_t columns) {
  if (DisplayWidth(text) <= columns) return std::string(text);
  std::size_t bytes = 0;
  std::size_t used = 0;
  while (bytes < text.size()) {
    const Glyph glyph = FirstGlyph(text.substr(bytes));
    if (used + glyph.columns + 1 > columns) break;
    used += glyph.columns;
    bytes += glyph.bytes;
  }
  std::string out(text.substr(0, bytes));
  if (columns > 0) out += "…";
  return out;
}

std::vector<std::string> Wrap(std::string_view text, std::size_t columns) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    std::size_t bytes = 0;
    std::size_t used = 0;
    std::size_t blank = std::string_view::npos;  // the last blank that the line could end at
    while (bytes < text.size() && text[bytes] != '\n') {
      const Glyph glyph = FirstGlyph(text.substr(bytes));
      if (text[bytes] == ' ') blank = bytes;
      if (used + glyph.columns > columns) break;
      used += glyph.columns;
      bytes += glyph.bytes;
    }
    const bool whole = bytes == text.size() || text[bytes] == '\n';
    const std::size_t end = whole || blank == std::string_view::npos || blank == 0 ? bytes : blank;
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(end);
    if (!text.empty() && (text.front() == '\n' || text.front() == ' ')) text.remove_prefix(1);
  }
  if (lines.empty()) lines.emplace_back();
  return lines;
}

std::string Printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Glyph glyph = FirstGlyph(text);
    const bool kept = glyph.code == '\n' || glyph.code == '\t' ||
                      (!IsControl(glyph.code) && !IsBidirectional(glyph.code));
    if (kept && glyph.code == 0xFFFD && glyph.bytes == 1) {
      out += "\xEF\xBF\xBD";
    } else if (kept) {
      out += text.substr(0, glyph.bytes);
    }
    text.remove_prefix(glyph.bytes);
  }
  return out;
}

}  // namespace tidegate::cli
