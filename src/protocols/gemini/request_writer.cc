// WriteGenerateRequest of request_encoder.h.
#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "json/writer.h"
#include "protocols/arguments.h"
#include "protocols/cannot_say.h"
#include "protocols/gemini/encode_parts.h"
#include "protocols/gemini/model_traits.h"
#include "protocols/gemini/path.h"
#include "protocols/gemini/proto_fields.h"
#include "protocols/gemini/request_encoder.h"
#include "protocols/gemini/signatures.h"
#include "protocols/limits.h"
#include "protocols/media.h"
#include "protocols/reasoning_budget.h"
#include "protocols/scratch_reader.h"

namespace tidegate::protocols::gemini {
namespace {

using core::MediaSource;
using core::Part;
using core::PartKind;
using core::Role;
using core::StateKind;
using core::StateOrigin;

bool IsSystem(Role role) { return role == Role::kSystem || role == Role::kDeveloper; }
bool IsGooglesOwn(const core::OpaqueState& state) { return state.origin == StateOrigin::kGemini; }
std::string_view SignatureOf(const Part& part) {
  return IsGooglesOwn(part.state) ? part.state.bytes : std::string_view();
}

class BodyWriter {
 public:
  BodyWriter(const core::Request& request, const UpstreamOptions& options, std::string& body)
      : request_(request), options_(options), out_(body) {}

  Result<void> Write() {
    out_.BeginObject();
    TIDEGATE_TRY(WriteSystem());
    TIDEGATE_TRY(WriteContents());
    WriteTools();
    WriteToolConfig();
    WriteConfig();
    WriteHints();
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
        if (!any) out_.Key("systemInstruction").BeginObject().Key("parts").BeginArray();
        any = true;
        WriteText(out_, part.text, {});
      }
    }
    if (any) out_.EndArray().EndObject();
    return {};
  }

  // Turns alternate, so neighbours of one side are one turn.
  Result<void> WriteContents() {
    out_.Key("contents").BeginArray();
    std::optional<bool> model;  // whose turn is open
    for (std::size_t i = 0; i < request_.messages.size(); ++i) {
      const core::Message& message = request_.messages[i];
      if (IsSystem(message.role)) continue;
      if (std::all_of(message.parts.begin(), message.parts.end(), IsLeftOut)) continue;
      const bool by_model = message.role == Role::kAssistant;
      if (model != by_model) {
        if (model) out_.EndArray().EndObject();
        out_.BeginObject().Key("role").String(by_model ? "model" : "user");
        out_.Key("parts").BeginArray();
        model = by_model;
      }
      TIDEGATE_TRY(WriteParts(message, i));
    }
    if (!model) return CannotSay("messages", "a conversation in which nobody says anything");
    out_.EndArray().EndObject().EndArray();
    return {};
  }

  // Empty texts are refused by the API, and thoughts of others are left out as a whole.
  static bool IsLeftOut(const Part& part) {
    const bool is_text = part.kind == PartKind::kText || part.kind == PartKind::kRefusal;
    if (is_text) return part.text.empty() && !IsGooglesOwn(part.state);
    return part.kind == PartKind::kReasoning && !IsGooglesOwn(part.state);
  }

  Result<void> WriteParts(const core::Message& message, std::size_t number) {
    bool called = false;
    for (const Part& part : message.parts) {
      if (IsLeftOut(part)) continue;
      // The first call of a turn has a signature, or a word that says why it has none.
      std::string_view stand_in;
      if (part.kind == PartKind::kToolCall && !called && !IsOldGeneration(options_.model)) {
        stand_in = kNobodysSignature;
      }
      called |= part.kind == PartKind::kToolCall;
      TIDEGATE_TRY(WritePart(part, "messages[" + std::to_string(number) + "]", stand_in));
    }
    return {};
  }

  Result<void> WritePart(const Part& part, const std::string& path, std::string_view stand_in) {
    switch (part.kind) {
      case PartKind::kText:
      case PartKind::kRefusal:
        WriteText(out_, part.text, SignatureOf(part));
        return {};
      case PartKind::kReasoning:
        if (part.state.kind == StateKind::kOfPart) {
          WriteText(out_, part.text, part.state.bytes);
        } else {
          WriteThought(out_, part.text, part.state.bytes);
        }
        return {};
      case PartKind::kToolCall: {
        TIDEGATE_ASSIGN(const std::string_view args, ObjectArguments(part.arguments, path));
        names_[part.id] = part.name;
        const std::string_view signature = SignatureOf(part);
        WriteCall(out_, IdOf(part), part.name, args, signature.empty() ? stand_in : signature);
        return {};
      }
      case PartKind::kToolResult:
        return WriteResult(part, path);
      case PartKind::kImage:
      case PartKind::kAudio:
      case PartKind::kVideo:
      case PartKind::kFile:
        out_.BeginObject();
        TIDEGATE_TRY(WriteMedia(part, path));
        out_.EndObject();
        return {};
    }
    return {};
  }

