// WriteChatRequest of request_encoder.h.
#include <optional>
#include <string>
#include <string_view>

#include "json/writer.h"
#include "protocols/openai_chat/request_encoder.h"

namespace tidegate::protocols::openai_chat {
namespace {

using core::PartKind;
using core::Role;

std::string_view RoleWord(Role role) {
  switch (role) {
    case Role::kSystem:
      return "system";
    case Role::kDeveloper:
      return "developer";
    case Role::kUser:
      return "user";
    case Role::kAssistant:
      return "assistant";
    case Role::kTool:
      return "tool";
  }
  return "user";
}

void WriteString(json::Writer& out, std::string_view key, std::string_view text) {
  if (!text.empty()) out.Key(key).String(text);
}

void WriteNumber(json::Writer& out, std::string_view key, const std::optional<double>& number) {
  if (number) out.Key(key).Double(*number);
}

void WriteInteger(json::Writer& out, std::string_view key,
                  const std::optional<std::int64_t>& number) {
  if (number) out.Key(key).Integer(*number);
}

void WritePart(json::Writer& out, const core::Part& part) {
  out.BeginObject().Key("type");
  switch (part.kind) {
    case PartKind::kReasoning:  // written beside the content
    case PartKind::kText:
      out.String("text").Key("text").String(part.text);
      break;
    case PartKind::kRefusal:
      out.String("refusal").Key("refusal").String(part.text);
      break;
    case PartKind::kImageUrl:
      out.String("image_url").Key("image_url").BeginObject().Key("url").String(part.text);
      WriteString(out, "detail", part.format);
      out.EndObject();
      break;
    case PartKind::kAudio:
      out.String("input_audio").Key("input_audio").BeginObject().Key("data").String(part.text);
      out.Key("format").String(part.format).EndObject();
      break;
    case PartKind::kFile: {
      const bool is_data = part.text.starts_with("data:");
      out.String("file")
          .Key("file")
          .BeginObject()
          .Key(is_data ? "file_data" : "file_id")
          .String(part.text);
      WriteString(out, "filename", part.format);
      out.EndObject();
      break;
    }
  }
  out.EndObject();
}

void WriteContent(json::Writer& out, const core::Message& message) {
  std::size_t parts = 0;
  const core::Part* only = nullptr;
  for (const core::Part& part : message.parts) {
    if (part.kind == PartKind::kReasoning) continue;
    ++parts;
    only = &part;
  }
  out.Key("content");
  if (parts == 0) {
    out.Null();
  } else if (parts == 1 && only->kind == PartKind::kText) {
    out.String(only->text);
  } else {
    out.BeginArray();
    for (const core::Part& part : message.parts) {
      if (part.kind != PartKind::kReasoning) WritePart(out, part);
    }
    out.EndArray();
  }
}

void WriteMessage(json::Writer& out, const core::Message& message) {
  out.BeginObject().Key("role").String(RoleWord(message.role));
  WriteString(out, "name", message.name);
  for (const core::Part& part : message.parts) {
    if (part.kind == PartKind::kReasoning) out.Key("reasoning_content").String(part.text);
  }
  WriteContent(out, message);
  WriteString(out, "tool_call_id", message.tool_call_id);
  if (!message.tool_calls.empty()) {
    out.Key("tool_calls").BeginArray();
    for (const core::ToolCall& call : message.tool_calls) {
      out.BeginObject()
          .Key("id")
          .String(call.id)
          .Key("type")
          .String("function")
          .Key("function")
          .BeginObject();
      out.Key("name")
          .String(call.name)
          .Key("arguments")
          .String(call.arguments)
          .EndObject()
          .EndObject();
    }
    out.EndArray();
  }
  out.EndObject();
}

void WriteTools(json::Writer& out, const core::Request& request) {
  if (!request.tools.empty()) {
    out.Key("tools").BeginArray();
    for (const core::ToolSpec& tool : request.tools) {
      out.BeginObject()
          .Key("type")
          .String("function")
          .Key("function")
          .BeginObject()
          .Key("name")
          .String(tool.name);
      WriteString(out, "description", tool.description);
      if (!tool.parameters.empty()) out.Key("parameters").Raw(tool.parameters);
      if (tool.strict) out.Key("strict").Bool(*tool.strict);
      out.EndObject().EndObject();
    }
    out.EndArray();
  }
  switch (request.tool_choice) {
    case core::ToolChoiceKind::kUnset:
      break;
    case core::ToolChoiceKind::kAuto:
      out.Key("tool_choice").String("auto");
      break;
    case core::ToolChoiceKind::kNone:
      out.Key("tool_choice").String("none");
      break;
    case core::ToolChoiceKind::kRequired:
      out.Key("tool_choice").String("required");
      break;
    case core::ToolChoiceKind::kNamed:
      out.Key("tool_choice")
          .BeginObject()
          .Key("type")
          .String("function")
          .Key("function")
          .BeginObject();
      out.Key("name").String(request.tool_choice_name).EndObject().EndObject();
      break;
  }
  if (request.parallel_tool_calls)
    out.Key("parallel_tool_calls").Bool(*request.parallel_tool_calls);
}

void WriteResponseFormat(json::Writer& out, const core::Request& request) {
  if (request.response_format == core::ResponseFormat::kUnset) return;
  out.Key("response_format").BeginObject().Key("type");
  switch (request.response_format) {
    case core::ResponseFormat::kUnset:
    case core::ResponseFormat::kText:
      out.String("text");
      break;
    case core::ResponseFormat::kJsonObject:
      out.String("json_object");
      break;
    case core::ResponseFormat::kJsonSchema:
      out.String("json_schema").Key("json_schema").Raw(request.json_schema);
      break;
  }
  out.EndObject();
}

void WriteSampling(json::Writer& out, const core::Request& request) {
  WriteNumber(out, "temperature", request.temperature);
  WriteNumber(out, "top_p", request.top_p);
  WriteNumber(out, "presence_penalty", request.presence_penalty);
  WriteNumber(out, "frequency_penalty", request.frequency_penalty);
  WriteInteger(out, "seed", request.seed);
  if (!request.stop.empty()) {
    out.Key("stop").BeginArray();
    for (const std::string_view stop : request.stop) out.String(stop);
    out.EndArray();
  }
  if (!request.logit_bias.empty()) out.Key("logit_bias").Raw(request.logit_bias);
  if (request.choices != 1) out.Key("n").Integer(request.choices);
  if (request.logprobs) out.Key("logprobs").Bool(true);
  WriteInteger(out, "top_logprobs", request.top_logprobs);
  WriteString(out, "reasoning_effort", request.reasoning_effort);
}

}  // namespace

std::string WriteChatRequest(const core::Request& request, const UpstreamOptions& options,
                             WriteOptions write) {
  std::string body;
  json::Writer out(body);
  out.BeginObject().Key("model").String(options.model);
  out.Key("messages").BeginArray();
  for (const core::Message& message : request.messages) WriteMessage(out, message);
  out.EndArray();
  WriteTools(out, request);
  WriteResponseFormat(out, request);
  WriteSampling(out, request);
  const std::optional<std::int64_t> limit =
      options.output_tokens_limit ? options.output_tokens_limit : request.max_output_tokens;
  WriteInteger(out, options.max_completion_tokens ? "max_completion_tokens" : "max_tokens", limit);
  WriteString(out, "user", request.user);
  if (write.streaming) {
    out.Key("stream").Bool(true);
    if (write.usage)
      out.Key("stream_options").BeginObject().Key("include_usage").Bool(true).EndObject();
  }
  out.EndObject();
  return body;
}

}  // namespace tidegate::protocols::openai_chat
