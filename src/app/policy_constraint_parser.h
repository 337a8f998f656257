// Gives the gate's own fields in a request's body the meaning that policy/ has for them.
#pragma once

#include "policy/fields.h"
#include "protocols/constraint_parser.h"

namespace tidegate::app {

class PolicyConstraintParser : public protocols::ConstraintParser {
 public:
  Result<void> ApplyField(core::Constraints& out, std::string_view name,
                          const core::FieldValue& value, std::string_view path) const override {
    return policy::ApplyField(out, name, value, path);
  }
  Result<void> ApplyProviderAlias(core::Constraints& out, std::string_view name,
                                  const core::FieldValue& value,
                                  std::string_view path) const override {
    return policy::ApplyProviderAlias(out, name, value, path);
  }
};

}  // namespace tidegate::app