  std::string_view IdOf(const Part& part) const {
    return options_.dialect->call_ids ? part.id : std::string_view();
  }

  Result<void> WriteResult(const Part& result, const std::string& path) {
    std::string_view name = result.name;
    if (const auto call = names_.find(result.id); name.empty() && call != names_.end()) {
      name = call->second;
    }
    if (name.empty()) return CannotSay(path, "the result of a call that is not in the request");
    out_.BeginObject().Key("functionResponse").BeginObject();
    if (!IdOf(result).empty()) out_.Key("id").String(result.id);
    out_.Key("name").String(name).Key("response");
    WriteResponse(result);
    bool media = false;
    for (const Part& part : result.content) {
      if (!core::IsMedia(part.kind)) continue;
      if (!media) out_.Key("parts").BeginArray();
      media = true;
      out_.BeginObject();
      TIDEGATE_TRY(WriteMedia(part, path));
      out_.EndObject();
    }
    if (media) out_.EndArray();
    out_.EndObject().EndObject();
    return {};
  }

  // An object is the response itself; any other text stands under the API's word for it.
  void WriteResponse(const Part& result) {
    std::string text;
    for (const Part& part : result.content) {
      if (part.kind != PartKind::kText) continue;
      if (!text.empty()) text += '\n';
      text += part.text;
    }
    bool object = false;
    if (!text.empty() && LooksLikeObject(text)) {
      const ScratchReader json;
      const Result<json::Value> value = json->ParseCopy(text, kRequestBytesMax);
      object = value.ok() && value->is_object();
    }
    if (object && !result.is_error) {
      out_.Raw(text);
      return;
    }
    out_.BeginObject().Key(result.is_error ? "error" : "output");
    if (object) {
      out_.Raw(text);
    } else {
      out_.String(text);
    }
    out_.EndObject();
  }

  Result<void> WriteMedia(const Part& part, const std::string& path) {
    if (part.source == MediaSource::kFileId && request_.protocol != core::Protocol::kGemini) {
      return CannotSay(path, "another provider's file");
    }
    const bool inlined = part.source == MediaSource::kBase64;
    const std::string_view type = TypeOf(part);
    if (inlined && type.empty()) return CannotSay(path, "media without their type");
    out_.Key(inlined ? "inlineData" : "fileData").BeginObject();
    if (!type.empty()) out_.Key("mimeType").String(type);
    out_.Key(inlined ? "data" : "fileUri").String(part.text).EndObject();
    return {};
  }

  static std::string_view TypeOf(const Part& part) {
    if (!part.media_type.empty()) return part.media_type;
    if (part.source == MediaSource::kUrl) return MediaTypeOfUrl(part.text);
    return part.kind == PartKind::kFile ? std::string_view("application/pdf") : std::string_view();
  }

  void WriteTools() {
    if (request_.tools.empty()) return;
    out_.Key("tools").BeginArray().BeginObject().Key("functionDeclarations").BeginArray();
    for (const core::ToolSpec& tool : request_.tools) {
      out_.BeginObject().Key("name").String(tool.name);
      if (!tool.description.empty()) out_.Key("description").String(tool.description);
      if (!tool.parameters.empty()) out_.Key("parametersJsonSchema").Raw(tool.parameters);
      out_.EndObject();
    }
    out_.EndArray().EndObject().EndArray();
  }

  void WriteToolConfig() {
    if (request_.tools.empty() || request_.tool_choice == core::ToolChoiceKind::kUnset) return;
    std::string_view mode = "ANY";
    if (request_.tool_choice == core::ToolChoiceKind::kAuto) mode = "AUTO";
    if (request_.tool_choice == core::ToolChoiceKind::kNone) mode = "NONE";
    out_.Key("toolConfig").BeginObject().Key("functionCallingConfig").BeginObject();
    out_.Key("mode").String(mode);
    if (request_.tool_choice == core::ToolChoiceKind::kNamed) {
      out_.Key("allowedFunctionNames").BeginArray().String(request_.tool_choice_name).EndArray();
    }
    out_.EndObject().EndObject();
  }

  void WriteConfig() {
    std::string config;
    json::Writer out(config);
    out.BeginObject();
    const std::optional<std::int64_t> limit =
        options_.output_tokens_limit ? options_.output_tokens_limit : request_.max_output_tokens;
    if (limit) out.Key("maxOutputTokens").Integer(*limit);
    WriteSampling(out);
    WriteFormat(out);
    WriteThinking(out, limit.value_or(options_.output_tokens_max));
    out.EndObject();
    if (config != "{}") out_.Key("generationConfig").Raw(config);
  }

