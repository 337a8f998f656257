// A JSON value that satisfies a JSON Schema.
//
// Understood: type (also a list of types), enum, const, properties, required, items, prefixItems,
// minItems, anyOf, oneOf, allOf, local $ref, minimum, maximum, their exclusive forms, multipleOf,
// minLength, maxLength and the usual formats of strings. Not understood: pattern, not, if,
// contains, patternProperties.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace tidegate::emulator {

inline constexpr int kSchemaDepthMax = 32;
inline constexpr std::int64_t kSampleItemsMax = 1'000;
inline constexpr std::int64_t kSampleStringBytesMax = 10'000;

// Free strings begin with `label`. Errors: kInvalidArgument for a schema that is malformed, endless
// or too large.
Result<std::string> SampleSchema(std::string_view schema, std::string_view label);

}  // namespace tidegate::emulator
