#include "protocols/cohere_chat/encode_parts.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace tidegate::protocols::cohere_chat {
namespace {

// The name of a source: the caller's own for the document of that number.
std::string_view SourceName(std::string_view document, const std::vector<std::string>& documents) {
  std::size_t number = 0;
  const char* const end = document.data() + document.size();
  const auto [rest, error] = std::from_chars(document.data(), end, number);
  if (error != std::errc() || rest != end || number >= documents.size()) return document;
  return documents[number];
}

}  // namespace

std::string_view FinishWord(core::FinishReason reason) {
  switch (reason) {
    case core::FinishReason::kStop:
    case core::FinishReason::kRefusal:  // its text is whole
    case core::FinishReason::kOther:
      return "COMPLETE";
    case core::FinishReason::kStopSequence:
      return "STOP_SEQUENCE";
    case core::FinishReason::kLength:
      return "MAX_TOKENS";
    case core::FinishReason::kToolCalls:
      return "TOOL_CALL";
    case core::FinishReason::kContentFilter:
      return "ERROR";  // something was withheld, so the answer is not complete
  }
  return "COMPLETE";
}

void WriteUsage(json::Writer& out, const core::Usage& usage) {
  out.BeginObject();
  for (const std::string_view key : {"billed_units", "tokens"}) {
    out.Key(key).BeginObject().Key("input_tokens").Integer(usage.input_tokens);
    out.Key("output_tokens").Integer(usage.output_tokens).EndObject();
  }
  if (usage.cached_read_tokens > 0) out.Key("cached_tokens").Integer(usage.cached_read_tokens);
  out.EndObject();
}

std::string MakeCallId(const RequestId& id, std::int64_t index) {
  return "call_" + id.ToString() + "_" + std::to_string(index);
}

void WriteCitation(json::Writer& out, const core::CitationEvent& citation, const CitedText& text,
                   const std::vector<TextBlock>& blocks,
                   const std::vector<std::string>& documents) {
  const std::int64_t end = citation.end >= 0 ? citation.end : text.bytes();
  // The last block that begins in front of where the cited text ends.
  const auto behind = std::lower_bound(
      blocks.begin(), blocks.end(), end,
      [](const TextBlock& block, std::int64_t place) { return block.begin_bytes < place; });
  const TextBlock block = behind == blocks.begin() ? TextBlock() : *(behind - 1);
  const std::int64_t base = text.CharacterOf(block.begin_bytes);
  const std::int64_t last = text.CharacterOf(end);
  const std::int64_t first = text.CharacterOf(citation.begin);
  out.BeginObject();
  if (first >= base && first <= last) {
    out.Key("start").Integer(first - base).Key("end").Integer(last - base);
    out.Key("text").String(text.Between(citation.begin, end));
  } else if (last >= base) {
    out.Key("end").Integer(last - base);
  }
  out.Key("sources").BeginArray().BeginObject().Key("type").String("document");
  const std::string_view name = SourceName(citation.document, documents);
  if (!name.empty()) out.Key("id").String(name);
  out.Key("document").BeginObject();
  if (!name.empty()) out.Key("id").String(name);
  if (!citation.title.empty()) out.Key("title").String(citation.title);
  if (!citation.url.empty()) out.Key("url").String(citation.url);
  if (!citation.cited_text.empty()) out.Key("text").String(citation.cited_text);
  out.EndObject().EndObject().EndArray();
  out.Key("content_index").Integer(block.index).Key("type").String("TEXT_CONTENT").EndObject();
}

}  // namespace tidegate::protocols::cohere_chat
