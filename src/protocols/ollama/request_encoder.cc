#include "protocols/ollama/request_encoder.h"

#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "json/splice.h"
#include "json/writer.h"
#include "protocols/arguments.h"
#include "protocols/cannot_say.h"
#include "protocols/ollama/request_decoder.h"
#include "protocols/reasoning_budget.h"
#include "protocols/spans.h"

namespace tidegate::protocols::ollama {
namespace {

using core::Part;
using core::PartKind;
using core::Role;

constexpr std::string_view kChatPath = "/api/chat";
constexpr std::string_view kGeneratePath = "/api/generate";

std::string_view RoleWord(Role role) {
  switch (role) {
    case Role::kSystem:
    case Role::kDeveloper:
      return "system";
    case Role::kUser:
      return "user";
    case Role::kAssistant:
      return "assistant";
    case Role::kTool:
      return "tool";
  }
  return "user";
}

bool IsText(const Part& part) {
  return part.kind == PartKind::kText || part.kind == PartKind::kRefusal;
}

// The levels that the API knows.
std::string_view ThinkLevel(std::string_view effort) {
  if (effort == "minimal") return "low";
  if (effort == "xhigh") return "high";
  return effort;
}

Result<void> CheckToolChoice(const core::Request& request) {
  const bool must = request.tool_choice == core::ToolChoiceKind::kRequired ||
                    request.tool_choice == core::ToolChoiceKind::kNamed;
  return must ? Result<void>(CannotSay("tool_choice", "a tool that must be called"))
              : Result<void>();
}

// A text and not a conversation.
bool AsItStands(const core::Request& request) {
  return request.needs.Has(core::Capability::kRawPrompt) ||
         request.needs.Has(core::Capability::kInsert);
}

class BodyWriter {
 public:
  BodyWriter(const core::Request& request, const UpstreamOptions& options, std::string& body)
      : request_(request), options_(options), out_(body) {}

  Result<void> Write(bool stream) {
    out_.BeginObject().Key("model").String(options_.model);
    TIDEGATE_TRY(AsItStands(request_) ? WritePrompt() : WriteMessages());
    out_.Key("stream").Bool(stream);
    TIDEGATE_TRY(WriteTools());
    WriteFormat();
    WriteThink();
    WriteOptions();
    if (request_.logprobs) out_.Key("logprobs").Bool(true);
    if (request_.logprobs && request_.top_logprobs) {
      out_.Key("top_logprobs").Integer(*request_.top_logprobs);
    }
    // Else a prompt that does not fit loses its middle without a word.
    out_.Key("truncate").Bool(false);
    out_.EndObject();
    return {};
  }

 private:
  Result<void> WriteMessages() {
    out_.Key("messages").BeginArray();
    for (std::size_t i = 0; i < request_.messages.size(); ++i) {
      TIDEGATE_TRY(WriteMessage(request_.messages[i], "messages[" + std::to_string(i) + "]"));
    }
    out_.EndArray();
    return {};
  }

  Result<void> WritePrompt() {
    if (!request_.prompt_template.empty()) {
      return CannotSay("template", "a template in a body that is written anew");
    }
    std::string prompt;
    for (const core::Message& message : request_.messages) {
      for (const Part& part : message.parts) {
        if (!IsText(part)) return CannotSay("images", "what is no text, beside one as it stands");
        prompt += part.text;
      }
    }
    out_.Key("prompt").String(prompt);
    if (request_.suffix.empty()) {
      out_.Key("raw").Bool(true);
    } else {
      out_.Key("suffix").String(request_.suffix);
    }
    return {};
  }

  // Each tool result is a message of its own; what else a message holds is one.
  Result<void> WriteMessage(const core::Message& message, const std::string& path) {
    std::vector<const Part*> rest;
    for (const Part& part : message.parts) {
      if (part.kind == PartKind::kToolResult) {
        TIDEGATE_TRY(WriteResult(part, path));
      } else {
        rest.push_back(&part);
      }
    }
    if (rest.empty() && !message.parts.empty()) return {};
    out_.BeginObject().Key("role").String(RoleWord(message.role));
    TIDEGATE_TRY(WriteContent(rest, path));
    TIDEGATE_TRY(WriteCalls(rest, path));
    out_.EndObject();
    return {};
  }

