#include "protocols/anthropic_messages/encode_parts.h"

#include <algorithm>

namespace tidegate::protocols::anthropic_messages {

std::string_view StopReason(core::FinishReason reason) {
  switch (reason) {
    case core::FinishReason::kStop:
    case core::FinishReason::kOther:
      return "end_turn";
    case core::FinishReason::kStopSequence:
      return "stop_sequence";
    case core::FinishReason::kLength:
      return "max_tokens";
    case core::FinishReason::kToolCalls:
      return "tool_use";
    case core::FinishReason::kContentFilter:
    case core::FinishReason::kRefusal:
      return "refusal";
  }
  return "end_turn";
}

void WriteStop(json::Writer& out, core::FinishReason reason, std::string_view stop_sequence) {
  out.Key("stop_reason").String(StopReason(reason)).Key("stop_sequence");
  if (stop_sequence.empty()) {
    out.Null();
  } else {
    out.String(stop_sequence);
  }
}

void WriteUsage(json::Writer& out, const core::Usage& usage) {
  const std::int64_t fresh =
      usage.input_tokens - usage.cached_read_tokens - usage.cached_write_tokens;
  out.BeginObject();
  out.Key("input_tokens").Integer(std::max<std::int64_t>(fresh, 0));
  out.Key("cache_creation_input_tokens").Integer(usage.cached_write_tokens);
  out.Key("cache_read_input_tokens").Integer(usage.cached_read_tokens);
  out.Key("output_tokens").Integer(usage.output_tokens);
  out.EndObject();
}

void WriteCitation(json::Writer& out, const core::CitationEvent& citation) {
  out.BeginObject().Key("type");
  if (!citation.url.empty()) {
    out.String("web_search_result_location").Key("url").String(citation.url);
    out.Key("title").String(citation.title).Key("encrypted_index").String("");
  } else {
    const bool number = !citation.document.empty() &&
                        citation.document.find_first_not_of("0123456789") == std::string_view::npos;
    out.String("char_location").Key("document_index").Raw(number ? citation.document : "0");
    out.Key("document_title").String(citation.title.empty() ? citation.document : citation.title);
    out.Key("start_char_index").Integer(0);
    out.Key("end_char_index").Integer(static_cast<std::int64_t>(citation.cited_text.size()));
  }
  out.Key("cited_text").String(citation.cited_text).EndObject();
}

std::string MakeMessageId(const RequestId& id) { return "msg_" + id.ToString(); }

std::string MakeToolId(const RequestId& id, std::int64_t index) {
  return "toolu_" + id.ToString() + "_" + std::to_string(index);
}

}  // namespace tidegate::protocols::anthropic_messages
