// WriteResponsesRequest of request_encoder.h.
#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "json/writer.h"
#include "protocols/cannot_say.h"
#include "protocols/media.h"
#include "protocols/openai_responses/custom_tool.h"
#include "protocols/openai_responses/limits.h"
#include "protocols/openai_responses/request_encoder.h"
#include "protocols/reasoning_budget.h"

namespace tidegate::protocols::openai_responses {
namespace {

using core::MediaSource;
using core::Part;
using core::PartKind;
using core::Role;

std::string_view RoleWord(Role role) {
  switch (role) {
    case Role::kSystem:
      return "system";
    case Role::kDeveloper:
      return "developer";
    case Role::kAssistant:
      return "assistant";
    case Role::kUser:
    case Role::kTool:
      return "user";
  }
  return "user";
}

bool IsItem(PartKind kind) {
  return kind == PartKind::kReasoning || kind == PartKind::kToolCall ||
         kind == PartKind::kToolResult;
}

class BodyWriter {
 public:
  BodyWriter(const core::Request& request, const UpstreamOptions& options, std::string& body)
      : request_(request), options_(options), out_(body) {}

  Result<void> Write(bool stream) {
    out_.BeginObject().Key("model").String(options_.model);
    out_.Key("input").BeginArray();
    for (std::size_t i = 0; i < request_.messages.size(); ++i) {
      TIDEGATE_TRY(WriteMessage(request_.messages[i], "messages[" + std::to_string(i) + "]"));
    }
    out_.EndArray();
    WriteTools();
    WriteToolChoice();
    WriteFormat();
    WriteReasoning();
    // Counting takes no part of what only the answer depends on.
    if (!options_.count_only) {
      TIDEGATE_TRY(WriteLimit());
      WriteSampling();
      out_.Key("store").Bool(false);
    }
    if (stream) out_.Key("stream").Bool(true);
    out_.EndObject();
    return {};
  }

 private:
  // Texts and media that stand together are one message item; all else is an item of its own.
  Result<void> WriteMessage(const core::Message& message, const std::string& path) {
    const std::vector<Part>& parts = message.parts;
    for (std::size_t i = 0; i < parts.size();) {
      if (IsItem(parts[i].kind)) {
        TIDEGATE_TRY(WriteItem(parts[i++], path));
        continue;
      }
      std::size_t end = i;
      while (end < parts.size() && !IsItem(parts[end].kind)) ++end;
      out_.BeginObject().Key("type").String("message").Key("role").String(RoleWord(message.role));
      out_.Key("content").BeginArray();
      for (; i < end; ++i) TIDEGATE_TRY(WritePart(parts[i], message.role, path));
      out_.EndArray().EndObject();
    }
    return {};
  }

  Result<void> WriteItem(const Part& part, const std::string& path) {
    switch (part.kind) {
      case PartKind::kToolCall:
        WriteCall(part);
        return {};
      case PartKind::kToolResult:
        return WriteResult(part, path);
      default:
        WriteThought(part);
        return {};
    }
  }

  void WriteCall(const Part& call) {
    out_.BeginObject().Key("type");
    out_.String(call.text_input ? "custom_tool_call" : "function_call");
    out_.Key("call_id").String(call.id).Key("name").String(call.name);
    if (call.text_input) {
      out_.Key("input").String(ToText(call.arguments));
    } else {
      out_.Key("arguments").String(call.arguments.empty() ? "{}" : call.arguments);
    }
    out_.EndObject();
  }

  // Only texts: one string. That a tool failed has no field here.
  Result<void> WriteResult(const Part& result, const std::string& path) {
    out_.BeginObject().Key("type");
    out_.String(result.text_input ? "custom_tool_call_output" : "function_call_output");
    out_.Key("call_id").String(result.id).Key("output");
    const std::vector<Part>& content = result.content;
    if (content.empty()) {
      out_.String("");
    } else if (content.size() == 1 && content[0].kind == PartKind::kText) {
      out_.String(content[0].text);
    } else {
      out_.BeginArray();
      for (const Part& part : content) TIDEGATE_TRY(WritePart(part, Role::kTool, path));
      out_.EndArray();
    }
    out_.EndObject();
    return {};
  }

  // Thoughts that others made are left out as a whole.
  void WriteThought(const Part& part) {
    const bool own = part.state.origin == core::StateOrigin::kOpenAi && !part.state.id.empty();
    if (!own) return;
    out_.BeginObject().Key("type").String("reasoning").Key("id").String(part.state.id);
    out_.Key("summary").BeginArray();
    if (!part.text.empty()) {
      out_.BeginObject().Key("type").String("summary_text").Key("text").String(part.text);
      out_.EndObject();
    }
    out_.EndArray().Key("encrypted_content").String(part.state.bytes).EndObject();
  }

  Result<void> WritePart(const Part& part, Role role, const std::string& path) {
    const bool said = role == Role::kAssistant;
    out_.BeginObject().Key("type");
    switch (part.kind) {
      case PartKind::kText:
        out_.String(said ? "output_text" : "input_text").Key("text").String(part.text);
        if (said) out_.Key("annotations").BeginArray().EndArray();
        break;
      case PartKind::kRefusal:
        out_.String(said ? "refusal" : "input_text");
        out_.Key(said ? "refusal" : "text").String(part.text);
        break;
      case PartKind::kImage:
        if (said) return CannotSay(path, "an image of the assistant's");
        if (part.source == MediaSource::kFileId) {
          return CannotSay(path, "another provider's file");
        }
        out_.String("input_image").Key("image_url").String(MediaUrl(part));
        out_.Key("detail").String(part.detail.empty() ? "auto" : part.detail);
        break;
      case PartKind::kFile:
        TIDEGATE_TRY(WriteFile(part, path));
        break;
      default:
        return CannotSay(path, part.kind == PartKind::kAudio ? "sound" : "video");
    }
    out_.EndObject();
    return {};
  }

