#include "protocols/gemini/encode_parts.h"

#include <algorithm>

namespace tidegate::protocols::gemini {
namespace {

void WriteSignature(json::Writer& out, std::string_view signature) {
  if (!signature.empty()) out.Key("thoughtSignature").String(signature);
}

}  // namespace

void WriteText(json::Writer& out, std::string_view text, std::string_view signature) {
  out.BeginObject().Key("text").String(text);
  WriteSignature(out, signature);
  out.EndObject();
}

void WriteThought(json::Writer& out, std::string_view text, std::string_view signature) {
  out.BeginObject().Key("text").String(text).Key("thought").Bool(true);
  WriteSignature(out, signature);
  out.EndObject();
}

void WriteCall(json::Writer& out, std::string_view id, std::string_view name, std::string_view args,
               std::string_view signature) {
  out.BeginObject().Key("functionCall").BeginObject();
  if (!id.empty()) out.Key("id").String(id);
  out.Key("name").String(name).Key("args").Raw(args).EndObject();
  WriteSignature(out, signature);
  out.EndObject();
}

std::string_view FinishWord(core::FinishReason reason) {
  switch (reason) {
    case core::FinishReason::kStop:
    case core::FinishReason::kStopSequence:
    case core::FinishReason::kToolCalls:
      return "STOP";
    case core::FinishReason::kLength:
      return "MAX_TOKENS";
    case core::FinishReason::kContentFilter:
    case core::FinishReason::kRefusal:
      return "SAFETY";
    case core::FinishReason::kOther:
      return "OTHER";
  }
  return "OTHER";
}

void WriteUsage(json::Writer& out, const core::Usage& usage) {
  const std::int64_t reasoning = std::min(usage.reasoning_tokens, usage.output_tokens);
  out.BeginObject();
  out.Key("promptTokenCount").Integer(usage.input_tokens);
  if (usage.cached_read_tokens > 0) {
    out.Key("cachedContentTokenCount").Integer(usage.cached_read_tokens);
  }
  out.Key("candidatesTokenCount").Integer(usage.output_tokens - reasoning);
  if (reasoning > 0) out.Key("thoughtsTokenCount").Integer(reasoning);
  out.Key("totalTokenCount").Integer(usage.input_tokens + usage.output_tokens);
  out.EndObject();
}

}  // namespace tidegate::protocols::gemini
