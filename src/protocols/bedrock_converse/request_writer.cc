// The body of a request from its values; see request_encoder.h.
#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "base/base64.h"
#include "base/digest.h"
#include "json/writer.h"
#include "protocols/arguments.h"
#include "protocols/bedrock_converse/cache_point.h"
#include "protocols/bedrock_converse/limits.h"
#include "protocols/bedrock_converse/media_formats.h"
#include "protocols/bedrock_converse/model_family.h"
#include "protocols/bedrock_converse/model_fields.h"
#include "protocols/bedrock_converse/request_encoder.h"
#include "protocols/cannot_say.h"

namespace tidegate::protocols::bedrock_converse {
namespace {

using core::MediaSource;
using core::Part;
using core::PartKind;
using core::Role;
using core::StateKind;
using core::StateOrigin;

bool IsWordCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

// The API takes up to 64 letters, digits, '_' and '-'. The same id becomes the same in the call and
// in its result.
std::string ToolUseId(std::string_view id) {
  if (id.size() > kToolUseIdBytesMax) return ToHex(ComputeSha256(id));
  std::string out(id);
  std::replace_if(
      out.begin(), out.end(), [](char c) { return !IsWordCharacter(c) && c != '_' && c != '-'; },
      '_');
  return out;
}

// The API takes letters, digits, single blanks, hyphens, parentheses and square brackets.
std::string DocumentName(std::string_view name) {
  std::string out;
  for (const char c : name.substr(0, kDocumentNameBytesMax)) {
    const bool taken =
        IsWordCharacter(c) || std::string_view(" -()[]").find(c) != std::string_view::npos;
    const char written = taken ? c : '-';
    if (written == ' ' && (out.empty() || out.back() == ' ')) continue;
    out.push_back(written);
  }
  return out.empty() ? "document" : out;
}

bool IsSystem(Role role) { return role == Role::kSystem || role == Role::kDeveloper; }

// Empty texts are refused by the API, and thoughts of others are left out as a whole. A thought
// that nobody vouches for is one of a model that signs nothing, which others do not take.
bool IsLeftOut(const Part& part) {
  if (part.kind == PartKind::kText || part.kind == PartKind::kRefusal) return part.text.empty();
  return part.kind == PartKind::kReasoning &&
         (part.state.origin != StateOrigin::kAnthropic || part.state.kind == StateKind::kOfPart);
}

bool HasBlocks(const core::Message& message) {
  return !std::all_of(message.parts.begin(), message.parts.end(), IsLeftOut);
}

bool IsOfTools(const Part& part) {
  return part.kind == PartKind::kToolCall || part.kind == PartKind::kToolResult;
}

class BodyWriter {
 public:
  BodyWriter(const core::Request& request, const UpstreamOptions& options, std::string& body)
      : request_(request), options_(options), family_(FamilyOf(options.model)), out_(body) {}

  Result<void> Write() {
    out_.BeginObject();
    TIDEGATE_TRY(WriteSystem());
    TIDEGATE_TRY(WriteMessages());
    if (!options_.count_only) TIDEGATE_TRY(WriteInference());
    TIDEGATE_TRY(WriteTools());
    TIDEGATE_TRY(WriteModelFields(request_, options_, family_, out_));
    if (!options_.count_only) WriteOutputConfig();
    out_.EndObject();
    return {};
  }

 private:
  // System messages stand beside the conversation here, wherever they stood in it.
  Result<void> WriteSystem() {
    bool any = false;
    for (const core::Message& message : request_.messages) {
      if (!IsSystem(message.role)) continue;
      for (const Part& part : message.parts) {
        if (part.kind != PartKind::kText) return CannotSay("messages", "media in a system message");
        if (part.text.empty()) continue;
        if (!any) out_.Key("system").BeginArray();
        any = true;
        WriteText(part.text);
        WriteMark(part.cache);
      }
    }
    if (any) out_.EndArray();
    return {};
  }

  void WriteText(std::string_view text) { out_.BeginObject().Key("text").String(text).EndObject(); }

  void WriteMark(core::CacheMark mark) {
    if (TakesCachePoints(family_)) WriteCachePoint(out_, mark);
  }

