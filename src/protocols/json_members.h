// Members of answers, where what is missing, null or of another type is simply not there.
#pragma once

#include <optional>
#include <string_view>

#include "json/value.h"

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

}  // namespace tidegate::protocols
