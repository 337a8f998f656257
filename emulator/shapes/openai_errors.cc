// Errors, keys and head fields of OpenAI Chat, and how its vendors differ in them.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "emulator/fields.h"
#include "emulator/keys.h"
#include "emulator/rate_fields.h"
#include "emulator/shapes/openai_chat.h"

namespace tidegate::emulator {
namespace {

struct ErrorWords {
  std::string_view type, code;
};

ErrorWords WordsOf(int status) {
  switch (status) {
    case 401:
      return {"invalid_request_error", "invalid_api_key"};
    case 403:
      return {"invalid_request_error", "permission_denied"};
    case 404:
      return {"invalid_request_error", "model_not_found"};
    case 429:
      return {"requests", "rate_limit_exceeded"};
    case 503:
    case 529:
      return {"overloaded_error", "overloaded"};
    default:
      return {status < 500 ? "invalid_request_error" : "server_error", ""};
  }
}

}  // namespace

void WriteAzureFilters(json::Writer& writer, bool filtered) {
  writer.BeginObject();
  for (const std::string_view kind : {"hate", "self_harm", "sexual", "violence"}) {
    const bool found = filtered && kind == "violence";
    writer.Key(kind).BeginObject().Key("filtered").Bool(found);
    writer.Key("severity").String(found ? "high" : "safe").EndObject();
  }
  writer.EndObject();
}

namespace {

// The members of an OpenAI error object.
void WriteMembers(json::Writer& writer, const Refusal& refusal) {
  const Error& error = refusal.error;
  const ErrorWords words = WordsOf(refusal.status);
  const std::string_view code = error.reason.empty() ? words.code : std::string_view(error.reason);
  writer.Key("message").String(error.message);
  writer.Key("type").String(words.type);
  writer.Key("param");
  error.field.empty() ? writer.Null() : writer.String(error.field);
  writer.Key("code");
  code.empty() ? writer.Null() : writer.String(code);
}

// "messages[0].content" as ["body","messages",0,"content"].
void WriteLocation(json::Writer& writer, std::string_view path) {
  writer.BeginArray().String("body");
  while (!path.empty()) {
    const std::size_t end = std::min(path.find_first_of(".[]"), path.size());
    const std::string_view part = path.substr(0, end);
    const bool digits =
        !part.empty() && part.find_first_not_of("0123456789") == std::string_view::npos;
    if (digits) {
      writer.Raw(part);
    } else if (!part.empty()) {
      writer.String(part);
    }
    path.remove_prefix(std::min(path.size(), end + 1));
  }
  writer.EndArray();
}

void WriteMistralError(json::Writer& writer, const Refusal& refusal) {
  const Error& error = refusal.error;
  if (refusal.status == 422) {
    const bool missing = error.message == "is required";
    writer.BeginObject().Key("detail").BeginArray().BeginObject();
    writer.Key("type").String(missing ? "missing" : "value_error");
    writer.Key("loc");
    WriteLocation(writer, error.field);
    writer.Key("msg").String(missing ? "Field required" : error.message);
    writer.EndObject().EndArray().EndObject();
    return;
  }
  if (refusal.status == 401) {
    writer.BeginObject().Key("detail").String("Unauthorized").EndObject();
    return;
  }
  writer.BeginObject().Key("object").String("error").Key("message").String(error.message);
  writer.Key("type").String(refusal.status == 429 ? "rate_limited" : "invalid_request_error");
  writer.Key("param").Null().Key("code").String(refusal.status == 429 ? "1300" : "1500");
  writer.EndObject();
}

// {"error":{"code":"401","message":"…"}}, and what the filters found where they refuse.
void WriteAzureError(json::Writer& writer, const Refusal& refusal) {
  const Error& error = refusal.error;
  const bool filtered = error.reason == kContentFilter;
  const bool of_service = refusal.status == 401 || refusal.status == 404 || refusal.status == 429;
  writer.BeginObject().Key("error").BeginObject();
  if (of_service && !filtered) {
    writer.Key("code").String(fmt::format("{}", refusal.status));
    writer.Key("message").String(error.message);
    writer.EndObject().EndObject();
    return;
  }
  WriteMembers(writer, refusal);
  if (filtered) {
    writer.Key("status").Integer(refusal.status);
    writer.Key("innererror").BeginObject();
    writer.Key("code").String("ResponsibleAIPolicyViolation");
    writer.Key("content_filter_result");
    WriteAzureFilters(writer, true);
    writer.EndObject();
  }
  writer.EndObject().EndObject();
}

// vLLM nests it, SGLang does not; the code is the status.
void WriteServerError(json::Writer& writer, const Refusal& refusal, bool nested) {
  writer.BeginObject();
  if (nested) writer.Key("error").BeginObject();
  if (!nested) writer.Key("object").String("error");
  writer.Key("message").String(refusal.error.message);
  writer.Key("type").String(refusal.status < 500 ? "BadRequestError" : "InternalServerError");
  writer.Key("param").Null().Key("code").Integer(refusal.status);
  if (nested) writer.EndObject();
  writer.EndObject();
}

void WriteOpenRouterError(json::Writer& writer, const Refusal& refusal) {
  writer.BeginObject().Key("error").BeginObject();
  writer.Key("message").String(refusal.error.message);
  writer.Key("code").Integer(refusal.status);
  writer.Key("metadata").BeginObject().Key("provider_name").String("emulated").EndObject();
  writer.EndObject().Key("user_id").String("emulated").EndObject();
}

std::string_view XaiCode(int status) {
  if (status == 400) return "invalid-argument";
  if (status == 429) return "resource-exhausted";
  return status < 500 ? "not-found" : "internal";
}

std::string_view HuggingFaceType(int status) {
  if (status == 422 || status == 400) return "validation";
  if (status == 429 || status == 503) return "overloaded";
  return status == 401 || status == 403 ? "authentication" : "generation";
}

}  // namespace

void WriteOpenAiError(const Refusal& refusal, std::string& out, ErrorStyle style) {
  json::Writer writer(out);
  switch (style) {
    case ErrorStyle::kOpenAi:
      writer.BeginObject().Key("error").BeginObject();
      WriteMembers(writer, refusal);
      writer.EndObject().EndObject();
      return;
    case ErrorStyle::kTogether:
      writer.BeginObject().Key("id").String("emulated").Key("error").BeginObject();
      WriteMembers(writer, refusal);
      writer.EndObject().EndObject();
      return;
    case ErrorStyle::kCerebras:
      writer.BeginObject();
      WriteMembers(writer, refusal);
      writer.EndObject();
      return;
    case ErrorStyle::kMistral:
      WriteMistralError(writer, refusal);
      return;
    case ErrorStyle::kHuggingFace:
      writer.BeginObject().Key("error").String(refusal.error.message);
      writer.Key("error_type").String(HuggingFaceType(refusal.status)).EndObject();
      return;
    case ErrorStyle::kAzure:
      WriteAzureError(writer, refusal);
      return;
    case ErrorStyle::kOpenRouter:
      WriteOpenRouterError(writer, refusal);
      return;
    case ErrorStyle::kXai:
      writer.BeginObject().Key("code").String(XaiCode(refusal.status));
      writer.Key("error").String(refusal.error.message).EndObject();
      return;
    case ErrorStyle::kVllm:
    case ErrorStyle::kSglang:
      WriteServerError(writer, refusal, style == ErrorStyle::kVllm);
      return;
  }
}

std::optional<Refusal> CheckOpenAiKey(const Received& received, const Model& model) {
  constexpr std::array kPlaces = {KeyPlace::kBearer, KeyPlace::kApiKey};
  if (HasKey(received.head, model, kPlaces)) return std::nullopt;
  // xAI says of a wrong key that the request is.
  const int status = model.quirks.error_style == ErrorStyle::kXai ? 400 : 401;
  return Refusal{status, Error{ErrorCode::kUnauthenticated, ErrorSource::kCaller, Retry::kNever,
                               "Incorrect API key provided"}};
}

std::string OpenAiHeadFields(const HeadFacts& facts) {
  std::string fields = fmt::format("x-request-id: req_{}\r\n",
                                   facts.answer_id.empty() ? "emulated" : facts.answer_id);
  if (facts.model != nullptr) {
    fields += RateLimitFields(facts.model->quirks.rate_fields.value_or(RateFields::kOpenAi),
                              *facts.model, facts.admission, facts.wall_nanos);
  }
  return fields;
}

int OpenAiInvalidStatus(const Model* model) {
  const ErrorStyle style = model != nullptr ? model->quirks.error_style : ErrorStyle::kOpenAi;
  return style == ErrorStyle::kMistral || style == ErrorStyle::kHuggingFace ? 422 : 400;
}

}  // namespace tidegate::emulator