  // Turns alternate, so neighbours of one side are one turn.
  Result<void> WriteMessages() {
    out_.Key("messages").BeginArray();
    std::optional<bool> assistant;  // whose turn is open
    for (std::size_t i = 0; i < request_.messages.size(); ++i) {
      const core::Message& message = request_.messages[i];
      if (IsSystem(message.role) || !HasBlocks(message)) continue;
      const bool by_assistant = message.role == Role::kAssistant;
      if (assistant != by_assistant) {
        if (assistant) out_.EndArray().EndObject();
        out_.BeginObject().Key("role").String(by_assistant ? "assistant" : "user");
        out_.Key("content").BeginArray();
        assistant = by_assistant;
      }
      const std::string path = "messages[" + std::to_string(i) + "]";
      for (const Part& part : message.parts) {
        if (IsLeftOut(part)) continue;
        TIDEGATE_TRY(WritePart(part, path));
        WriteMark(part.cache);
      }
    }
    if (assistant) out_.EndArray().EndObject();
    out_.EndArray();
    return {};
  }

  Result<void> WritePart(const Part& part, const std::string& path) {
    switch (part.kind) {
      case PartKind::kText:
      case PartKind::kRefusal:
        WriteText(part.text);
        return {};
      case PartKind::kReasoning:
        return WriteReasoning(part, path);
      case PartKind::kToolCall:
        return WriteToolUse(part, path);
      case PartKind::kToolResult:
        return WriteToolResult(part, path);
      case PartKind::kFile:
        return WriteDocument(part, path);
      case PartKind::kImage:
        return WriteMedia(part, "image", path);
      case PartKind::kAudio:
        return WriteMedia(part, "audio", path);
      case PartKind::kVideo:
        return WriteMedia(part, "video", path);
    }
    return {};
  }

  Result<void> WriteReasoning(const Part& part, const std::string& path) {
    out_.BeginObject().Key("reasoningContent").BeginObject();
    if (part.state.kind == StateKind::kRedacted) {
      // A blob of the API, which is base64; so is what its maker wrote.
      if (!DecodeBase64(part.state.bytes)) return CannotSay(path, "a hidden thought like this");
      out_.Key("redactedContent").String(part.state.bytes);
    } else {
      out_.Key("reasoningText").BeginObject().Key("text").String(part.text);
      out_.Key("signature").String(part.state.bytes).EndObject();
    }
    out_.EndObject().EndObject();
    return {};
  }

  Result<void> WriteToolUse(const Part& call, const std::string& path) {
    TIDEGATE_ASSIGN(const std::string_view input, ObjectArguments(call.arguments, path));
    out_.BeginObject().Key("toolUse").BeginObject();
    out_.Key("toolUseId").String(ToolUseId(call.id)).Key("name").String(call.name);
    out_.Key("input").Raw(input).EndObject().EndObject();
    return {};
  }

  Result<void> WriteToolResult(const Part& result, const std::string& path) {
    out_.BeginObject().Key("toolResult").BeginObject();
    out_.Key("toolUseId").String(ToolUseId(result.id)).Key("content").BeginArray();
    for (const Part& part : result.content) {
      if (!IsLeftOut(part)) TIDEGATE_TRY(WritePart(part, path));
    }
    out_.EndArray();
    if (result.is_error) out_.Key("status").String("error");
    out_.EndObject().EndObject();
    return {};
  }

  // Up to the end of the source.
  Result<void> WriteSource(const Part& part, std::string_view media_type, const std::string& path) {
    if (part.source == MediaSource::kUrl) return CannotSay(path, "media by their URL");
    if (part.source != MediaSource::kBase64) return CannotSay(path, "another provider's file");
    const std::string_view format = FormatOf(part.kind, media_type);
    if (format.empty()) {
      return CannotSay(path, "media of the type '" + std::string(media_type) + "'");
    }
    out_.Key("format").String(format);
    out_.Key("source").BeginObject().Key("bytes").String(part.text).EndObject();
    return {};
  }

  Result<void> WriteMedia(const Part& part, std::string_view key, const std::string& path) {
    out_.BeginObject().Key(key).BeginObject();
    TIDEGATE_TRY(WriteSource(part, part.media_type, path));
    out_.EndObject().EndObject();
    return {};
  }

  Result<void> WriteDocument(const Part& part, const std::string& path) {
    const std::string_view type = part.media_type.empty() ? "application/pdf" : part.media_type;
    out_.BeginObject().Key("document").BeginObject();
    TIDEGATE_TRY(WriteSource(part, type, path));
    out_.Key("name").String(NewDocumentName(part.name));
    if (request_.needs.Has(core::Capability::kCitations)) {
      out_.Key("citations").BeginObject().Key("enabled").Bool(true).EndObject();
    }
    out_.EndObject().EndObject();
    return {};
  }