  void WriteSampling(json::Writer& out) const {
    const core::Request& r = request_;
    if (r.temperature) out.Key("temperature").Double(*r.temperature);
    if (r.top_p) out.Key("topP").Double(*r.top_p);
    if (r.top_k) out.Key("topK").Integer(*r.top_k);
    if (r.choices != 1) out.Key("candidateCount").Integer(r.choices);
    if (!r.stop.empty()) {
      out.Key("stopSequences").BeginArray();
      for (const std::string_view stop : r.stop) out.String(stop);
      out.EndArray();
    }
    if (r.seed) out.Key("seed").Integer(*r.seed);
    if (r.presence_penalty) out.Key("presencePenalty").Double(*r.presence_penalty);
    if (r.frequency_penalty) out.Key("frequencyPenalty").Double(*r.frequency_penalty);
    if (!r.logprobs) return;
    out.Key("responseLogprobs").Bool(true);
    if (r.top_logprobs) out.Key("logprobs").Integer(*r.top_logprobs);
  }

  void WriteFormat(json::Writer& out) const {
    const bool schema = request_.response_format == core::ResponseFormat::kJsonSchema;
    if (!schema && request_.response_format != core::ResponseFormat::kJsonObject) return;
    out.Key("responseMimeType").String("application/json");
    if (schema && !request_.json_schema.schema.empty()) {
      out.Key("responseJsonSchema").Raw(request_.json_schema.schema);
    }
  }

  // In tokens or in words, as the model's generation understands it. No model can be told not to
  // think at all for certain: it is told to think as little as it can.
  void WriteThinking(json::Writer& out, std::int64_t output_tokens_max) const {
    const core::Reasoning& reasoning = request_.reasoning;
    const bool off = reasoning.mode == core::Reasoning::Mode::kOff;
    const std::string_view effort = EffortFor(reasoning);
    const bool shown = reasoning.visible.value_or(!off && !effort.empty());
    if (effort.empty() && !shown) return;
    out.Key("thinkingConfig").BeginObject();
    if (shown) out.Key("includeThoughts").Bool(true);
    if (!KnowsLevels(options_.model)) {
      const bool pro = IsPro(options_.model);
      const std::int64_t least = pro ? 128 : 0;
      const std::int64_t most = pro ? 32'768 : 24'576;
      std::optional<std::int64_t> budget = BudgetFor(reasoning, output_tokens_max);
      if (off || effort == "none") budget = least;
      if (budget) out.Key("thinkingBudget").Integer(std::clamp(*budget, least, most));
    } else if (!effort.empty()) {
      out.Key("thinkingLevel").String(LevelFor(effort));
    }
    out.EndObject();
  }

  std::string_view LevelFor(std::string_view effort) const {
    const bool least = effort == "minimal" || effort == "none";
    if (least) return IsPro(options_.model) ? "LOW" : "MINIMAL";
    if (effort == "low") return "LOW";
    return effort == "medium" ? "MEDIUM" : "HIGH";
  }

  // What a request of this protocol said beside what the others can say, and what no target but
  // Google's needs to know.
  void WriteHints() {
    if (request_.protocol != core::Protocol::kGemini || request_.body.empty()) return;
    const ScratchReader json;
    const Result<json::Value> root = json->ParseCopy(request_.body, kRequestBytesMax);
    if (!root.ok() || !root->is_object()) return;
    constexpr FieldNames kHints{
        std::to_array<std::string_view>({"safetySettings", "labels", "serviceTier", "store"})};
    for (const json::Member& member : *Chat(*root).Object()) {
      const std::size_t index = FindEither(kHints, member.key);
      if (index < kHints.names.size()) out_.Key(kHints.names[index]).Raw(member.value.raw());
    }
  }

  // A request that is only counted may stand in another.
  json::Value Chat(const json::Value& root) const {
    constexpr FieldNames kEnvelope{std::to_array<std::string_view>({"generateContentRequest"})};
    if (request_.form != kNested) return root;
    for (const json::Member& member : *root.Object()) {
      if (FindEither(kEnvelope, member.key) == 0 && member.value.is_object()) return member.value;
    }
    return root;
  }

  const core::Request& request_;
  const UpstreamOptions& options_;
  json::Writer out_;
  std::unordered_map<std::string_view, std::string_view> names_;  // of calls so far, by id
};

}  // namespace

Result<std::string> WriteGenerateRequest(const core::Request& request,
                                         const UpstreamOptions& options) {
  std::string body;
  TIDEGATE_TRY(BodyWriter(request, options, body).Write());
  return body;
}

}  // namespace tidegate::protocols::gemini
