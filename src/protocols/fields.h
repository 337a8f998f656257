// The known members of one JSON object, found in one pass and then asked for by name.
//
// A request object may hold its members in any order, may not name one twice (the next reader could
// take the other), and may hold members we never heard of. The names are compile-time lists, so a
// name that is asked for but not listed does not compile.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "json/value.h"

namespace tidegate::protocols {

// A list of names, and where a name stands in it. Names meet in few buckets by their length and
// outer letters, so that a member is compared with one name, as a rule.
template <std::size_t N>
struct FieldNames {
  static_assert(N < 256, "positions are kept in bytes");

  consteval FieldNames(std::array<std::string_view, N> listed) : names(listed) {
    first.fill(N);
    next.fill(N);
    for (std::size_t i = N; i-- > 0;) {
      std::uint8_t& bucket = first[BucketOf(names[i])];
      next[i] = bucket;
      bucket = static_cast<std::uint8_t>(i);
    }
  }

  consteval std::size_t Index(std::string_view name) const {
    for (std::size_t i = 0; i < N; ++i) {
      if (names[i] == name) return i;
    }
    throw "no such name in this list";  // at compile time only
  }
  // N = it is not listed.
  constexpr std::size_t Find(std::string_view name) const {
    if (name.empty()) return N;
    std::size_t i = first[BucketOf(name)];
    while (i < N && names[i] != name) i = next[i];
    return i;
  }

  std::array<std::string_view, N> names;

 private:
  static constexpr std::size_t kBuckets = 64;
  static constexpr std::size_t BucketOf(std::string_view name) {
    const auto letter = [](char c) {
      return static_cast<std::size_t>(static_cast<unsigned char>(c));
    };
    return (letter(name.front()) + 7 * letter(name.back()) + 5 * name.size()) % kBuckets;
  }

  std::array<std::uint8_t, kBuckets> first;  // of each bucket
  std::array<std::uint8_t, N> next;          // in the bucket
};

template <std::size_t N>
FieldNames(std::array<std::string_view, N>) -> FieldNames<N>;

// Lives as long as the document.
template <std::size_t N>
class Fields {
 public:
  Fields(const FieldNames<N>& names, const json::Object& object) : names_(names), object_(object) {}

  // The member as it stands, null included.
  std::optional<json::Member> Member(std::size_t index) const {
    if (!Has(index)) return std::nullopt;
    return json::Object::MemberAt(At(keys_[index]));
  }
  bool Has(std::size_t index) const { return keys_[index] != 0; }
  // The member's value unless it is missing or null.
  std::optional<json::Value> Value(std::size_t index) const {
    if (!Has(index)) return std::nullopt;
    const json::Value value = At(keys_[index] + 1);
    if (value.is_null()) return std::nullopt;
    return value;
  }
  // The value, or the error that it is required.
  Result<json::Value> Required(std::size_t index) const {
    if (Has(index)) return At(keys_[index] + 1);
    return InvalidArgument(object_.PathOf(names_.names[index]), "is required");
  }
  const json::Object& object() const { return object_; }
  // There are members that the list does not name.
  bool has_unknown() const { return unknown_.has_value(); }
  // The path of the first of them. REQUIRES: has_unknown().
  std::string UnknownPath() const { return object_.PathOf(*unknown_); }

  void Set(std::size_t index, const json::Member& member) {
    keys_[index] = member.key_value.position();
  }
  void NoteUnknown(std::string_view key) {
    if (!unknown_) unknown_ = key;
  }

 private:
  json::Value At(std::uint32_t position) const {
    return json::Value(object_.value().document(), position);
  }

  const FieldNames<N>& names_;
  json::Object object_;
  std::array<std::uint32_t, N> keys_{};  // positions; 0, which is no key's = missing
  std::optional<std::string_view> unknown_;
};

// `find(key)` gives the index of a name in the list, or N. Errors: `value` is not an object; a
// listed name stands twice.
template <std::size_t N, typename Find>
Result<Fields<N>> ReadFieldsBy(const FieldNames<N>& names, const json::Value& value, Find find) {
  TIDEGATE_ASSIGN(const json::Object object, value.Object());
  Fields<N> fields(names, object);
  for (const json::Member& member : object) {
    const std::size_t index = find(member.key);
    if (index == N) {
      fields.NoteUnknown(member.key);
    } else if (fields.Has(index)) {
      return member.value.Invalid("stands more than once in its object");
    } else {
      fields.Set(index, member);
    }
  }
  return fields;
}

template <std::size_t N>
Result<Fields<N>> ReadFields(const FieldNames<N>& names, const json::Value& value) {
  return ReadFieldsBy(names, value, [&](std::string_view key) { return names.Find(key); });
}

}  // namespace tidegate::protocols
