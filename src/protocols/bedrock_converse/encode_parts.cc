#include "protocols/bedrock_converse/encode_parts.h"

#include <algorithm>

#include "base/base64.h"
#include "protocols/opaque.h"

namespace tidegate::protocols::bedrock_converse {

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
      return "content_filtered";
  }
  return "end_turn";
}

void WriteUsage(json::Writer& out, const core::Usage& usage) {
  const std::int64_t fresh =
      usage.input_tokens - usage.cached_read_tokens - usage.cached_write_tokens;
  out.BeginObject();
  out.Key("inputTokens").Integer(std::max<std::int64_t>(fresh, 0));
  out.Key("outputTokens").Integer(usage.output_tokens);
  out.Key("totalTokens").Integer(usage.input_tokens + usage.output_tokens);
  out.Key("cacheReadInputTokens").Integer(usage.cached_read_tokens);
  out.Key("cacheWriteInputTokens").Integer(usage.cached_write_tokens);
  out.EndObject();
}

void WriteMetrics(json::Writer& out, std::int64_t elapsed_ms) {
  out.BeginObject().Key("latencyMs").Integer(elapsed_ms).EndObject();
}

void WriteCitation(json::Writer& out, const core::CitationEvent& citation) {
  out.BeginObject();
  if (!citation.title.empty()) out.Key("title").String(citation.title);
  if (!citation.cited_text.empty()) {
    out.Key("sourceContent").BeginArray().BeginObject().Key("text").String(citation.cited_text);
    out.EndObject().EndArray();
  }
  const bool number = !citation.document.empty() && citation.document.size() <= 9 &&
                      citation.document.find_first_not_of("0123456789") == std::string_view::npos;
  if (!citation.url.empty()) {
    out.Key("location").BeginObject().Key("web").BeginObject().Key("url").String(citation.url);
    out.EndObject().EndObject();
  } else if (number) {
    out.Key("location").BeginObject().Key("documentChar").BeginObject();
    out.Key("documentIndex").Integer(std::stoll(std::string(citation.document)));
    out.EndObject().EndObject();
  } else if (!citation.document.empty()) {
    out.Key("source").String(citation.document);
  }
  out.EndObject();
}

std::string RedactedContent(const core::OpaqueState& state) {
  std::string text = WrapState(state, core::StateOrigin::kAnthropic, core::StateKind::kRedacted);
  // Clients decode and encode it again, which only base64 survives.
  if (DecodeBase64(text)) return text;
  return WrapState(state, core::StateOrigin::kNone, core::StateKind::kRedacted);
}

std::string MakeToolUseId(const RequestId& id, std::int64_t index) {
  return "tooluse_" + id.ToString() + "_" + std::to_string(index);
}

}  // namespace tidegate::protocols::bedrock_converse
