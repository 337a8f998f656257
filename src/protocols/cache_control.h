// Anthropic's cache_control object, which other protocols' servers have taken over.
#pragma once

#include "base/result.h"
#include "core/part.h"
#include "json/value.h"
#include "json/writer.h"

namespace tidegate::protocols {

// {"type": "ephemeral", "ttl": "5m" or "1h"}. Errors: kInvalidArgument with the field's path.
Result<core::CacheMark> DecodeCacheControl(const json::Value& value);

// The member with its key; nothing for kNone.
void WriteCacheMark(json::Writer& out, core::CacheMark mark);

}  // namespace tidegate::protocols
