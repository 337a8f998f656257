// The pieces that requests, streams and whole answers have in common.
#pragma once

#include <string>
#include <string_view>

#include "core/event.h"
#include "core/usage.h"
#include "json/writer.h"

namespace tidegate::protocols::gemini {

// Each writes one part; an empty signature is left out.
void WriteText(json::Writer& out, std::string_view text, std::string_view signature);
void WriteThought(json::Writer& out, std::string_view text, std::string_view signature);
// `args`: one JSON object. An empty id is left out.
void WriteCall(json::Writer& out, std::string_view id, std::string_view name, std::string_view args,
               std::string_view signature);

std::string_view FinishWord(core::FinishReason reason);
void WriteUsage(json::Writer& out, const core::Usage& usage);

}  // namespace tidegate::protocols::gemini
