// The gate's own fields in the body: the "tidegate" object, and OpenRouter's `provider` object as
// an alias of a part of it.
#pragma once

#include "base/result.h"
#include "core/constraints.h"
#include "json/value.h"
#include "protocols/constraint_parser.h"

namespace tidegate::protocols {

// Hands every field of the object to the parser; null fields are skipped as if they were not there.
// Errors: kInvalidArgument with the field's path: not an object, a name twice, an empty or too deep
// object, a list of other things than strings, or what the parser says.
Result<void> DecodeExtension(const json::Value& object, const ConstraintParser& parser,
                             core::Constraints& out);
Result<void> DecodeProviderAlias(const json::Value& object, const ConstraintParser& parser,
                                 core::Constraints& out);

}  // namespace tidegate::protocols
