// WriteChatRequest of request_encoder.h.
#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/base64.h"
#include "json/writer.h"
#include "protocols/cannot_say.h"
#include "protocols/cohere_chat/limits.h"
#include "protocols/cohere_chat/request_encoder.h"
#include "protocols/media.h"
#include "protocols/reasoning_budget.h"

namespace tidegate::protocols::cohere_chat {
namespace {

using core::Part;
using core::PartKind;
using core::Role;

bool IsSystem(Role role) { return role == Role::kSystem || role == Role::kDeveloper; }
bool IsText(const Part& part) {
  return part.kind == PartKind::kText || part.kind == PartKind::kRefusal;
}
// A thought that something vouches for is another provider's: left out as a whole.
bool IsThought(const Part& part) {
  return part.kind == PartKind::kReasoning && part.state.empty() && !part.text.empty();
}

class BodyWriter {
 public:
  BodyWriter(const core::Request& request, const UpstreamOptions& options, std::string& body)
      : request_(request), options_(options), out_(body) {}

  Result<void> Write(bool stream) {
    out_.BeginObject().Key("model").String(options_.model);
    out_.Key("messages").BeginArray();
    TIDEGATE_TRY(WriteSystem());
    for (std::size_t i = 0; i < request_.messages.size(); ++i) {
      if (!IsSystem(request_.messages[i].role)) TIDEGATE_TRY(WriteMessage(i));
    }
    out_.EndArray();
    TIDEGATE_TRY(WriteDocuments());
    TIDEGATE_TRY(WriteTools());
    TIDEGATE_TRY(WriteToolChoice());
    TIDEGATE_TRY(WriteFormat());
    WriteThinking();
    TIDEGATE_TRY(WriteSampling());
    if (stream) out_.Key("stream").Bool(true);
    out_.EndObject();
    return {};
  }

 private:
  static std::string Path(std::size_t message) {
    return "messages[" + std::to_string(message) + "]";
  }

  // The API takes a system message in front of all others only.
  Result<void> WriteSystem() {
    std::vector<Part> parts;
    for (std::size_t i = 0; i < request_.messages.size(); ++i) {
      const core::Message& message = request_.messages[i];
      if (!IsSystem(message.role)) continue;
      for (const Part& part : message.parts) {
        if (part.kind != PartKind::kText) return CannotSay(Path(i), "media in a system message");
        parts.push_back(part);
      }
    }
    if (parts.empty()) return {};
    out_.BeginObject().Key("role").String("system");
    WriteTexts(parts);
    out_.EndObject();
    return {};
  }

  // `content` of texts and nothing else.
  void WriteTexts(const std::vector<Part>& parts) {
    out_.Key("content");
    if (parts.size() == 1) {
      out_.String(parts.front().text);
      return;
    }
    out_.BeginArray();
    for (const Part& part : parts) WriteText(part.text);
    out_.EndArray();
  }
  void WriteText(std::string_view text) {
    out_.BeginObject().Key("type").String("text").Key("text").String(text).EndObject();
  }

  Result<void> WriteMessage(std::size_t index) {
    const core::Message& message = request_.messages[index];
    if (message.role == Role::kAssistant) return WriteAssistant(message, index);
    // A message with tool results is one message for each of them, and one for the rest.
    for (const Part& part : message.parts) {
      if (part.kind == PartKind::kToolResult) TIDEGATE_TRY(WriteResult(part, index));
    }
    return WriteUser(message, index);
  }

  Result<void> WriteUser(const core::Message& message, std::size_t index) {
    std::vector<Part> parts;
    bool only_texts = true;
    for (const Part& part : message.parts) {
      if (part.kind == PartKind::kToolResult) continue;
      if (part.kind == PartKind::kFile) {
        TIDEGATE_TRY(TakeDocument(part, index));
        continue;
      }
      only_texts = only_texts && IsText(part);
      parts.push_back(part);
    }
    if (parts.empty()) return {};
    out_.BeginObject().Key("role").String("user");
    if (only_texts) {
      WriteTexts(parts);
    } else {
      out_.Key("content").BeginArray();
      for (const Part& part : parts) TIDEGATE_TRY(WriteUserPart(part, index));
      out_.EndArray();
    }
    out_.EndObject();
    return {};
  }

  Result<void> WriteUserPart(const Part& part, std::size_t index) {
    switch (part.kind) {
      case PartKind::kText:
      case PartKind::kRefusal:
        WriteText(part.text);
        return {};
      case PartKind::kImage:
        if (part.source == core::MediaSource::kFileId) {
          return CannotSay(Path(index), "an image by its file id");
        }
        out_.BeginObject().Key("type").String("image_url").Key("image_url").BeginObject();
        out_.Key("url").String(MediaUrl(part));
        if (!part.detail.empty()) out_.Key("detail").String(part.detail);
        out_.EndObject().EndObject();
        return {};
      case PartKind::kAudio:
        return CannotSay(Path(index), "sound");
      case PartKind::kVideo:
        return CannotSay(Path(index), "video");
      default:
        return CannotSay(Path(index), "such a part in a message of the user");
    }
  }

