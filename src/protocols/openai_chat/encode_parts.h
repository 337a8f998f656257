// The pieces that a stream's chunks and a whole completion have in common.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "core/event.h"
#include "json/writer.h"

namespace tidegate::protocols::openai_chat {

std::string_view FinishWord(core::FinishReason reason);  // "stop", "length", …
void WriteUsage(json::Writer& out, const core::Usage& usage);
// One entry of a message's `annotations`.
void WriteAnnotation(json::Writer& out, const core::CitationEvent& citation);
// For a call that came without one: "call_<request id>_<choice>_<index>".
std::string MakeCallId(const RequestId& id, std::int64_t choice, std::int64_t index);
std::string MakeCompletionId(const RequestId& id);

}  // namespace tidegate::protocols::openai_chat
