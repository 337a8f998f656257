// Members of answers, where what is missing, null or of another type is simply not there.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "json/value.h"
#include "protocols/fields.h"

namespace tidegate::protocols {

// The member, unless it is missing or null: both mean the same in answers.
inline std::optional<json::Value> FindSet(const json::Object& object, std::string_view key) {
  std::optional<json::Value> value = object.Find(key);
  if (value && value->is_null()) value.reset();
  return value;
}

// The member's text; empty when it is missing or no string.
inline std::string_view StringOrEmpty(const json::Object& object, std::string_view key) {
  const std::optional<json::Value> value = object.Find(key);
  return value && value->is_string() ? *value->String() : std::string_view();
}

// The listed members of an object, found in one pass: of those that stand twice the first, and none
// that are null. Lives as long as the document.
template <std::size_t N>
class SetMembers {
 public:
  SetMembers(const FieldNames<N>& names, const json::Object& object)
      : document_(object.value().document()) {
    for (const json::Member& member : object) {
      const std::size_t index = names.Find(member.key);
      if (index < N && values_[index] == 0) values_[index] = member.value.position();
    }
  }
  std::optional<json::Value> operator[](std::size_t index) const {
    if (values_[index] == 0) return std::nullopt;
    const json::Value value(document_, values_[index]);
    if (value.is_null()) return std::nullopt;
    return value;
  }
  std::string_view StringOrEmpty(std::size_t index) const {
    const std::optional<json::Value> value = (*this)[index];
    return value && value->is_string() ? *value->String() : std::string_view();
  }

 private:
  const json::Document& document_;
  std::array<std::uint32_t, N> values_{};  // positions; 0, which is the root's = missing
};

}  // namespace tidegate::protocols
