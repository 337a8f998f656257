// Anthropic's cache_control object, which other protocols' servers have taken over.
#pragma once

#include "base/result.h"
#include "core/part.h"
#include "json/value.h"

namespace tidegate::protocols {

// {"type": "ephemeral", "ttl": "5m" or "1h"}. Errors: kInvalidArgument with the field's path.
Result<core::CacheMark> DecodeCacheControl(const json::Value& value);

}  // namespace tidegate::protocols