  // What is said beside tool calls is the plan for them.
  Result<void> WriteAssistant(const core::Message& message, std::size_t index) {
    const auto has = [&](auto is) {
      return std::any_of(message.parts.begin(), message.parts.end(), is);
    };
    const bool calls = has([](const Part& part) { return part.kind == PartKind::kToolCall; });
    const bool thoughts = has(IsThought);
    const bool texts = has([](const Part& part) { return IsText(part) && !part.text.empty(); });
    if (has([](const Part& part) { return core::IsMedia(part.kind); })) {
      return CannotSay(Path(index), "media in a message of the assistant");
    }
    if (!calls && !thoughts && !texts) return {};  // the API refuses empty messages
    out_.BeginObject().Key("role").String("assistant");
    if (thoughts || (texts && !calls)) {
      out_.Key("content").BeginArray();
      for (const Part& part : message.parts) {
        if (IsThought(part)) {
          out_.BeginObject().Key("type").String("thinking").Key("thinking").String(part.text);
          out_.EndObject();
        } else if (!calls && IsText(part) && !part.text.empty()) {
          WriteText(part.text);
        }
      }
      out_.EndArray();
    }
    if (calls) WriteCalls(message);
    out_.EndObject();
    return {};
  }

  void WriteCalls(const core::Message& message) {
    std::string plan;
    for (const Part& part : message.parts) {
      if (!IsText(part) || part.text.empty()) continue;
      if (!plan.empty()) plan += '\n';
      plan += part.text;
    }
    if (!plan.empty()) out_.Key("tool_plan").String(plan);
    out_.Key("tool_calls").BeginArray();
    for (const Part& call : message.parts) {
      if (call.kind != PartKind::kToolCall) continue;
      out_.BeginObject().Key("id").String(call.id).Key("type").String("function");
      out_.Key("function").BeginObject().Key("name").String(call.name);
      out_.Key("arguments").String(call.arguments.empty() ? "{}" : call.arguments);
      out_.EndObject().EndObject();
    }
    out_.EndArray();
  }

  Result<void> WriteResult(const Part& result, std::size_t index) {
    out_.BeginObject().Key("role").String("tool").Key("tool_call_id").String(result.id);
    if (result.content.empty()) {
      out_.Key("content").String("").EndObject();
      return {};
    }
    if (std::all_of(result.content.begin(), result.content.end(), IsText)) {
      WriteTexts(result.content);
      out_.EndObject();
      return {};
    }
    out_.Key("content").BeginArray();
    for (const Part& part : result.content) {
      if (IsText(part)) {
        WriteText(part.text);
        continue;
      }
      if (part.kind != PartKind::kFile) {
        return CannotSay(Path(index), "images and sounds in the result of a tool");
      }
      TIDEGATE_ASSIGN(const std::string text, TextOf(part, index));
      out_.BeginObject().Key("type").String("document").Key("document").BeginObject();
      WriteData(part, text);
      out_.EndObject().EndObject();
    }
    out_.EndArray().EndObject();
    return {};
  }

  // --- Documents ---

  struct Document {
    const Part* part;
    std::string text;
  };

  static Result<std::string> TextOf(const Part& file, std::size_t index) {
    if (file.source != core::MediaSource::kBase64 || !file.media_type.starts_with("text/")) {
      return CannotSay(Path(index), "files other than texts");
    }
    std::optional<std::string> text = DecodeBase64(file.text);
    if (!text) return CannotSay(Path(index), "a text file that is not base64");
    return *std::move(text);
  }

  Result<void> TakeDocument(const Part& file, std::size_t index) {
    TIDEGATE_ASSIGN(std::string text, TextOf(file, index));
    documents_.push_back({&file, std::move(text)});
    return {};
  }

  void WriteData(const Part& file, std::string_view text) {
    out_.Key("data").BeginObject();
    if (!file.name.empty()) out_.Key("title").String(file.name);
    out_.Key("text").String(text).EndObject();
  }

  // Without a name of its own a document has its number: citations name it by that.
  Result<void> WriteDocuments() {
    if (documents_.empty()) return {};
    out_.Key("documents").BeginArray();
    for (std::size_t i = 0; i < documents_.size(); ++i) {
      const Part& file = *documents_[i].part;
      out_.BeginObject().Key("id").String(file.id.empty() ? std::to_string(i)
                                                          : std::string(file.id));
      WriteData(file, documents_[i].text);
      out_.EndObject();
    }
    out_.EndArray();
    if (!request_.needs.Has(core::Capability::kCitations)) {
      out_.Key("citation_options").BeginObject().Key("mode").String("OFF").EndObject();
    }
    return {};
  }

  // --- Tools ---

  Result<void> WriteTools() {
    if (request_.tools.empty()) return {};
    std::size_t strict = 0;
    out_.Key("tools").BeginArray();
    for (const core::ToolSpec& tool : request_.tools) {
      if (tool.strict.value_or(false)) ++strict;
      out_.BeginObject().Key("type").String("function").Key("function").BeginObject();
      out_.Key("name").String(tool.name);
      if (!tool.description.empty()) out_.Key("description").String(tool.description);
      out_.Key("parameters")
          .Raw(tool.parameters.empty() ? R"({"type":"object","properties":{}})" : tool.parameters);
      out_.EndObject().EndObject();
    }
    out_.EndArray();
    if (strict > 0 && strict < request_.tools.size()) {
      return CannotSay("tools", "strict tools beside others");
    }
    if (strict > 0) out_.Key("strict_tools").Bool(true);
    return {};
  }

