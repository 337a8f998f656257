#include "json/value.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <vector>

namespace tidegate::json {
namespace {

// 2^53: every whole double up to here is one integer only.
constexpr double kWholeDoubleMax = 9007199254740992.0;
constexpr std::size_t kPathKeyBytesMax = 64;  // longer names are cut in a path
// Above, names are sorted instead of compared pairwise.
constexpr std::size_t kUniqueBySortMembers = 24;

bool IsPlainKey(std::string_view key) {
  return !key.empty() && key.size() <= kPathKeyBytesMax &&
         std::all_of(key.begin(), key.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '_' || c == '-';
         });
}

// ".key", or for a name that would not read well in a path ["key"] with odd characters shown as
// '?'.
void AppendKey(std::string& path, std::string_view key) {
  if (IsPlainKey(key)) {
    if (!path.empty()) path += '.';
    path += key;
    return;
  }
  path += "[\"";
  for (const char c : key.substr(0, kPathKeyBytesMax))
    path += c >= ' ' && c <= '~' && c != '"' ? c : '?';
  path += key.size() > kPathKeyBytesMax ? "…\"]" : "\"]";
}

}  // namespace

std::string_view ToString(Kind kind) {
  switch (kind) {
    case Kind::kNull:
      return "null";
    case Kind::kBool:
      return "a boolean";
    case Kind::kInteger:
      return "an integer";
    case Kind::kDouble:
      return "a number";
    case Kind::kString:
      return "a string";
    case Kind::kArray:
      return "an array";
    case Kind::kObject:
      return "an object";
  }
  return "a value";
}

Kind Value::kind() const {
  switch (Letter()) {
    case 't':
    case 'f':
      return Kind::kBool;
    case 'l':
    case 'u':
      return Kind::kInteger;
    case 'd':
      return Kind::kDouble;
    case '"':
      return Kind::kString;
    case '[':
      return Kind::kArray;
    case '{':
      return Kind::kObject;
    default:
      return Kind::kNull;
  }
}

Result<bool> Value::Bool() const {
  if (Letter() != 't' && Letter() != 'f') return Mismatch("a boolean");
  return Letter() == 't';
}

Result<std::int64_t> Value::Integer() const {
  // The last word of a tape is no value's, so this exists.
  const std::uint64_t number = document_->tape[index_ + 1];
  switch (Letter()) {
    case 'l':
      return static_cast<std::int64_t>(number);
    case 'u':
      return Invalid("the integer is too large: at most 9223372036854775807 is allowed");
    case 'd': {
      const double value = std::bit_cast<double>(number);
      if (std::abs(value) > kWholeDoubleMax || value != std::trunc(value)) {
        return Invalid("expected an integer, found a number with a fraction or beyond 2^53");
      }
      return static_cast<std::int64_t>(value);
    }
    default:
      return Mismatch("an integer");
  }
}

Result<std::int64_t> Value::IntegerIn(std::int64_t low, std::int64_t high) const {
  Result<std::int64_t> number = Integer();
  if (number.ok() && (*number < low || *number > high)) {
    return Invalid("must be an integer from " + std::to_string(low) + " to " +
                   std::to_string(high) + ", is " + std::to_string(*number));
  }
  return number;
}

Result<double> Value::Number() const {
  switch (Letter()) {
    case 'l':
      return static_cast<double>(static_cast<std::int64_t>(document_->tape[index_ + 1]));
    case 'u':
      return static_cast<double>(document_->tape[index_ + 1]);
    case 'd':
      return std::bit_cast<double>(document_->tape[index_ + 1]);
    default:
      return Mismatch("a number");
  }
}

// In the string buffer stand a 32-bit length, the bytes, and a NUL.
std::string_view Value::StringAt() const {
  const std::uint8_t* at = document_->strings + (Word() & 0x00FF'FFFF'FFFF'FFFF);
  std::uint32_t size = 0;
  std::memcpy(&size, at, sizeof(size));
  return {reinterpret_cast<const char*>(at) + sizeof(size), size};
}

Result<std::string_view> Value::String() const {
  if (!is_string()) return Mismatch("a string");
  return StringAt();
}

Result<json::Array> Value::Array() const {
  if (!is_array()) return Mismatch("an array");
  return json::Array(*this);
}

Result<json::Object> Value::Object() const {
  if (!is_object()) return Mismatch("an object");
  return json::Object(*this);
}

Span Value::span() const {
  const std::uint32_t begin = document_->offsets[index_];
  if (is_array() || is_object()) return {begin, document_->offsets[Next() - 1] + 1};
  // A scalar's text ends where white space, punctuation or the document does.
  const std::string_view text = document_->text;
  std::uint32_t end = begin + 1;
  if (is_string()) {
    while (text[end] != '"') end += text[end] == '\\' ? 2 : 1;
    return {begin, end + 1};
  }
  while (end < text.size() && (text[end] == '.' || text[end] == '+' || text[end] == '-' ||
                               (text[end] >= '0' && text[end] <= '9') ||
                               (text[end] >= 'a' && text[end] <= 'z') || text[end] == 'E')) {
    ++end;
  }
  return {begin, end};
}

// Walks down from the root, entering the one child whose words enclose ours.
std::string Value::Path() const {
  std::string path;
  Value at(*document_, 1);
  while (at.index_ < index_ && index_ < at.Next()) {
    if (at.is_array()) {
      std::size_t position = 0;
      Value element(*document_, at.index_ + 1);
      for (; element.Next() <= index_; element.index_ = element.Next()) ++position;
      path += "[" + std::to_string(position) + "]";
      at = element;
      continue;
    }
    Value key(*document_, at.index_ + 1);
    Value value(*document_, key.index_ + 1);
    while (value.Next() <= index_) {
      key.index_ = value.Next();
      value.index_ = key.index_ + 1;
    }
    AppendKey(path, key.StringAt());
    at = value;
  }
  return path;
}

Error Value::Mismatch(std::string_view expected) const {
  return Invalid("expected " + std::string(expected) + ", found " + std::string(ToString(kind())));
}

Error Value::Invalid(std::string message) const {
  return InvalidArgument(Path(), std::move(message));
}

std::size_t Array::Count() const {
  std::size_t count = 0;
  for (Iterator it = begin(); it != end(); ++it) ++count;
  return count;
}

std::optional<Value> Object::Find(std::string_view key) const {
  for (const Member& member : *this) {
    if (member.key == key) return member.value;
  }
  return std::nullopt;
}

Result<Value> Object::Get(std::string_view key) const {
  if (const std::optional<Value> found = Find(key)) return *found;
  return InvalidArgument(PathOf(key), "is required");
}

Result<void> Object::RequireUniqueKeys() const {
  std::vector<std::string_view> keys;
  for (const Member& member : *this) keys.push_back(member.key);
  std::optional<std::string_view> twice;
  if (keys.size() <= kUniqueBySortMembers) {
    for (std::size_t i = 1; i < keys.size() && !twice; ++i) {
      if (std::find(keys.begin(), keys.begin() + static_cast<std::ptrdiff_t>(i), keys[i]) !=
          keys.begin() + static_cast<std::ptrdiff_t>(i)) {
        twice = keys[i];
      }
    }
  } else {
    std::sort(keys.begin(), keys.end());
    const auto found = std::adjacent_find(keys.begin(), keys.end());
    if (found != keys.end()) twice = *found;
  }
  if (!twice) return {};
  return InvalidArgument(PathOf(*twice), "stands more than once in its object");
}

std::string Object::PathOf(std::string_view key) const {
  std::string path = object_.Path();
  AppendKey(path, key);
  return path;
}

}  // namespace tidegate::json
