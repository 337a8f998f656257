// The pieces that a stream's events and a whole message have in common.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "core/event.h"
#include "json/writer.h"

namespace tidegate::protocols::anthropic_messages {

std::string_view StopReason(core::FinishReason reason);
// "stop_reason": …, "stop_sequence": ….
void WriteStop(json::Writer& out, core::FinishReason reason, std::string_view stop_sequence);
void WriteUsage(json::Writer& out, const core::Usage& usage);
// One entry of a text block's `citations`.
void WriteCitation(json::Writer& out, const core::CitationEvent& citation);
std::string MakeMessageId(const RequestId& id);
std::string MakeToolId(const RequestId& id, std::int64_t index);

}  // namespace tidegate::protocols::anthropic_messages
