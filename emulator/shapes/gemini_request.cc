#include <algorithm>
#include <array>
#include <span>

#include <fmt/format.h>

#include "emulator/fields.h"
#include "emulator/seal.h"
#include "emulator/shapes/gemini.h"

namespace tidegate::emulator::gemini {
namespace {

constexpr std::size_t kStopSequencesMax = 5;
constexpr std::int64_t kCandidatesMax = 8;
constexpr std::int64_t kDimensionsMax = 4'096;
constexpr std::string_view kSkipSignature = "skip_thought_signature_validator";

constexpr std::array<std::string_view, 10> kFields = {
    "contents",       "systemInstruction", "tools",  "toolConfig", "generationConfig",
    "safetySettings", "cachedContent",     "labels", "model",      "store"};
constexpr std::array<std::string_view, 23> kConfigFields = {"maxOutputTokens",
                                                            "stopSequences",
                                                            "temperature",
                                                            "topP",
                                                            "topK",
                                                            "candidateCount",
                                                            "responseMimeType",
                                                            "responseSchema",
                                                            "responseJsonSchema",
                                                            "_responseJsonSchema",
                                                            "responseModalities",
                                                            "seed",
                                                            "thinkingConfig",
                                                            "responseLogprobs",
                                                            "logprobs",
                                                            "presencePenalty",
                                                            "frequencyPenalty",
                                                            "speechConfig",
                                                            "mediaResolution",
                                                            "imageConfig",
                                                            "routingConfig",
                                                            "audioTimestamp",
                                                            "enableEnhancedCivicAnswers"};

// "max_output_tokens" as "maxOutputTokens": both spellings are one field.
std::string CamelCase(std::string_view name) {
  std::string camel;
  bool upper = false;
  for (const char c : name) {
    if (c == '_' && !camel.empty()) {
      upper = true;
      continue;
    }
    camel += upper && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    upper = false;
  }
  return camel;
}

std::optional<json::Value> FindField(const json::Object& object, std::string_view camel) {
  for (const json::Member& member : object) {
    if (!member.value.is_null() && CamelCase(member.key) == camel) return member.value;
  }
  return std::nullopt;
}

Result<std::optional<json::Object>> FindMessage(const json::Object& object,
                                                std::string_view camel) {
  const auto value = FindField(object, camel);
  if (!value) return std::optional<json::Object>();
  TIDEGATE_ASSIGN(const json::Object message, value->Object());
  return std::optional<json::Object>(message);
}

Result<std::string> FindText(const json::Object& object, std::string_view camel) {
  const auto value = FindField(object, camel);
  if (!value) return std::string();
  TIDEGATE_ASSIGN(const std::string_view text, value->String());
  return std::string(text);
}

Result<bool> FindFlag(const json::Object& object, std::string_view camel) {
  const auto value = FindField(object, camel);
  if (!value) return false;
  return value->Bool();
}

Result<void> CheckFields(const json::Object& object, std::span<const std::string_view> known) {
  for (const json::Member& member : object) {
    if (std::find(known.begin(), known.end(), CamelCase(member.key)) != known.end()) continue;
    Error error = member.value.Invalid(fmt::format(
        "Invalid JSON payload received. Unknown name \"{}\": Cannot find field.", member.key));
    return error;
  }
  return Result<void>();
}

class ContentsReader {
 public:
  ContentsReader(ChatRequest& request, const Model& model) : request_(request), model_(model) {}
  Result<void> ReadSystem(const json::Object& content);
  Result<void> Read(const json::Value& contents);

 private:
  Result<void> ReadContent(const json::Value& value);
  Result<void> ReadPart(const json::Value& value, Message& message, std::size_t& bytes);
  Result<void> ReadCall(const json::Object& part, const json::Object& call);
  Result<void> ReadResponse(const json::Object& response);
  Result<void> CheckTurn(const json::Value& content, bool model_turn);
  void Push(Message message, std::size_t bytes) {
    message.tokens += kTokensPerMessage + TokensOfBytes(bytes);
    request_.messages.push_back(std::move(message));
  }

