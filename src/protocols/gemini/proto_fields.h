// Google's JSON mapping (ProtoJSON): a member may be named "maxOutputTokens" or
// "max_output_tokens", a number may stand in quotes, a list of one may be its only element, null is
// as good as nothing, and bytes are base64 of either alphabet.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "json/value.h"
#include "protocols/fields.h"

namespace tidegate::protocols::gemini {

inline constexpr std::size_t kMemberNameBytesMax = 64;

// "max_output_tokens" -> "maxOutputTokens", in `buffer`; any other name is returned as it is.
std::string_view CamelName(std::string_view name, std::array<char, kMemberNameBytesMax>& buffer);

template <std::size_t N>
std::size_t FindEither(const FieldNames<N>& names, std::string_view key) {
  const std::size_t index = names.Find(key);
  if (index != N || key.find('_') == std::string_view::npos) return index;
  std::array<char, kMemberNameBytesMax> buffer;
  return names.Find(CamelName(key, buffer));
}

// ReadFields, with either form of each name; both forms of one name are twice the same member.
template <std::size_t N>
Result<Fields<N>> ReadProto(const FieldNames<N>& names, const json::Value& value) {
  return ReadFieldsBy(names, value, [&](std::string_view key) { return FindEither(names, key); });
}

// An integer, in quotes or not.
Result<std::int64_t> IntegerOf(const json::Value& value, std::int64_t low, std::int64_t high);

// Enumerators are written in capitals; letter case is not held against anybody.
bool IsWord(std::string_view text, std::string_view word);

// `read(element)` for each element of a list, or for the object that stands in its place.
template <typename Read>
Result<void> ForEachOf(const json::Value& value, Read read) {
  if (value.is_object()) return read(value);
  if (!value.is_array()) return value.Mismatch("an array");
  const json::Array elements = *value.Array();
  for (const json::Value element : elements) TIDEGATE_TRY(read(element));
  return {};
}

// Whether `text` is base64 of the usual alphabet with its padding, as far as a glance tells.
bool IsPlainBase64(std::string_view text);
// The same bytes in the usual alphabet, with padding.
std::string ToPlainBase64(std::string_view text);

}  // namespace tidegate::protocols::gemini
