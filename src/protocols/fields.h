// The known members of one JSON object, found in one pass and then asked for by name.
//
// A request object may hold its members in any order, may not name one twice (the next reader could
// take the other), and may hold members we never heard of. The names are compile-time lists, so a
// name that is asked for but not listed does not compile.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "json/value.h"

namespace tidegate::protocols {

template <std::size_t N>
struct FieldNames {
  std::array<std::string_view, N> names;

  consteval std::size_t Index(std::string_view name) const {
    for (std::size_t i = 0; i < N; ++i) {
      if (names[i] == name) return i;
    }
    throw "no such name in this list";  // at compile time only
  }
  constexpr std::size_t Find(std::string_view name) const {
    if (name.empty()) return N;
    std::size_t i = 0;
    while (i < N && !(names[i].size() == name.size() && names[i].front() == name.front() &&
                      names[i] == name)) {
      ++i;
    }
    return i;
  }
};

template <std::size_t N>
FieldNames(std::array<std::string_view, N>) -> FieldNames<N>;

// Lives as long as the document.
template <std::size_t N>
class Fields {
 public:
  Fields(const FieldNames<N>& names, const json::Object& object) : names_(names), object_(object) {}

  // The member as it stands, null included.
  const std::optional<json::Member>& Member(std::size_t index) const { return members_[index]; }
  // The member's value unless it is missing or null.
  std::optional<json::Value> Value(std::size_t index) const {
    if (!members_[index] || members_[index]->value.is_null()) return std::nullopt;
    return members_[index]->value;
  }
  // The value, or the error that it is required.
  Result<json::Value> Required(std::size_t index) const {
    if (members_[index]) return members_[index]->value;
    return InvalidArgument(object_.PathOf(names_.names[index]), "is required");
  }
  const json::Object& object() const { return object_; }
  // There are members that the list does not name.
  bool has_unknown() const { return unknown_.has_value(); }
  // The path of the first of them. REQUIRES: has_unknown().
  std::string UnknownPath() const { return object_.PathOf(*unknown_); }

  void Set(std::size_t index, const json::Member& member) { members_[index] = member; }
  void NoteUnknown(std::string_view key) {
    if (!unknown_) unknown_ = key;
  }

 private:
  const FieldNames<N>& names_;
  json::Object object_;
  std::array<std::optional<json::Member>, N> members_;
  std::optional<std::string_view> unknown_;
};

// Errors: `value` is not an object; a listed name stands twice.
template <std::size_t N>
Result<Fields<N>> ReadFields(const FieldNames<N>& names, const json::Value& value) {
  TIDEGATE_ASSIGN(const json::Object object, value.Object());
  Fields<N> fields(names, object);
  for (const json::Member& member : object) {
    const std::size_t index = names.Find(member.key);
    if (index == N) {
      fields.NoteUnknown(member.key);
    } else if (fields.Member(index)) {
      return member.value.Invalid("stands more than once in its object");
    } else {
      fields.Set(index, member);
    }
  }
  return fields;
}

}  // namespace tidegate::protocols
