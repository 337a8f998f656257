// The items of an answer while it is made, and how they are written.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/event.h"
#include "json/writer.h"

namespace tidegate::protocols::openai_responses {

// A text or a refusal in a message.
struct OutputPart {
  bool refusal = false;
  std::string text;
  std::string annotations, logprobs;  // entries, with commas between them
  std::int64_t annotation_count = 0;
};

struct OutputItem {
  enum class Kind : std::uint8_t { kMessage, kReasoning, kFunctionCall, kCustomCall };
  Kind kind = Kind::kMessage;
  std::string id;
  std::vector<OutputPart> parts = {};  // of a message
  std::string text = {};               // of a thought; the arguments, or the input, of a call
  bool summary = false;                // the thought's text is its summary
  std::string encrypted = {};          // of a thought
  std::string call_id = {}, name = {}, group = {};
  bool is_call() const { return kind == Kind::kFunctionCall || kind == Kind::kCustomCall; }
};

// `status`: "in_progress", "completed" or "incomplete". In progress an item has no content yet.
void WriteItem(json::Writer& out, const OutputItem& item, std::string_view status);
void WritePart(json::Writer& out, const OutputPart& part);
// {"type": "summary_text" or "reasoning_text", "text"}.
void WriteThoughtPart(json::Writer& out, bool summary, std::string_view text);
// `text_bytes`: of the part so far.
void WriteAnnotation(json::Writer& out, const core::CitationEvent& citation,
                     std::size_t text_bytes);
// Null when there is none.
void WriteUsage(json::Writer& out, const std::optional<core::Usage>& usage);

}  // namespace tidegate::protocols::openai_responses
