// The gate's own fields inside a request's body: a codec finds them, but what they mean is decided
// above it.
//
// protocols/ knows the syntax of a body and policy/ knows the fields; neither knows the other. A
// codec takes the "tidegate" object apart into single fields and hands each to this interface,
// which the composition root implements with policy/.
#pragma once

#include <string_view>

#include "base/result.h"
#include "core/constraints.h"
#include "core/field_value.h"

namespace tidegate::protocols {

// Implementations are immutable and may be used from any thread. Errors are kInvalidArgument with
// `path` as their field; `out` is unchanged then.
class ConstraintParser {
 public:
  virtual ~ConstraintParser() = default;
  // A field of the "tidegate" object. Nested names are joined: {"providers": {"only": […]}} is
  // "providers.only", and its path "tidegate.providers.only".
  virtual Result<void> ApplyField(core::Constraints& out, std::string_view name,
                                  const core::FieldValue& value, std::string_view path) const = 0;
  // A member of OpenRouter's `provider` object, as "order", with the path "provider.order".
  virtual Result<void> ApplyProviderAlias(core::Constraints& out, std::string_view name,
                                          const core::FieldValue& value,
                                          std::string_view path) const = 0;
};

}  // namespace tidegate::protocols