  ChatRequest& request_;
  const Model& model_;
  std::size_t calls_ = 0, responses_ = 0;  // of this content
  std::size_t open_calls_ = 0;             // of the content before
  std::size_t index_ = 0;
};

// The signature of the first call of a content is checked where there is one, and required where
// the model's configuration says so.
Result<void> ContentsReader::ReadCall(const json::Object& part, const json::Object& call) {
  TIDEGATE_ASSIGN(const std::string name, FindText(call, "name"));
  if (name.empty()) return call.value().Invalid("a function call needs a name");
  TIDEGATE_TRY(FindMessage(call, "args"));
  TIDEGATE_ASSIGN(const std::string signature, FindText(part, "thoughtSignature"));
  const bool first = calls_++ == 0;
  if (signature.empty()) {
    if (!first || !model_.quirks.thought_signatures_required) return Result<void>();
    return InvalidArgument(
        "", fmt::format("Function call is missing a thought_signature in functionCall parts. This "
                        "is required for tools to work correctly. Missing signatures are in the "
                        "function call `{}` in the {}. content block.",
                        name, index_));
  }
  if (signature == kSkipSignature || IsSignature(name, signature)) return Result<void>();
  return InvalidArgument("", "Corrupted thought signature.");
}

Result<void> ContentsReader::ReadResponse(const json::Object& response) {
  Message message;
  message.role = "tool";
  TIDEGATE_ASSIGN(message.tool_call_id, FindText(response, "name"));
  if (message.tool_call_id.empty()) {
    return response.value().Invalid("a function response needs a name");
  }
  TIDEGATE_ASSIGN(const auto body, FindMessage(response, "response"));
  if (!body) return response.value().Invalid("a function response needs a response");
  message.text = body->value().raw();
  ++responses_;
  const std::size_t bytes = message.text.size();
  Push(std::move(message), bytes);
  return Result<void>();
}

Result<void> ContentsReader::ReadPart(const json::Value& value, Message& message,
                                      std::size_t& bytes) {
  TIDEGATE_ASSIGN(const json::Object part, value.Object());
  TIDEGATE_ASSIGN(const auto call, FindMessage(part, "functionCall"));
  TIDEGATE_ASSIGN(const auto response, FindMessage(part, "functionResponse"));
  if (call) {
    bytes += value.raw().size();
    return ReadCall(part, *call);
  }
  if (response) return ReadResponse(*response);
  if (const auto text = FindField(part, "text")) {
    TIDEGATE_ASSIGN(const std::string_view words, text->String());
    TIDEGATE_ASSIGN(const bool thought, FindFlag(part, "thought"));
    TIDEGATE_ASSIGN(const std::string signature, FindText(part, "thoughtSignature"));
    if (!signature.empty() && signature != kSkipSignature && !IsSignature("", signature)) {
      return InvalidArgument("", "Corrupted thought signature.");
    }
    if (thought) return Result<void>();
    message.text += words;
    bytes += words.size();
    return Result<void>();
  }
  if (FindField(part, "inlineData") || FindField(part, "fileData")) {
    message.tokens += kTokensPerImage;
    return Result<void>();
  }
  if (FindField(part, "executableCode") || FindField(part, "codeExecutionResult")) {
    bytes += value.raw().size();
    return Result<void>();
  }
  return value.Invalid("contents.parts must not be empty.");
}

Result<void> ContentsReader::CheckTurn(const json::Value& content, bool model_turn) {
  if (model_turn && calls_ > 0 && !request_.messages.empty() &&
      request_.messages.back().role == "assistant") {
    return content.Invalid(
        "Please ensure that function call turn comes immediately after a user turn or after a "
        "function response turn.");
  }
  if (!model_turn && responses_ != open_calls_) {
    return content.Invalid(
        "Please ensure that the number of function response parts is equal to the number of "
        "function call parts of the function call turn.");
  }
  return Result<void>();
}

Result<void> ContentsReader::ReadContent(const json::Value& value) {
  TIDEGATE_ASSIGN(const json::Object content, value.Object());
  TIDEGATE_ASSIGN(std::string role, FindText(content, "role"));
  if (role.empty()) role = "user";
  if (role != "user" && role != "model" && role != "function") {
    return value.Invalid("Please use a valid role: user, model.");
  }
  ++index_;
  calls_ = responses_ = 0;
  const auto parts = FindField(content, "parts");
  if (!parts) return value.Invalid("contents.parts must not be empty.");
  TIDEGATE_ASSIGN(const json::Array array, parts->Array());
  if (array.empty()) return value.Invalid("contents.parts must not be empty.");
  Message message;
  const bool model_turn = role == "model";
  message.role = model_turn ? "assistant" : "user";
  std::size_t bytes = 0;
  for (const json::Value part : array) TIDEGATE_TRY(ReadPart(part, message, bytes));
  TIDEGATE_TRY(CheckTurn(value, model_turn));
  open_calls_ = calls_;
  if (responses_ == 0 || bytes > 0 || message.tokens > 0) Push(std::move(message), bytes);
  return Result<void>();
}

Result<void> ContentsReader::ReadSystem(const json::Object& content) {
  Message message;
  message.role = "system";
  std::size_t bytes = 0;
  const auto parts = FindField(content, "parts");
  if (!parts) return content.value().Invalid("parts must not be empty");
  if (parts->is_object()) {
    TIDEGATE_TRY(ReadPart(*parts, message, bytes));
  } else {
    TIDEGATE_ASSIGN(const json::Array array, parts->Array());
    for (const json::Value part : array) TIDEGATE_TRY(ReadPart(part, message, bytes));
  }
  Push(std::move(message), bytes);
  return Result<void>();
}

Result<void> ContentsReader::Read(const json::Value& contents) {
  TIDEGATE_ASSIGN(const json::Array array, contents.Array());
  if (array.empty()) return InvalidArgument("contents", "contents are required");
  for (const json::Value content : array) TIDEGATE_TRY(ReadContent(content));
  return Result<void>();
}

Result<void> ReadToolConfig(const json::Object& body, ChatRequest& request) {
  TIDEGATE_ASSIGN(const auto config, FindMessage(body, "toolConfig"));
  if (!config) return Result<void>();
  TIDEGATE_ASSIGN(const auto calling, FindMessage(*config, "functionCallingConfig"));
  if (!calling) return Result<void>();
  TIDEGATE_ASSIGN(const std::string mode, FindText(*calling, "mode"));
  if (mode == "ANY") {
    request.tool_choice = ToolChoice::kRequired;
  } else if (mode == "NONE") {
    request.tool_choice = ToolChoice::kNone;
  } else if (!mode.empty() && mode != "AUTO" && mode != "VALIDATED" && mode != "MODE_UNSPECIFIED") {
    return calling->value().Invalid("expected the mode AUTO, ANY, NONE or VALIDATED");
  }
  const auto allowed = FindField(*calling, "allowedFunctionNames");
  if (!allowed) return Result<void>();
  TIDEGATE_ASSIGN(const std::vector<std::string> names, ReadTexts(*allowed, request.tools.size()));
  std::erase_if(request.tools, [&](const Tool& tool) {
    return std::find(names.begin(), names.end(), tool.name) == names.end();
  });
  return Result<void>();
}

Result<void> ReadTools(const json::Object& body, ChatRequest& request) {
  if (const auto value = FindField(body, "tools")) {
    TIDEGATE_ASSIGN(const json::Array tools, value->Array());
    for (const json::Value one : tools) {
      TIDEGATE_ASSIGN(const json::Object tool, one.Object());
      const auto functions = FindField(tool, "functionDeclarations");
      if (!functions) continue;  // a tool of the provider's own, which is never called here
      TIDEGATE_ASSIGN(const json::Array declarations, functions->Array());
      for (const json::Value declared : declarations) {
        TIDEGATE_ASSIGN(const json::Object function, declared.Object());
        Tool read;
        TIDEGATE_ASSIGN(read.name, FindText(function, "name"));
        if (read.name.empty()) return declared.Invalid("a function declaration needs a name");
        for (const std::string_view key : {"parameters", "parametersJsonSchema"}) {
          if (const auto schema = FindField(function, key)) read.schema = schema->raw();
        }
        request.tools.push_back(std::move(read));
      }
    }
    request.extra_prompt_tokens += TokensOfBytes(value->raw().size());
  }
  return ReadToolConfig(body, request);
}

Result<void> ReadThinking(const json::Object& config, ChatRequest& request, Extra& extra) {
  TIDEGATE_ASSIGN(const auto thinking, FindMessage(config, "thinkingConfig"));
  if (!thinking) return Result<void>();
  TIDEGATE_ASSIGN(extra.include_thoughts, FindFlag(*thinking, "includeThoughts"));
  std::int64_t budget = -1;
  if (const auto value = FindField(*thinking, "thinkingBudget")) {
    TIDEGATE_ASSIGN(budget, value->IntegerIn(-1, kTokenLimitMax));
  }
  if (budget != 0) request.reasoning_tokens = kReasoningTokens;
  return Result<void>();
}

Result<void> ReadFormat(const json::Object& config, ChatRequest& request) {
  TIDEGATE_ASSIGN(const std::string type, FindText(config, "responseMimeType"));
  std::optional<json::Value> schema;
  for (const std::string_view key :
       {"responseSchema", "responseJsonSchema", "_responseJsonSchema"}) {
    if (const auto value = FindField(config, key)) schema = value;
  }
  if (type == "application/json") request.format = AnswerFormat::kJsonObject;
  if (!schema) return Result<void>();
  if (type != "application/json") {
    return schema->Invalid("a response schema needs response_mime_type: application/json");
  }
  request.schema = schema->raw();
  request.format = AnswerFormat::kJsonSchema;
  request.extra_prompt_tokens += TokensOfBytes(request.schema.size());
  return Result<void>();
}

Result<void> ReadConfig(const json::Object& body, ChatRequest& request, Extra& extra) {
  TIDEGATE_ASSIGN(const auto config, FindMessage(body, "generationConfig"));
  if (!config) return Result<void>();
  TIDEGATE_TRY(CheckFields(*config, kConfigFields));
  if (const auto value = FindField(*config, "maxOutputTokens")) {
    TIDEGATE_ASSIGN(request.output_tokens_max, value->IntegerIn(1, kTokenLimitMax));
  }
  if (const auto value = FindField(*config, "candidateCount")) {
    TIDEGATE_ASSIGN(request.choices, value->IntegerIn(1, kCandidatesMax));
  }
  if (const auto value = FindField(*config, "seed")) {
    TIDEGATE_ASSIGN(request.seed, value->Integer());
  }
  if (const auto value = FindField(*config, "stopSequences")) {
    TIDEGATE_ASSIGN(request.stop, ReadTexts(*value, kStopSequencesMax));
  }
  TIDEGATE_TRY(CheckNumber(*config, "temperature", 0, 2));
  TIDEGATE_TRY(ReadFormat(*config, request));
  return ReadThinking(*config, request, extra);
}

// {"content": {"parts": [{"text": …}]}, "outputDimensionality": 64}
Result<void> ReadEmbedding(const json::Object& body, const Model& model, ChatRequest& request,
                           Extra& extra) {
  TIDEGATE_ASSIGN(const auto content, FindMessage(body, "content"));
  if (!content) return InvalidArgument(body.PathOf("content"), "content is required");
  const std::size_t before = request.messages.size();
  ContentsReader reader(request, model);
  TIDEGATE_TRY(reader.ReadSystem(*content));
  request.messages[before].role = "user";
  if (const auto value = FindField(body, "outputDimensionality")) {
    TIDEGATE_ASSIGN(extra.dimensions, value->IntegerIn(1, kDimensionsMax));
  }
  return Result<void>();
}

Result<void> ReadEmbeddings(const json::Object& body, const Model& model, ChatRequest& request,
                            Extra& extra) {
  request.task = TaskKind::kEmbed;
  if (extra.operation == kEmbed) return ReadEmbedding(body, model, request, extra);
  const auto requests = FindField(body, "requests");
  if (!requests) return InvalidArgument("requests", "requests are required");
  TIDEGATE_ASSIGN(const json::Array array, requests->Array());
  for (const json::Value one : array) {
    TIDEGATE_ASSIGN(const json::Object object, one.Object());
    TIDEGATE_TRY(ReadEmbedding(object, model, request, extra));
  }
  return Result<void>();
}

}  // namespace

std::string SignThought(std::string_view name) {
  const std::string_view bound[] = {name};
  return MakeSeal(kThoughtSeal, bound);
}

bool IsSignature(std::string_view name, std::string_view signature) {
  const std::string_view bound[] = {name};
  return OpenSeal(kThoughtSeal, bound, signature).has_value();
}

Result<ChatRequest> ParseRequest(const Received& received, const json::Value& body,
                                 const Model& model) {
  TIDEGATE_ASSIGN(json::Object object, body.Object());
  TIDEGATE_TRY(object.RequireUniqueKeys());
  ChatRequest request;
  auto extra = std::make_shared<Extra>();
  extra->operation = static_cast<Operation>(received.call.operation);
  request.output_limit_field = "generationConfig.maxOutputTokens";
  if (extra->operation == kEmbed || extra->operation == kBatchEmbed) {
    TIDEGATE_TRY(ReadEmbeddings(object, model, request, *extra));
    request.extra = std::move(extra);
    return request;
  }
  if (extra->operation == kCountTokens) {
    request.task = TaskKind::kCountTokens;
    TIDEGATE_ASSIGN(const auto whole, FindMessage(object, "generateContentRequest"));
    if (whole) object = *whole;
  }
  TIDEGATE_TRY(CheckFields(object, kFields));
  request.stream = received.call.stream;
  extra->array = !received.call.events;
  ContentsReader contents(request, model);
  TIDEGATE_ASSIGN(const auto system, FindMessage(object, "systemInstruction"));
  if (system) TIDEGATE_TRY(contents.ReadSystem(*system));
  const auto value = FindField(object, "contents");
  if (!value) return InvalidArgument("contents", "contents are required");
  TIDEGATE_TRY(contents.Read(*value));
  TIDEGATE_TRY(ReadTools(object, request));
  TIDEGATE_TRY(ReadConfig(object, request, *extra));
  request.extra = std::move(extra);
  return request;
}

}  // namespace tidegate::emulator::gemini
