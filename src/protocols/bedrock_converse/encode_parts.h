// The pieces that a stream's events and a whole answer have in common.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "core/event.h"
#include "json/writer.h"

namespace tidegate::protocols::bedrock_converse {

std::string_view StopReason(core::FinishReason reason);
// The object.
void WriteUsage(json::Writer& out, const core::Usage& usage);
// {"latencyMs": …}.
void WriteMetrics(json::Writer& out, std::int64_t elapsed_ms);
// The object: an entry of `citations`, or a delta.
void WriteCitation(json::Writer& out, const core::CitationEvent& citation);
// What stands for a state in `redactedContent`, which is base64.
std::string RedactedContent(const core::OpaqueState& state);
std::string MakeToolUseId(const RequestId& id, std::int64_t index);

}  // namespace tidegate::protocols::bedrock_converse
