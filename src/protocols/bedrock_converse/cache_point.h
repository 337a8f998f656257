// Marks of the prompt cache: here they are blocks behind what they mark, and not members of it.
#pragma once

#include "base/result.h"
#include "core/part.h"
#include "json/value.h"
#include "json/writer.h"

namespace tidegate::protocols::bedrock_converse {

// {"type": "default", "ttl": "5m" or "1h"}. Errors: kInvalidArgument with the field's path.
Result<core::CacheMark> DecodeCachePoint(const json::Value& value);

// The block, as an element of its own; nothing for kNone.
void WriteCachePoint(json::Writer& out, core::CacheMark mark);

}  // namespace tidegate::protocols::bedrock_converse