  Result<void> WriteFile(const Part& part, const std::string& path) {
    constexpr std::string_view kNameless = "document.pdf";  // data must have a name
    if (part.source == MediaSource::kFileId) return CannotSay(path, "another provider's file");
    out_.String("input_file");
    if (part.source == MediaSource::kUrl) {
      out_.Key("file_url").String(part.text);
      return {};
    }
    Part typed = part;
    if (typed.media_type.empty()) typed.media_type = "application/pdf";
    out_.Key("filename").String(part.name.empty() ? kNameless : part.name);
    out_.Key("file_data").String(MediaUrl(typed));
    return {};
  }

  void WriteTools() {
    if (request_.tools.empty()) return;
    out_.Key("tools").BeginArray();
    for (const core::ToolSpec& tool : request_.tools) {
      out_.BeginObject().Key("type").String("function").Key("name").String(tool.name);
      if (!tool.description.empty()) out_.Key("description").String(tool.description);
      out_.Key("parameters")
          .Raw(tool.parameters.empty() ? R"({"type":"object","properties":{}})" : tool.parameters);
      // Left out, it would be true here, and a schema that is not strict would be refused.
      out_.Key("strict").Bool(tool.strict.value_or(false)).EndObject();
    }
    out_.EndArray();
  }

  void WriteToolChoice() {
    using core::ToolChoiceKind;
    if (request_.parallel_tool_calls) {
      out_.Key("parallel_tool_calls").Bool(*request_.parallel_tool_calls);
    }
    switch (request_.tool_choice) {
      case ToolChoiceKind::kUnset:
        return;
      case ToolChoiceKind::kAuto:
        out_.Key("tool_choice").String("auto");
        return;
      case ToolChoiceKind::kNone:
        out_.Key("tool_choice").String("none");
        return;
      case ToolChoiceKind::kRequired:
        out_.Key("tool_choice").String("required");
        return;
      case ToolChoiceKind::kNamed:
        out_.Key("tool_choice").BeginObject().Key("type").String("function");
        out_.Key("name").String(request_.tool_choice_name).EndObject();
        return;
    }
  }

  void WriteFormat() {
    constexpr std::string_view kNameless = "answer";  // the protocol wants a name
    if (request_.response_format == core::ResponseFormat::kUnset) return;
    out_.Key("text").BeginObject().Key("format").BeginObject().Key("type");
    switch (request_.response_format) {
      case core::ResponseFormat::kUnset:
      case core::ResponseFormat::kText:
        out_.String("text");
        break;
      case core::ResponseFormat::kJsonObject:
        out_.String("json_object");
        break;
      case core::ResponseFormat::kJsonSchema: {
        const core::JsonSchema& schema = request_.json_schema;
        out_.String("json_schema").Key("name");
        out_.String(schema.name.empty() ? kNameless : schema.name);
        if (!schema.description.empty()) out_.Key("description").String(schema.description);
        out_.Key("schema").Raw(schema.schema.empty() ? "{}" : schema.schema);
        if (schema.strict) out_.Key("strict").Bool(*schema.strict);
        break;
      }
    }
    out_.EndObject().EndObject();
  }

  void WriteReasoning() {
    const std::string_view effort = EffortFor(request_.reasoning);
    const bool thinks = !effort.empty() && effort != "none";
    if (!effort.empty()) {
      out_.Key("reasoning").BeginObject().Key("effort").String(effort);
      if (thinks && request_.reasoning.visible.value_or(false)) out_.Key("summary").String("auto");
      out_.EndObject();
    }
    if (!thinks && !request_.logprobs) return;
    out_.Key("include").BeginArray();
    if (thinks) out_.String("reasoning.encrypted_content");
    if (request_.logprobs) out_.String("message.output_text.logprobs");
    out_.EndArray();
  }

  Result<void> WriteLimit() {
    const std::optional<std::int64_t> limit =
        options_.output_tokens_limit ? options_.output_tokens_limit : request_.max_output_tokens;
    if (!limit) return {};
    if (*limit < kOutputTokensMin) {
      return CannotSay("max_tokens", "an output limit below " + std::to_string(kOutputTokensMin));
    }
    out_.Key("max_output_tokens").Integer(*limit);
    return {};
  }

  void WriteSampling() {
    if (request_.temperature) out_.Key("temperature").Double(*request_.temperature);
    if (request_.top_p) out_.Key("top_p").Double(*request_.top_p);
    if (request_.top_logprobs) out_.Key("top_logprobs").Integer(*request_.top_logprobs);
    if (!request_.user.empty()) out_.Key("user").String(request_.user);
  }

  const core::Request& request_;
  const UpstreamOptions& options_;
  json::Writer out_;
};

}  // namespace

Result<std::string> WriteResponsesRequest(const core::Request& request,
                                          const UpstreamOptions& options, bool stream) {
  std::string body;
  TIDEGATE_TRY(BodyWriter(request, options, body).Write(stream));
  return body;
}

}  // namespace tidegate::protocols::openai_responses
