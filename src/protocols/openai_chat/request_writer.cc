// WriteChatRequest of request_encoder.h.
#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "json/writer.h"
#include "protocols/cache_control.h"
#include "protocols/cannot_say.h"
#include "protocols/media.h"
#include "protocols/openai_chat/call_id.h"
#include "protocols/openai_chat/reasoning_details.h"
#include "protocols/openai_chat/request_encoder.h"
#include "protocols/openai_chat/sampling_writer.h"
#include "protocols/reasoning_budget.h"

namespace tidegate::protocols::openai_chat {
namespace {

using core::PartKind;
using core::Role;

// `foreign`: the request came in another protocol. Only OpenAI's newer models tell a developer from
// the system, and templates of open models know the system alone.
std::string_view RoleWord(Role role, bool foreign) {
  switch (role) {
    case Role::kSystem:
      return "system";
    case Role::kDeveloper:
      return foreign ? "system" : "developer";
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

void WriteInteger(json::Writer& out, std::string_view key,
                  const std::optional<std::int64_t>& number) {
  if (number) out.Key(key).Integer(*number);
}

// Messages of this protocol, made of the parts of one message of ours.
class MessageWriter {
 public:
  MessageWriter(json::Writer& out, const UpstreamOptions& options, bool foreign)
      : out_(out), options_(options), foreign_(foreign) {}

  // A message with tool results is one message for each of them, and one for the rest.
  Result<void> Write(const core::Message& message) {
    bool rest = message.parts.empty();
    for (const core::Part& part : message.parts) {
      if (part.kind == PartKind::kToolResult) {
        TIDEGATE_TRY(WriteResult(part));
      } else {
        rest = true;
      }
    }
    return rest ? WriteRest(message) : Result<void>();
  }

 private:
  static bool IsContent(const core::Part& part) {
    return part.kind != PartKind::kReasoning && part.kind != PartKind::kToolCall &&
           part.kind != PartKind::kToolResult;
  }

  Result<void> WriteResult(const core::Part& result) {
    out_.BeginObject().Key("role").String("tool").Key("tool_call_id").String(IdOf(result));
    TIDEGATE_TRY(WriteContent(result.content, ""));
    out_.EndObject();
    return {};
  }

  Result<void> WriteRest(const core::Message& message) {
    out_.BeginObject().Key("role").String(RoleWord(message.role, foreign_));
    WriteString(out_, "name", message.name);
    const bool has_calls =
        std::any_of(message.parts.begin(), message.parts.end(),
                    [](const core::Part& part) { return part.kind == PartKind::kToolCall; });
    if (options_.passes_unknown_fields) {
      WriteReasoning(message);
    } else if (has_calls && options_.dialect->reasoning_back) {
      out_.Key("reasoning_content").String(ReasoningOf(message));
    }
    TIDEGATE_TRY(WriteContent(message.parts, has_calls ? "null" : "\"\""));
    if (has_calls) WriteCalls(message);
    out_.EndObject();
    return {};
  }

  std::string IdOf(const core::Part& part) const {
    const auto bytes = static_cast<std::size_t>(options_.dialect->call_id_bytes);
    return bytes == 0 ? std::string(part.id) : CallIdOf(part.id, bytes);
  }

  static std::string ReasoningOf(const core::Message& message) {
    std::string text;
    for (const core::Part& part : message.parts) {
      if (part.kind == PartKind::kReasoning) text += part.text;
    }
    return text;
  }

  void WriteReasoning(const core::Message& message) {
    WriteString(out_, "reasoning_content", ReasoningOf(message));
    const bool has_state =
        std::any_of(message.parts.begin(), message.parts.end(), [](const core::Part& part) {
          return part.kind == PartKind::kReasoning && !part.state.empty();
        });
    if (!has_state) return;
    out_.Key("reasoning_details").BeginArray();
    for (const core::Part& part : message.parts) {
      if (part.kind == PartKind::kReasoning) WriteReasoningDetail(out_, part.text, part.state);
    }
    out_.EndArray();
  }

  void WriteCalls(const core::Message& message) {
    out_.Key("tool_calls").BeginArray();
    for (const core::Part& call : message.parts) {
      if (call.kind != PartKind::kToolCall) continue;
      out_.BeginObject().Key("id").String(IdOf(call)).Key("type").String("function");
      out_.Key("function").BeginObject().Key("name").String(call.name);
      out_.Key("arguments").String(call.arguments.empty() ? "{}" : call.arguments).EndObject();
      if (options_.passes_unknown_fields && call.state.origin == core::StateOrigin::kGemini) {
        WriteExtraContent(out_.Key("extra_content"), call.state);
      }
      out_.EndObject();
    }
    out_.EndArray();
  }

  // `empty`: what stands for no content at all.
  Result<void> WriteContent(const std::vector<core::Part>& parts, std::string_view empty) {
    std::size_t count = 0;
    const core::Part* only = nullptr;
    bool marked = false;
    for (const core::Part& part : parts) {
      if (!IsContent(part)) continue;
      ++count;
      only = &part;
      marked |= part.cache != core::CacheMark::kNone && options_.passes_unknown_fields;
    }
    out_.Key("content");
    if (count == 0) {
      out_.Raw(empty.empty() ? "\"\"" : empty);
      return {};
    }
    if (count == 1 && only->kind == PartKind::kText && !marked) {
      out_.String(only->text);
      return {};
    }
    out_.BeginArray();
    for (const core::Part& part : parts) {
      if (IsContent(part)) TIDEGATE_TRY(WritePart(part));
    }
    out_.EndArray();
    return {};
  }

  Result<void> WritePart(const core::Part& part) {
    out_.BeginObject().Key("type");
    switch (part.kind) {
      case PartKind::kText:
        out_.String("text").Key("text").String(part.text);
        break;
      case PartKind::kRefusal:
        out_.String("refusal").Key("refusal").String(part.text);
        break;
      case PartKind::kImage:
        if (part.source == core::MediaSource::kFileId)
          return CannotSay("messages", "an image by its file id");
        out_.String("image_url").Key("image_url").BeginObject().Key("url").String(MediaUrl(part));
        WriteString(out_, "detail", part.detail);
        out_.EndObject();
        break;
      case PartKind::kAudio:
        if (part.source != core::MediaSource::kBase64)
          return CannotSay("messages", "a sound by its URL");
        out_.String("input_audio").Key("input_audio").BeginObject().Key("data").String(part.text);
        out_.Key("format").String(AudioFormat(part.media_type)).EndObject();
        break;
      case PartKind::kFile:
        if (part.source == core::MediaSource::kUrl)
          return CannotSay("messages", "a file by its URL");
        WriteFile(part);
        break;
      default:
        return CannotSay("messages", "a video");
    }
    if (options_.passes_unknown_fields) WriteCacheMark(out_, part.cache);
    out_.EndObject();
    return {};
  }

  void WriteFile(const core::Part& part) {
    const bool is_data = part.source == core::MediaSource::kBase64;
    out_.String("file").Key("file").BeginObject();
    out_.Key(is_data ? "file_data" : "file_id").String(is_data ? MediaUrl(part) : part.text);
    WriteString(out_, "filename", part.name);
    out_.EndObject();
  }

  json::Writer& out_;
  const UpstreamOptions& options_;
  const bool foreign_;
};

void WriteTools(json::Writer& out, const core::Request& request, const UpstreamOptions& options) {
  // Who cannot be told which tool must be called is offered no other.
  const bool only_named =
      request.tool_choice == core::ToolChoiceKind::kNamed && !options.dialect->named_tool_choice;
  if (!request.tools.empty()) {
    out.Key("tools").BeginArray();
    for (const core::ToolSpec& tool : request.tools) {
      if (only_named && tool.name != request.tool_choice_name) continue;
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
      out.EndObject();
      if (options.passes_unknown_fields) WriteCacheMark(out, tool.cache);
      out.EndObject();
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
      if (only_named) {
        out.Key("tool_choice").String("required");
        break;
      }
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

void WriteSchema(json::Writer& out, const core::JsonSchema& schema) {
  constexpr std::string_view kNameless = "answer";  // the protocol wants a name
  out.BeginObject().Key("name").String(schema.name.empty() ? kNameless : schema.name);
  WriteString(out, "description", schema.description);
  if (!schema.schema.empty()) out.Key("schema").Raw(schema.schema);
  if (schema.strict) out.Key("strict").Bool(*schema.strict);
  out.EndObject();
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
      out.String("json_schema").Key("json_schema");
      WriteSchema(out, request.json_schema);
      break;
  }
  out.EndObject();
}

}  // namespace

Result<std::string> WriteChatRequest(const core::Request& request, const UpstreamOptions& options,
                                     WriteOptions write) {
  std::string body;
  json::Writer out(body);
  out.BeginObject().Key("model").String(options.model);
  out.Key("messages").BeginArray();
  MessageWriter messages(out, options, request.protocol != core::Protocol::kOpenAiChat);
  for (const core::Message& message : request.messages) TIDEGATE_TRY(messages.Write(message));
  out.EndArray();
  WriteTools(out, request, options);
  WriteResponseFormat(out, request);
  WriteSampling(out, request, *options.dialect);
  if (request.logprobs) out.Key("logprobs").Bool(true);
  WriteInteger(out, "top_logprobs", request.top_logprobs);
  WriteMoreSampling(out, request);
  WriteString(out, "reasoning_effort", EffortFor(request.reasoning));
  const std::optional<std::int64_t> limit =
      options.output_tokens_limit ? options.output_tokens_limit : request.max_output_tokens;
  WriteInteger(out, options.dialect->max_completion_tokens ? "max_completion_tokens" : "max_tokens",
               limit);
  if (!options.dialect->Refuses("user")) WriteString(out, "user", request.user);
  if (write.streaming) {
    out.Key("stream").Bool(true);
    if (write.usage)
      out.Key("stream_options").BeginObject().Key("include_usage").Bool(true).EndObject();
  }
  out.EndObject();
  return body;
}

}  // namespace tidegate::protocols::openai_chat
