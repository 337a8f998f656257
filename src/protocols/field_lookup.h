// The header fields of a request, for codecs that know nothing of HTTP's own types.
#pragma once

#include <optional>
#include <string_view>

namespace tidegate::protocols {

class FieldLookup {
 public:
  virtual ~FieldLookup() = default;
  // The value of the field of this name, in lower case; the first when there are several.
  virtual std::optional<std::string_view> Find(std::string_view name) const = 0;
};

class NoFields final : public FieldLookup {
 public:
  std::optional<std::string_view> Find(std::string_view) const override { return std::nullopt; }
};

}  // namespace tidegate::protocols
