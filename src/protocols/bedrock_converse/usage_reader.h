// What an answer says that it used.
#pragma once

#include <optional>

#include "core/usage.h"
#include "json/value.h"

namespace tidegate::protocols::bedrock_converse {

// Of the `usage` member of `holder`; nothing when there is none. Numbers that cannot be make it an
// estimate.
std::optional<core::Usage> ReadUsage(const json::Object& holder);

}  // namespace tidegate::protocols::bedrock_converse