  // The API refuses two documents of one name.
  std::string NewDocumentName(std::string_view wanted) {
    const std::string name = DocumentName(wanted);
    std::string unique = name;
    for (std::size_t n = documents_.size() + 1; !documents_.insert(unique).second; ++n) {
      unique = name + " " + std::to_string(n);
    }
    return unique;
  }

  Result<void> WriteInference() {
    std::optional<std::int64_t> limit = options_.output_tokens_limit;
    if (!limit) limit = request_.max_output_tokens;
    if (!limit && !request_.temperature && !request_.top_p && request_.stop.empty()) return {};
    out_.Key("inferenceConfig").BeginObject();
    if (limit) out_.Key("maxTokens").Integer(*limit);
    if (request_.temperature) {
      if (*request_.temperature > kTemperatureMax) {
        return CannotSay("temperature", "a temperature above 1");
      }
      out_.Key("temperature").Double(*request_.temperature);
    }
    if (request_.top_p) out_.Key("topP").Double(*request_.top_p);
    if (!request_.stop.empty()) {
      out_.Key("stopSequences").BeginArray();
      for (const std::string_view stop : request_.stop) out_.String(stop);
      out_.EndArray();
    }
    out_.EndObject();
    return {};
  }

  bool ConversationHasTools() const {
    return std::any_of(request_.messages.begin(), request_.messages.end(),
                       [](const core::Message& message) {
                         return std::any_of(message.parts.begin(), message.parts.end(), IsOfTools);
                       });
  }

  // The API wants the tools of a conversation that has calls, and has no word for not calling them.
  Result<void> WriteTools() {
    const bool none = request_.tool_choice == core::ToolChoiceKind::kNone;
    if (request_.tools.empty() || none) {
      if (!ConversationHasTools()) return {};
      return none ? CannotSay("tool_choice", "tools that must not be called any more")
                  : CannotSay("tools", "a conversation with tool calls and without tools");
    }
    out_.Key("toolConfig").BeginObject().Key("tools").BeginArray();
    for (const core::ToolSpec& tool : request_.tools) WriteTool(tool);
    out_.EndArray();
    WriteToolChoice();
    out_.EndObject();
    return {};
  }

  void WriteTool(const core::ToolSpec& tool) {
    out_.BeginObject().Key("toolSpec").BeginObject().Key("name").String(tool.name);
    if (!tool.description.empty()) out_.Key("description").String(tool.description);
    out_.Key("inputSchema").BeginObject().Key("json");
    out_.Raw(tool.parameters.empty() ? R"({"type":"object","properties":{}})" : tool.parameters);
    out_.EndObject();
    if (tool.strict.value_or(false)) out_.Key("strict").Bool(true);
    out_.EndObject().EndObject();
    WriteMark(tool.cache);
  }

  void WriteToolChoice() {
    std::string_view word;
    switch (request_.tool_choice) {
      case core::ToolChoiceKind::kUnset:
      case core::ToolChoiceKind::kNone:
        return;
      case core::ToolChoiceKind::kAuto:
        word = "auto";
        break;
      case core::ToolChoiceKind::kRequired:
        word = "any";
        break;
      case core::ToolChoiceKind::kNamed:
        word = "tool";
        break;
    }
    out_.Key("toolChoice").BeginObject().Key(word).BeginObject();
    if (word == "tool") out_.Key("name").String(request_.tool_choice_name);
    out_.EndObject().EndObject();
  }

  // The schema is JSON in a string.
  void WriteOutputConfig() {
    if (request_.response_format != core::ResponseFormat::kJsonSchema) return;
    const core::JsonSchema& schema = request_.json_schema;
    out_.Key("outputConfig").BeginObject().Key("textFormat").BeginObject();
    out_.Key("type").String("json_schema").Key("structure").BeginObject();
    out_.Key("jsonSchema").BeginObject().Key("schema");
    out_.String(schema.schema.empty() ? "{}" : schema.schema);
    if (!schema.name.empty()) out_.Key("name").String(schema.name);
    if (!schema.description.empty()) out_.Key("description").String(schema.description);
    out_.EndObject().EndObject().EndObject().EndObject();
  }

  const core::Request& request_;
  const UpstreamOptions& options_;
  const ModelFamily family_;
  json::Writer out_;
  std::set<std::string> documents_;  // names so far
};

}  // namespace

Result<std::string> WriteConverseRequest(const core::Request& request,
                                         const UpstreamOptions& options) {
  std::string body;
  TIDEGATE_TRY(BodyWriter(request, options, body).Write());
  return body;
}

}  // namespace tidegate::protocols::bedrock_converse
