// A place in a body, as the JSON reader and the core name it.
#pragma once

#include "core/envelope.h"
#include "json/span.h"

namespace tidegate::protocols {

inline core::Span ToCore(json::Span span) { return {span.begin, span.end}; }
inline json::Span ToJson(core::Span span) { return {span.begin, span.end}; }

}  // namespace tidegate::protocols
