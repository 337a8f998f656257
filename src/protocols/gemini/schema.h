// Google's own schema language, a subset of OpenAPI 3.0 with types in capitals, as JSON Schema.
#pragma once

#include <string>

#include "json/value.h"

namespace tidegate::protocols::gemini {

// Types become small, `nullable` becomes a type of its own, numbers leave their quotes, `example`
// becomes `examples`; `propertyOrdering`, which means something to Google only, is left out. What
// is not Google's stays as it stands.
std::string ToJsonSchema(const json::Value& schema);

}  // namespace tidegate::protocols::gemini
