#include "protocols/openai_responses/output_item.h"

#include <algorithm>

namespace tidegate::protocols::openai_responses {
namespace {

void WriteMessage(json::Writer& out, const OutputItem& item, bool filled) {
  out.Key("role").String("assistant").Key("content").BeginArray();
  for (const OutputPart& part : item.parts) {
    if (filled) WritePart(out, part);
  }
  out.EndArray();
}

void WriteThought(json::Writer& out, const OutputItem& item, bool filled) {
  const bool said = filled && !item.text.empty();
  out.Key("summary").BeginArray();
  if (said && item.summary) WriteThoughtPart(out, true, item.text);
  out.EndArray();
  if (said && !item.summary) {
    out.Key("content").BeginArray();
    WriteThoughtPart(out, false, item.text);
    out.EndArray();
  }
  if (filled && !item.encrypted.empty()) out.Key("encrypted_content").String(item.encrypted);
}

void WriteCall(json::Writer& out, const OutputItem& item, bool filled) {
  const bool custom = item.kind == OutputItem::Kind::kCustomCall;
  out.Key("call_id").String(item.call_id).Key("name").String(item.name);
  if (!item.group.empty()) out.Key("namespace").String(item.group);
  out.Key(custom ? "input" : "arguments").String(filled ? std::string_view(item.text) : "");
}

}  // namespace

void WriteItem(json::Writer& out, const OutputItem& item, std::string_view status) {
  const bool filled = status != "in_progress";
  out.BeginObject().Key("id").String(item.id).Key("type");
  switch (item.kind) {
    case OutputItem::Kind::kMessage:
      WriteMessage(out.String("message").Key("status").String(status), item, filled);
      break;
    case OutputItem::Kind::kReasoning:
      WriteThought(out.String("reasoning"), item, filled);
      break;
    case OutputItem::Kind::kFunctionCall:
      WriteCall(out.String("function_call").Key("status").String(status), item, filled);
      break;
    case OutputItem::Kind::kCustomCall:
      WriteCall(out.String("custom_tool_call").Key("status").String(status), item, filled);
      break;
  }
  out.EndObject();
}

void WritePart(json::Writer& out, const OutputPart& part) {
  out.BeginObject().Key("type");
  if (part.refusal) {
    out.String("refusal").Key("refusal").String(part.text);
  } else {
    out.String("output_text").Key("annotations").BeginArray();
    if (!part.annotations.empty()) out.Raw(part.annotations);
    out.EndArray().Key("logprobs").BeginArray();
    if (!part.logprobs.empty()) out.Raw(part.logprobs);
    out.EndArray().Key("text").String(part.text);
  }
  out.EndObject();
}

void WriteThoughtPart(json::Writer& out, bool summary, std::string_view text) {
  out.BeginObject().Key("type").String(summary ? "summary_text" : "reasoning_text");
  out.Key("text").String(text).EndObject();
}

void WriteAnnotation(json::Writer& out, const core::CitationEvent& citation,
                     std::size_t text_bytes) {
  const auto here = static_cast<std::int64_t>(text_bytes);
  out.BeginObject().Key("type");
  if (!citation.url.empty()) {
    out.String("url_citation").Key("url").String(citation.url).Key("title").String(citation.title);
    out.Key("start_index").Integer(citation.begin >= 0 ? citation.begin : here);
    out.Key("end_index").Integer(citation.end >= 0 ? citation.end : here);
  } else {
    out.String("file_citation").Key("file_id").String(citation.document);
    out.Key("filename").String(citation.title).Key("index").Integer(here);
  }
  // Beyond the API: what the source says there.
  if (!citation.cited_text.empty()) out.Key("content").String(citation.cited_text);
  out.EndObject();
}

void WriteUsage(json::Writer& out, const std::optional<core::Usage>& usage) {
  if (!usage) {
    out.Null();
    return;
  }
  out.BeginObject().Key("input_tokens").Integer(usage->input_tokens);
  out.Key("input_tokens_details").BeginObject();
  out.Key("cached_tokens").Integer(usage->cached_read_tokens);
  out.Key("cache_write_tokens").Integer(usage->cached_write_tokens).EndObject();
  out.Key("output_tokens").Integer(usage->output_tokens);
  out.Key("output_tokens_details").BeginObject();
  out.Key("reasoning_tokens").Integer(usage->reasoning_tokens).EndObject();
  out.Key("total_tokens").Integer(usage->input_tokens + usage->output_tokens).EndObject();
}

}  // namespace tidegate::protocols::openai_responses
