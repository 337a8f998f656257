#include "json/writer.h"

#include <array>
#include <charconv>
#include <cmath>

namespace tidegate::json {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

// 0 = ordinary ASCII, 1 = must be escaped, 2 = not ASCII.
constexpr std::array<std::uint8_t, 256> MakeClasses() {
  std::array<std::uint8_t, 256> classes{};
  for (std::size_t c = 0; c < 0x20; ++c) classes[c] = 1;
  classes['"'] = 1;
  classes['\\'] = 1;
  for (std::size_t c = 0x80; c < 0x100; ++c) classes[c] = 2;
  return classes;
}
constexpr std::array<std::uint8_t, 256> kClasses = MakeClasses();

void AppendEscaped(std::string& out, unsigned char c) {
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\b':
      out += "\\b";
      return;
    case '\f':
      out += "\\f";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      break;
  }
  constexpr std::string_view kDigits = "0123456789abcdef";
  out += "\\u00";
  out += kDigits[c >> 4];
  out += kDigits[c & 15];
}

struct Sequence {
  std::size_t bytes;
  bool valid;
};

// The UTF-8 sequence at the start of `text`, or its maximal invalid part (Unicode 15, section 3.9,
// table 3-7). REQUIRES: text begins with a byte >= 0x80.
Sequence DecodeSequence(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  std::size_t size = 0;
  if (lead >= 0xC2 && lead <= 0xDF) size = 2;
  if (lead >= 0xE0 && lead <= 0xEF) size = 3;
  if (lead >= 0xF0 && lead <= 0xF4) size = 4;
  if (size == 0) return {1, false};
  unsigned char low = 0x80;
  unsigned char high = 0xBF;
  if (lead == 0xE0) low = 0xA0;   // overlong
  if (lead == 0xED) high = 0x9F;  // surrogates
  if (lead == 0xF0) low = 0x90;   // overlong
  if (lead == 0xF4) high = 0x8F;  // beyond U+10FFFF
  for (std::size_t i = 1; i < size; ++i) {
    if (i >= text.size() || byte(i) < low || byte(i) > high) return {i, false};
    low = 0x80;
    high = 0xBF;
  }
  return {size, true};
}

}  // namespace

void EscapeInto(std::string& out, std::string_view text) {
  std::size_t copied = 0;
  std::size_t at = 0;
  while (at < text.size()) {
    const unsigned char c = static_cast<unsigned char>(text[at]);
    if (kClasses[c] == 0) {
      ++at;
      continue;
    }
    if (kClasses[c] == 2) {
      const Sequence sequence = DecodeSequence(text.substr(at));
      if (!sequence.valid) {
        out.append(text, copied, at - copied);
        out += kReplacement;
        copied = at + sequence.bytes;
      }
      at += sequence.bytes;
      continue;
    }
    out.append(text, copied, at - copied);
    AppendEscaped(out, c);
    copied = ++at;
  }
  out.append(text, copied, at - copied);
}

Writer& Writer::Key(std::string_view key) {
  String(key);
  out_ += ':';
  comma_ = false;
  return *this;
}

Writer& Writer::String(std::string_view text) {
  Separate();
  out_ += '"';
  EscapeInto(out_, text);
  out_ += '"';
  return *this;
}

Writer& Writer::Integer(std::int64_t number) {
  Separate();
  std::array<char, 24> digits;
  const std::to_chars_result end =
      std::to_chars(digits.data(), digits.data() + digits.size(), number);
  out_.append(digits.data(), end.ptr);
  return *this;
}

Writer& Writer::Double(double number) {
  if (!std::isfinite(number)) return Null();
  Separate();
  std::array<char, 40> digits;
  char* const limit = digits.data() + digits.size();
  // Beyond 64 bits a number without a fraction or exponent would be read as an integer that does
  // not fit.
  constexpr double kPlainMax = 1e17;
  const std::to_chars_result end =
      std::abs(number) < kPlainMax
          ? std::to_chars(digits.data(), limit, number)
          : std::to_chars(digits.data(), limit, number, std::chars_format::scientific);
  out_.append(digits.data(), end.ptr);
  return *this;
}

Writer& Writer::Raw(std::string_view json) {
  Separate();
  out_ += json;
  return *this;
}

Writer& Writer::Begin(char bracket) {
  Separate();
  out_ += bracket;
  comma_ = false;
  return *this;
}

Writer& Writer::End(char bracket) {
  out_ += bracket;
  comma_ = true;
  return *this;
}

}  // namespace tidegate::json
