// The arguments of tool calls: text in some protocols, an object in others.
//
// A model writes text that should be a JSON object. Protocols that carry the text pass on whatever
// it wrote; protocols that carry an object get the same bytes, so that 64-bit integers and "1.0"
// stay what they are, and cannot be given text that is not one.
#pragma once

#include <string_view>

#include "base/result.h"

namespace tidegate::protocols {

// Cheap and not exact: begins and ends as an object does.
bool LooksLikeObject(std::string_view text);

// The text to write where an object must stand: `arguments`, or "{}" for none. Errors:
// kInvalidArgument, for another target, when it is not a JSON object. `path`: of the call.
// REQUIRES: no ScratchReader is alive on this thread.
Result<std::string_view> ObjectArguments(std::string_view arguments, std::string_view path);

}  // namespace tidegate::protocols
