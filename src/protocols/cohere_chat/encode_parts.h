// The pieces that a stream's events and a whole answer have in common.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "core/event.h"
#include "json/writer.h"
#include "protocols/cohere_chat/cited_text.h"

namespace tidegate::protocols::cohere_chat {

std::string_view FinishWord(core::FinishReason reason);  // "COMPLETE", "MAX_TOKENS", …
void WriteUsage(json::Writer& out, const core::Usage& usage);
// For a call that came without one.
std::string MakeCallId(const RequestId& id, std::int64_t index);

// A block of text of an answer: where it begins in the answer's text, and its number among all
// blocks.
struct TextBlock {
  std::int64_t begin_bytes = 0;
  std::int64_t index = 0;
};

// One citation object. Its place is counted from the beginning of the block it lies in; where the
// event does not say it, it ends where the text ends. `documents`: the names of those in the
// request, for a source that is said by its number.
void WriteCitation(json::Writer& out, const core::CitationEvent& citation, const CitedText& text,
                   const std::vector<TextBlock>& blocks, const std::vector<std::string>& documents);

}  // namespace tidegate::protocols::cohere_chat
