// What an answer says that it rests on.
#pragma once

#include "core/event.h"
#include "json/value.h"

namespace tidegate::protocols::bedrock_converse {

// A Citation, or the CitationsDelta of a stream. The views are the document's.
core::CitationEvent ReadCitation(const json::Object& citation);

}  // namespace tidegate::protocols::bedrock_converse
