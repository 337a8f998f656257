#include "protocols/openai_chat/encode_parts.h"

namespace tidegate::protocols::openai_chat {

std::string_view FinishWord(core::FinishReason reason) {
  switch (reason) {
    case core::FinishReason::kStop:
    case core::FinishReason::kStopSequence:
      return "stop";
    case core::FinishReason::kLength:
      return "length";
    case core::FinishReason::kToolCalls:
      return "tool_calls";
    case core::FinishReason::kContentFilter:
    case core::FinishReason::kRefusal:
      return "content_filter";
    case core::FinishReason::kOther:
      return "stop";  // the protocol has no word for it
  }
  return "stop";
}

void WriteUsage(json::Writer& out, const core::Usage& usage) {
  out.BeginObject();
  out.Key("prompt_tokens").Integer(usage.input_tokens);
  out.Key("completion_tokens").Integer(usage.output_tokens);
  out.Key("total_tokens").Integer(usage.input_tokens + usage.output_tokens);
  out.Key("prompt_tokens_details")
      .BeginObject()
      .Key("cached_tokens")
      .Integer(usage.cached_read_tokens);
  if (usage.cached_write_tokens > 0)
    out.Key("cache_write_tokens").Integer(usage.cached_write_tokens);
  out.EndObject();
  out.Key("completion_tokens_details").BeginObject();
  out.Key("reasoning_tokens").Integer(usage.reasoning_tokens).EndObject();
  out.EndObject();
}

void WriteAnnotation(json::Writer& out, const core::CitationEvent& citation) {
  const bool has_url = !citation.url.empty();
  const std::string_view type = has_url ? "url_citation" : "document_citation";
  out.BeginObject().Key("type").String(type).Key(type).BeginObject();
  if (citation.begin >= 0) out.Key("start_index").Integer(citation.begin);
  if (citation.end >= 0) out.Key("end_index").Integer(citation.end);
  if (has_url) {
    out.Key("url").String(citation.url);
  } else {
    out.Key("document").String(citation.document);
  }
  out.Key("title").String(citation.title);
  if (!citation.cited_text.empty()) out.Key("content").String(citation.cited_text);
  out.EndObject().EndObject();
}

std::string MakeCallId(const RequestId& id, std::int64_t choice, std::int64_t index) {
  return "call_" + id.ToString() + "_" + std::to_string(choice) + "_" + std::to_string(index);
}

std::string MakeCompletionId(const RequestId& id) { return "chatcmpl-" + id.ToString(); }

}  // namespace tidegate::protocols::openai_chat
