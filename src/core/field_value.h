// The value of one field of a caller's wishes, free of the syntax it came in.
//
// The same fields arrive as members of the body's "tidegate" object, as headers, on a key and in
// the configuration. Each reader turns its own syntax into FieldValues, and one table of fields in
// policy/ gives them a meaning, so that a field means the same wherever it stands. Null is an
// absent field; an object is its members, their names joined with '.'.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace tidegate::core {

using FieldValue = std::variant<bool, std::int64_t, double, std::string, std::vector<std::string>>;

}  // namespace tidegate::core
