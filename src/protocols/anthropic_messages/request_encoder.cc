#include "protocols/anthropic_messages/request_encoder.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/base64.h"
#include "json/splice.h"
#include "json/writer.h"
#include "protocols/anthropic_messages/limits.h"
#include "protocols/arguments.h"
#include "protocols/cache_control.h"
#include "protocols/cannot_say.h"
#include "protocols/reasoning_budget.h"
#include "protocols/spans.h"

namespace tidegate::protocols::anthropic_messages {
namespace {

using core::MediaSource;
using core::Part;
using core::PartKind;
using core::Role;
using core::StateKind;
using core::StateOrigin;

constexpr std::string_view kPath = "/messages";
constexpr std::string_view kCountPath = "/messages/count_tokens";

// The caller's header fields for this protocol, or what every request must have.
std::string HeaderLines(const core::Request& request) {
  std::string lines;
  bool versioned = false;
  if (request.protocol == core::Protocol::kAnthropicMessages) {
    for (const auto& [name, value] : request.fields) {
      lines += name;
      lines += ": ";
      lines += value;
      lines += "\r\n";
      versioned |= name == "anthropic-version";
    }
  }
  if (!versioned) {
    lines += "anthropic-version: ";
    lines += kVersionDefault;
    lines += "\r\n";
  }
  return lines;
}

// The API takes letters, digits, '_' and '-'. The same id becomes the same in the call and in its
// result.
std::string ToolId(std::string_view id) {
  std::string out(id);
  std::replace_if(
      out.begin(), out.end(),
      [](char c) {
        return !((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                 c == '_' || c == '-');
      },
      '_');
  return out;
}

bool IsSystem(Role role) { return role == Role::kSystem || role == Role::kDeveloper; }

class BodyWriter {
 public:
  BodyWriter(const core::Request& request, const UpstreamOptions& options, std::string& body)
      : request_(request), options_(options), out_(body) {}

  Result<void> Write(bool stream) {
    out_.BeginObject().Key("model").String(options_.model);
    const std::int64_t limit = OutputLimit();
    if (!options_.count_only) out_.Key("max_tokens").Integer(limit);
    TIDEGATE_TRY(WriteSystem());
    TIDEGATE_TRY(WriteMessages());
    WriteTools();
    WriteToolChoice();
    WriteThinking(limit);
    WriteOutputConfig();
    // Counting takes no part of what only the answer depends on.
    if (!options_.count_only) TIDEGATE_TRY(WriteSampling());
    if (stream) out_.Key("stream").Bool(true);
    out_.EndObject();
    return {};
  }

 private:
  std::int64_t OutputLimit() const {
    if (options_.output_tokens_limit) return *options_.output_tokens_limit;
    if (request_.max_output_tokens) return *request_.max_output_tokens;
    return options_.output_tokens_max > 0 ? options_.output_tokens_max : kMaxTokensDefault;
  }

  // System messages stand beside the conversation here, wherever they stood in it.
  Result<void> WriteSystem() {
    bool any = false;
    for (const core::Message& message : request_.messages) {
      if (!IsSystem(message.role)) continue;
      if (!any) out_.Key("system").BeginArray();
      any = true;
      for (const Part& part : message.parts) {
        if (part.kind != PartKind::kText) return CannotSay("messages", "media in a system message");
        WriteText(part);
      }
    }
    if (any) out_.EndArray();
    return {};
  }

  void WriteText(const Part& part) {
    out_.BeginObject().Key("type").String("text").Key("text").String(part.text);
    WriteCacheMark(out_, part.cache);
    out_.EndObject();
  }

  // Turns alternate, so neighbours of one side are one turn.
  Result<void> WriteMessages() {
    out_.Key("messages").BeginArray();
    std::optional<bool> assistant;  // whose turn is open
    for (std::size_t i = 0; i < request_.messages.size(); ++i) {
      const core::Message& message = request_.messages[i];
      if (IsSystem(message.role)) continue;
      const bool by_assistant = message.role == Role::kAssistant;
      if (!HasBlocks(message)) continue;
      if (assistant != by_assistant) {
        if (assistant) out_.EndArray().EndObject();
        out_.BeginObject().Key("role").String(by_assistant ? "assistant" : "user");
        out_.Key("content").BeginArray();
        assistant = by_assistant;
      }
      for (const Part& part : message.parts) TIDEGATE_TRY(WritePart(part, i));
    }
    if (assistant) out_.EndArray().EndObject();
    out_.EndArray();
    return {};
  }

  // Empty texts are refused by the API, and thoughts of others are left out as a whole.
  static bool IsLeftOut(const Part& part) {
    const bool is_text = part.kind == PartKind::kText || part.kind == PartKind::kRefusal;
    if (is_text) return part.text.empty();
    return part.kind == PartKind::kReasoning &&
           (part.state.origin != StateOrigin::kAnthropic || part.state.kind == StateKind::kOfPart);
  }
  static bool HasBlocks(const core::Message& message) {
    return !std::all_of(message.parts.begin(), message.parts.end(), IsLeftOut);
  }

  Result<void> WritePart(const Part& part, std::size_t message) {
    if (IsLeftOut(part)) return {};
    const auto path = [&] { return "messages[" + std::to_string(message) + "]"; };
    switch (part.kind) {
      case PartKind::kText:
      case PartKind::kRefusal:
        WriteText(part);
        return {};
      case PartKind::kReasoning:
        WriteReasoning(part);
        return {};
      case PartKind::kToolCall:
        return WriteToolUse(part, path());
      case PartKind::kToolResult:
        return WriteToolResult(part, message);
      case PartKind::kImage:
      case PartKind::kFile:
        return WriteMedia(part, path());
      case PartKind::kAudio:
        return CannotSay(path(), "sound");
      case PartKind::kVideo:
        return CannotSay(path(), "video");
    }
    return {};
  }

  void WriteReasoning(const Part& part) {
    out_.BeginObject().Key("type");
    if (part.state.kind == StateKind::kRedacted) {
      out_.String("redacted_thinking").Key("data").String(part.state.bytes);
    } else {
      out_.String("thinking").Key("thinking").String(part.text);
      out_.Key("signature").String(part.state.bytes);
    }
    out_.EndObject();
  }

  Result<void> WriteToolUse(const Part& call, const std::string& path) {
    TIDEGATE_ASSIGN(const std::string_view input, ObjectArguments(call.arguments, path));
    out_.BeginObject().Key("type").String("tool_use").Key("id").String(ToolId(call.id));
    out_.Key("name").String(call.name).Key("input").Raw(input);
    WriteCacheMark(out_, call.cache);
    out_.EndObject();
    return {};
  }

  Result<void> WriteToolResult(const Part& result, std::size_t message) {
    out_.BeginObject().Key("type").String("tool_result");
    out_.Key("tool_use_id").String(ToolId(result.id)).Key("content").BeginArray();
    for (const Part& part : result.content) TIDEGATE_TRY(WritePart(part, message));
    out_.EndArray();
    if (result.is_error) out_.Key("is_error").Bool(true);
    WriteCacheMark(out_, result.cache);
    out_.EndObject();
    return {};
  }

  Result<void> WriteMedia(const Part& part, const std::string& path) {
    const bool image = part.kind == PartKind::kImage;
    out_.BeginObject().Key("type").String(image ? "image" : "document");
    out_.Key("source").BeginObject().Key("type");
    if (part.source == MediaSource::kUrl) {
      out_.String("url").Key("url").String(part.text);
    } else if (part.source == MediaSource::kFileId) {
      return CannotSay(path, "another provider's file");
    } else if (part.media_type == "text/plain") {
      const std::optional<std::string> text = DecodeBase64(part.text);
      if (!text) return CannotSay(path, "a text file that is not base64");
      out_.String("text").Key("media_type").String("text/plain").Key("data").String(*text);
    } else {
      const std::string_view type = part.media_type.empty() ? "application/pdf" : part.media_type;
      out_.String("base64").Key("media_type").String(type).Key("data").String(part.text);
    }
    out_.EndObject();
    if (!image && !part.name.empty()) out_.Key("title").String(part.name);
    const bool cite = request_.needs.Has(core::Capability::kCitations);
    if (!image && cite) {
      out_.Key("citations").BeginObject().Key("enabled").Bool(true).EndObject();
    }
    WriteCacheMark(out_, part.cache);
    out_.EndObject();
    return {};
  }

  void WriteTools() {
    if (request_.tools.empty()) return;
    out_.Key("tools").BeginArray();
    for (const core::ToolSpec& tool : request_.tools) {
      out_.BeginObject().Key("name").String(tool.name);
      if (!tool.description.empty()) out_.Key("description").String(tool.description);
      out_.Key("input_schema")
          .Raw(tool.parameters.empty() ? R"({"type":"object","properties":{}})" : tool.parameters);
      if (tool.strict.value_or(false)) out_.Key("strict").Bool(true);
      WriteCacheMark(out_, tool.cache);
      out_.EndObject();
    }
    out_.EndArray();
  }

  void WriteToolChoice() {
    if (request_.tools.empty()) return;
    const bool single = !request_.parallel_tool_calls.value_or(true);
    std::string_view word;
    switch (request_.tool_choice) {
      case core::ToolChoiceKind::kUnset:
        if (!single) return;
        [[fallthrough]];
      case core::ToolChoiceKind::kAuto:
        word = "auto";
        break;
      case core::ToolChoiceKind::kNone:
        word = "none";
        break;
      case core::ToolChoiceKind::kRequired:
        word = "any";
        break;
      case core::ToolChoiceKind::kNamed:
        word = "tool";
        break;
    }
    out_.Key("tool_choice").BeginObject().Key("type").String(word);
    if (word == "tool") out_.Key("name").String(request_.tool_choice_name);
    if (single && word != "none") out_.Key("disable_parallel_tool_use").Bool(true);
    out_.EndObject();
  }

  void WriteThinking(std::int64_t limit) {
    if (request_.reasoning.mode != core::Reasoning::Mode::kOn) return;
    const std::optional<std::int64_t> budget = BudgetFor(request_.reasoning, limit);
    if (!budget || limit <= kThinkingBudgetMin) return;
    out_.Key("thinking").BeginObject().Key("type").String("enabled");
    out_.Key("budget_tokens").Integer(*budget).EndObject();
  }

  void WriteOutputConfig() {
    if (request_.response_format != core::ResponseFormat::kJsonSchema) return;
    out_.Key("output_config").BeginObject().Key("format").BeginObject();
    out_.Key("type").String("json_schema").Key("schema");
    out_.Raw(request_.json_schema.schema.empty() ? "{}" : request_.json_schema.schema);
    out_.EndObject().EndObject();
  }

  Result<void> WriteSampling() {
    if (request_.temperature) {
      if (*request_.temperature > kTemperatureMax) {
        return CannotSay("temperature", "a temperature above 1");
      }
      out_.Key("temperature").Double(*request_.temperature);
    }
    if (request_.top_p) out_.Key("top_p").Double(*request_.top_p);
    if (request_.top_k) out_.Key("top_k").Integer(*request_.top_k);
    if (!request_.stop.empty()) {
      out_.Key("stop_sequences").BeginArray();
      for (const std::string_view stop : request_.stop) out_.String(stop);
      out_.EndArray();
    }
    if (!request_.user.empty()) {
      out_.Key("metadata").BeginObject().Key("user_id").String(request_.user).EndObject();
    }
    return {};
  }

  const core::Request& request_;
  const UpstreamOptions& options_;
  json::Writer out_;
};

BodyPieces SpliceBody(const core::Request& request, const UpstreamOptions& options, bool stream) {
  BodyPieces pieces;
  json::Splice splice(request.body);
  const auto own = [&](std::string text) -> std::string_view {
    pieces.owned.push_back(std::make_unique<std::string>(std::move(text)));
    return *pieces.owned.back();
  };
  std::string model;
  json::Writer(model).String(options.model);
  splice.Replace(ToJson(request.spans.model), own(std::move(model)));
  if (!request.spans.tidegate_member.empty()) splice.Erase(ToJson(request.spans.tidegate_member));
  if (options.output_tokens_limit) {
    splice.Replace(ToJson(request.spans.max_tokens),
                   own(std::to_string(*options.output_tokens_limit)));
  }
  if (stream && !request.stream) {
    if (request.spans.stream.empty()) {
      splice.Insert(request.spans.object_begin, "\"stream\":true,");
    } else {
      splice.Replace(ToJson(request.spans.stream), "true");
    }
  }
  pieces.pieces = splice.Slices();
  return pieces;
}

}  // namespace

Result<std::string> WriteMessagesRequest(const core::Request& request,
                                         const UpstreamOptions& options, bool stream) {
  std::string body;
  TIDEGATE_TRY(BodyWriter(request, options, body).Write(stream));
  return body;
}

Result<UpstreamRequest> EncodeMessagesRequest(const core::Request& request,
                                              const UpstreamOptions& options) {
  UpstreamRequest upstream;
  upstream.path = options.count_only ? kCountPath : kPath;
  upstream.fields = HeaderLines(request);
  upstream.streaming = request.stream || options.force_stream;
  if (upstream.streaming) upstream.accept = "text/event-stream";
  const bool same = request.protocol == core::Protocol::kAnthropicMessages && request.same_bytes &&
                    !request.body.empty();
  if (same) {
    upstream.body = SpliceBody(request, options, upstream.streaming);
    return upstream;
  }
  TIDEGATE_ASSIGN(std::string body, WriteMessagesRequest(request, options, upstream.streaming));
  upstream.body.owned.push_back(std::make_unique<std::string>(std::move(body)));
  upstream.body.pieces.push_back(*upstream.body.owned.back());
  return upstream;
}

}  // namespace tidegate::protocols::anthropic_messages
