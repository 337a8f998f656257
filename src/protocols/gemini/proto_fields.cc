#include "protocols/gemini/proto_fields.h"

#include <algorithm>
#include <charconv>

namespace tidegate::protocols::gemini {
namespace {

char Upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }

}  // namespace

std::string_view CamelName(std::string_view name, std::array<char, kMemberNameBytesMax>& buffer) {
  if (name.size() > buffer.size()) return name;
  std::size_t size = 0;
  bool raise = false;
  for (const char c : name) {
    if (c == '_' && size > 0) {
      raise = true;
      continue;
    }
    buffer[size++] = raise ? Upper(c) : c;
    raise = false;
  }
  return {buffer.data(), size};
}

Result<std::int64_t> IntegerOf(const json::Value& value, std::int64_t low, std::int64_t high) {
  if (!value.is_string()) return value.IntegerIn(low, high);
  const std::string_view text = *value.String();
  std::int64_t number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) {
    return value.Mismatch("an integer");
  }
  if (number < low || number > high) {
    return value.Invalid("must be an integer from " + std::to_string(low) + " to " +
                         std::to_string(high));
  }
  return number;
}

bool IsWord(std::string_view text, std::string_view word) {
  return std::equal(text.begin(), text.end(), word.begin(), word.end(),
                    [](char a, char b) { return Upper(a) == b; });
}

bool IsPlainBase64(std::string_view text) {
  return text.size() % 4 == 0 && text.find('-') == std::string_view::npos &&
         text.find('_') == std::string_view::npos;
}

std::string ToPlainBase64(std::string_view text) {
  std::string plain(text);
  std::replace(plain.begin(), plain.end(), '-', '+');
  std::replace(plain.begin(), plain.end(), '_', '/');
  while (plain.size() % 4 != 0) plain += '=';
  return plain;
}

}  // namespace tidegate::protocols::gemini