  Result<void> WriteToolChoice() {
    switch (request_.tool_choice) {
      case core::ToolChoiceKind::kUnset:
      case core::ToolChoiceKind::kAuto:
        return {};
      case core::ToolChoiceKind::kNone:
        if (!request_.tools.empty()) out_.Key("tool_choice").String("NONE");
        return {};
      case core::ToolChoiceKind::kNamed:
        if (request_.tools.size() != 1) return CannotSay("tool_choice", "one tool of several");
        break;
      case core::ToolChoiceKind::kRequired:
        break;
    }
    out_.Key("tool_choice").String("REQUIRED");
    return {};
  }

  // --- The answer ---

  Result<void> WriteFormat() {
    const core::ResponseFormat format = request_.response_format;
    if (format != core::ResponseFormat::kJsonObject &&
        format != core::ResponseFormat::kJsonSchema) {
      return {};
    }
    if (!request_.tools.empty() || !documents_.empty()) {
      return CannotSay("response_format", "a format of the answer beside tools and documents");
    }
    out_.Key("response_format").BeginObject().Key("type").String("json_object");
    if (format == core::ResponseFormat::kJsonSchema && !request_.json_schema.schema.empty()) {
      out_.Key("json_schema").Raw(request_.json_schema.schema);
    }
    out_.EndObject();
    return {};
  }

  void WriteThinking() {
    const core::Reasoning& reasoning = request_.reasoning;
    if (reasoning.mode == core::Reasoning::Mode::kOff) {
      out_.Key("thinking").BeginObject().Key("type").String("disabled").EndObject();
      return;
    }
    const std::int64_t limit =
        options_.output_tokens_limit.value_or(request_.max_output_tokens.value_or(0));
    const std::optional<std::int64_t> budget = BudgetFor(reasoning, limit);
    if (reasoning.mode != core::Reasoning::Mode::kOn && !budget) return;
    out_.Key("thinking").BeginObject().Key("type").String("enabled");
    if (budget) out_.Key("token_budget").Integer(*budget);
    out_.EndObject();
  }

  static bool IsPenalty(const std::optional<double>& penalty) {
    const double value = penalty.value_or(0);
    return value >= 0 && value <= kPenaltyMax;
  }

  Result<void> WriteSampling() {
    const std::optional<std::int64_t> limit =
        options_.output_tokens_limit ? options_.output_tokens_limit : request_.max_output_tokens;
    if (limit) out_.Key("max_tokens").Integer(*limit);
    if (request_.temperature) {
      if (*request_.temperature > kTemperatureMax) {
        return CannotSay("temperature", "a temperature above 1");
      }
      out_.Key("temperature").Double(*request_.temperature);
    }
    if (request_.top_p) out_.Key("p").Double(std::clamp(*request_.top_p, kTopPMin, kTopPMax));
    if (request_.top_k) {
      if (*request_.top_k > kTopKAtUpstreamMax) return CannotSay("top_k", "a top_k above 500");
      out_.Key("k").Integer(*request_.top_k);
    }
    TIDEGATE_TRY(WritePenalties());
    if (request_.seed) {
      if (*request_.seed < 0) return CannotSay("seed", "a negative seed");
      out_.Key("seed").Integer(*request_.seed);
    }
    if (request_.stop.empty()) return {};
    if (request_.stop.size() > kStopsAtUpstreamMax) {
      return CannotSay("stop", "more than 5 stop sequences");
    }
    out_.Key("stop_sequences").BeginArray();
    for (const std::string_view stop : request_.stop) out_.String(stop);
    out_.EndArray();
    return {};
  }

  Result<void> WritePenalties() {
    if (!IsPenalty(request_.frequency_penalty) || !IsPenalty(request_.presence_penalty)) {
      return CannotSay("frequency_penalty, presence_penalty", "penalties outside of 0 to 1");
    }
    const double frequency = request_.frequency_penalty.value_or(0);
    const double presence = request_.presence_penalty.value_or(0);
    if (frequency != 0 && presence != 0) {
      return CannotSay("presence_penalty", "a presence penalty beside one for frequency");
    }
    if (frequency != 0) out_.Key("frequency_penalty").Double(frequency);
    if (presence != 0) out_.Key("presence_penalty").Double(presence);
    return {};
  }

  const core::Request& request_;
  const UpstreamOptions& options_;
  json::Writer out_;
  std::vector<Document> documents_;
};

}  // namespace

Result<std::string> WriteChatRequest(const core::Request& request, const UpstreamOptions& options,
                                     bool stream) {
  std::string body;
  TIDEGATE_TRY(BodyWriter(request, options, body).Write(stream));
  return body;
}

}  // namespace tidegate::protocols::cohere_chat
