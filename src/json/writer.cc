#include "json/writer.h"

#include <array>
#include <charconv>
#include <cmath>

#include "base/utf8.h"

namespace tidegate::json {
namespace {

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
      const Utf8Sequence sequence = FirstUtf8Sequence(text.substr(at));
      if (!sequence.valid) {
        out.append(text, copied, at - copied);
        out += kReplacementCharacter;
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
