// The body of a request to this API.
#pragma once

#include <algorithm>
#include <cstddef>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "json/reader.h"

namespace tidegate::admin {

inline constexpr std::size_t kNameBytesMax = 1'024;
inline constexpr std::size_t kRequestBodyBytesMax = 4U << 20U;

// One object: its members by name, and none that is not known.
class RequestBody {
 public:
  static Result<RequestBody> Read(json::Reader& reader, std::string_view text,
                                  std::span<const std::string_view> known,
                                  std::size_t bytes_max = kRequestBodyBytesMax) {
    if (text.empty()) return InvalidArgument("", "missing request body");
    TIDEGATE_ASSIGN(const json::Value root, reader.ParseCopy(text, bytes_max));
    TIDEGATE_ASSIGN(const json::Object object, root.Object());
    TIDEGATE_TRY(object.RequireUniqueKeys());
    for (const json::Member& member : object) {
      if (std::find(known.begin(), known.end(), member.key) != known.end()) continue;
      return InvalidArgument(object.PathOf(member.key), "is not known here; leave it out");
    }
    return RequestBody(object);
  }

  // Nothing for an absent or null member.
  std::optional<json::Value> Find(std::string_view key) const {
    const std::optional<json::Value> value = object_.Find(key);
    return value && !value->is_null() ? value : std::nullopt;
  }
  Result<std::optional<std::string>> Text(std::string_view key) const {
    const std::optional<json::Value> value = Find(key);
    if (!value) return std::optional<std::string>();
    TIDEGATE_ASSIGN(const std::string_view text, value->String());
    return std::optional<std::string>(text);
  }
  Result<bool> Flag(std::string_view key, bool otherwise) const {
    const std::optional<json::Value> value = Find(key);
    if (!value) return otherwise;
    return value->Bool();
  }
  // The first of `keys` that says something: newer clients and older ones.
  Result<std::string> Name(std::initializer_list<std::string_view> keys) const {
    for (const std::string_view key : keys) {
      TIDEGATE_ASSIGN(const std::optional<std::string> text, Text(key));
      if (!text || text->empty()) continue;
      if (text->size() > kNameBytesMax) return InvalidArgument(std::string(key), "is too long");
      return *text;
    }
    return InvalidArgument(std::string(*keys.begin()), "is required");
  }

 private:
  explicit RequestBody(json::Object object) : object_(object) {}
  json::Object object_;
};

}  // namespace tidegate::admin