  Result<void> WriteResult(const Part& result, const std::string& path) {
    std::vector<const Part*> parts;
    for (const Part& part : result.content) parts.push_back(&part);
    out_.BeginObject().Key("role").String("tool");
    TIDEGATE_TRY(WriteContent(parts, path));
    if (!result.name.empty()) out_.Key("tool_name").String(result.name);
    if (!result.id.empty()) out_.Key("tool_call_id").String(result.id);
    out_.EndObject();
    return {};
  }

  // Texts are one text here, a line each; images stand beside it.
  Result<void> WriteContent(const std::vector<const Part*>& parts, const std::string& path) {
    std::string text, thinking;
    std::vector<std::string_view> images;
    for (const Part* part : parts) {
      if (IsText(*part)) {
        if (!text.empty()) text += '\n';
        text += part->text;
      } else if (part->kind == PartKind::kReasoning) {
        // A thought that somebody vouches for means something to its maker only.
        if (part->state.empty()) thinking += part->text;
      } else if (core::IsMedia(part->kind)) {
        TIDEGATE_TRY(CheckMedia(*part, path));
        images.push_back(part->text);
      }
    }
    out_.Key("content").String(text);
    if (!thinking.empty()) out_.Key("thinking").String(thinking);
    if (images.empty()) return {};
    out_.Key("images").BeginArray();
    for (const std::string_view image : images) out_.String(image);
    out_.EndArray();
    return {};
  }

  static Result<void> CheckMedia(const Part& part, const std::string& path) {
    if (part.kind == PartKind::kVideo) return CannotSay(path, "video");
    if (part.kind == PartKind::kFile) return CannotSay(path, "a file");
    if (part.source != core::MediaSource::kBase64) {
      return CannotSay(path, "an image or sound that does not stand in the request itself");
    }
    return {};
  }

  Result<void> WriteCalls(const std::vector<const Part*>& parts, const std::string& path) {
    std::int64_t index = 0;
    for (const Part* part : parts) {
      if (part->kind != PartKind::kToolCall) continue;
      TIDEGATE_ASSIGN(const std::string_view arguments, ObjectArguments(part->arguments, path));
      if (index == 0) out_.Key("tool_calls").BeginArray();
      out_.BeginObject();
      if (!part->id.empty()) out_.Key("id").String(part->id);
      out_.Key("function").BeginObject().Key("index").Integer(index++);
      out_.Key("name").String(part->name).Key("arguments").Raw(arguments).EndObject().EndObject();
    }
    if (index > 0) out_.EndArray();
    return {};
  }

  // Without tools none is called, which is the only choice that can be said.
  Result<void> WriteTools() {
    TIDEGATE_TRY(CheckToolChoice(request_));
    if (request_.tools.empty() || request_.tool_choice == core::ToolChoiceKind::kNone) return {};
    out_.Key("tools").BeginArray();
    for (const core::ToolSpec& tool : request_.tools) {
      out_.BeginObject().Key("type").String("function").Key("function").BeginObject();
      out_.Key("name").String(tool.name);
      if (!tool.description.empty()) out_.Key("description").String(tool.description);
      out_.Key("parameters")
          .Raw(tool.parameters.empty() ? R"({"type":"object","properties":{}})" : tool.parameters);
      out_.EndObject().EndObject();
    }
    out_.EndArray();
    return {};
  }

  void WriteFormat() {
    if (request_.response_format == core::ResponseFormat::kJsonObject) {
      out_.Key("format").String("json");
    } else if (request_.response_format == core::ResponseFormat::kJsonSchema) {
      const std::string_view schema = request_.json_schema.schema;
      if (schema.empty()) {
        out_.Key("format").String("json");
      } else {
        out_.Key("format").Raw(schema);
      }
    }
  }

  void WriteThink() {
    const core::Reasoning& reasoning = request_.reasoning;
    const bool said = !reasoning.effort.empty() || reasoning.budget_tokens.has_value();
    if (reasoning.mode == core::Reasoning::Mode::kOff || reasoning.effort == "none") {
      out_.Key("think").Bool(false);
    } else if (said) {
      out_.Key("think").String(ThinkLevel(EffortFor(reasoning)));
    } else if (reasoning.mode == core::Reasoning::Mode::kOn) {
      out_.Key("think").Bool(true);
    }
  }

  void Number(std::string_view key, const std::optional<double>& number) {
    if (number) Option(key).Double(*number);
  }
  void Integer(std::string_view key, const std::optional<std::int64_t>& number) {
    if (number) Option(key).Integer(*number);
  }
  json::Writer& Option(std::string_view key) {
    if (!optioned_) out_.Key("options").BeginObject();
    optioned_ = true;
    return out_.Key(key);
  }

  void WriteOptions() {
    Integer("num_predict", options_.output_tokens_limit ? options_.output_tokens_limit
                                                        : request_.max_output_tokens);
    Number("temperature", request_.temperature);
    Number("top_p", request_.top_p);
    Integer("top_k", request_.top_k);
    Number("min_p", request_.min_p);
    Number("typical_p", request_.typical_p);
    Integer("seed", request_.seed);
    Number("repeat_penalty", request_.repeat_penalty);
    Integer("repeat_last_n", request_.repeat_last_n);
    Number("presence_penalty", request_.presence_penalty);
    Number("frequency_penalty", request_.frequency_penalty);
    if (!request_.stop.empty()) {
      Option("stop").BeginArray();
      for (const std::string_view stop : request_.stop) out_.String(stop);
      out_.EndArray();
    }
    if (optioned_) out_.EndObject();
  }

  const core::Request& request_;
  const UpstreamOptions& options_;
  json::Writer out_;
  bool optioned_ = false;
};

// The edits of one body. New texts are owned by the result.
class BodyEdits {
 public:
  explicit BodyEdits(const core::Request& request) : request_(request), splice_(request.body) {}

  BodyPieces Make(const UpstreamOptions& options, bool stream) && {
    const core::BodySpans& spans = request_.spans;
    std::string model;
    json::Writer(model).String(options.model);
    splice_.Replace(ToJson(spans.model), Own(std::move(model)));
    if (!spans.tidegate_member.empty()) splice_.Erase(ToJson(spans.tidegate_member));
    for (const core::BodyEdit& edit : request_.edits) {
      splice_.Replace(ToJson(edit.span), edit.text);
    }
    if (stream && !request_.stream) splice_.Replace(ToJson(spans.stream), "true");
    if (options.output_tokens_limit) SetLimit(std::to_string(*options.output_tokens_limit));
    out_.pieces = splice_.Slices();
    return std::move(out_);
  }

 private:
  std::string_view Own(std::string text) {
    out_.owned.push_back(std::make_unique<std::string>(std::move(text)));
    return *out_.owned.back();
  }

  void SetLimit(const std::string& limit) {
    const core::BodySpans& spans = request_.spans;
    const std::string member = "\"num_predict\":" + limit;
    if (!spans.max_tokens.empty()) {
      splice_.Replace(ToJson(spans.max_tokens), Own(limit));
    } else if (spans.limit_parent.empty()) {
      splice_.Insert(spans.object_begin, Own("\"options\":{" + member + "},"));
    } else {
      const std::string_view options = request_.body.substr(
          spans.limit_parent.begin, spans.limit_parent.end - spans.limit_parent.begin);
      if (options.find('"') == std::string_view::npos) {  // {} or null
        splice_.Replace(ToJson(spans.limit_parent), Own("{" + member + "}"));
      } else {
        splice_.Insert(spans.limit_parent.begin + 1, Own(member + ","));
      }
    }
  }

  const core::Request& request_;
  json::Splice splice_;
  BodyPieces out_;
};

}  // namespace

Result<std::string> WriteOllamaRequest(const core::Request& request, const UpstreamOptions& options,
                                       bool stream) {
  std::string body;
  TIDEGATE_TRY(BodyWriter(request, options, body).Write(stream));
  return body;
}

Result<UpstreamRequest> EncodeOllamaRequest(const core::Request& request,
                                            const UpstreamOptions& options) {
  const bool same =
      request.protocol == core::Protocol::kOllama && request.same_bytes && !request.body.empty();
  TIDEGATE_TRY(CheckToolChoice(request));
  const bool readying = request.readying != core::Readying::kNone;
  UpstreamRequest upstream;
  const bool prompt = same ? request.form == kGenerateForm : AsItStands(request);
  upstream.path = prompt ? kGeneratePath : kChatPath;
  upstream.streaming = request.stream || (options.force_stream && !readying);
  if (upstream.streaming) upstream.accept = "application/x-ndjson";
  if (same) {
    upstream.body = BodyEdits(request).Make(options, upstream.streaming);
    return upstream;
  }
  TIDEGATE_ASSIGN(std::string body, WriteOllamaRequest(request, options, upstream.streaming));
  upstream.body.owned.push_back(std::make_unique<std::string>(std::move(body)));
  upstream.body.pieces.push_back(*upstream.body.owned.back());
  return upstream;
}

}  // namespace tidegate::protocols::ollama
