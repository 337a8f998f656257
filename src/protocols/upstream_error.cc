#include "protocols/upstream_error.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "base/ascii.h"
#include "protocols/json_members.h"
#include "protocols/limits.h"
#include "protocols/scratch_reader.h"

namespace tidegate::protocols {
namespace {

constexpr std::size_t kReasonBytesMax = 64;
constexpr std::size_t kParamBytesMax = 256;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

bool ContainsAny(std::string_view text, std::span<const std::string_view> parts) {
  return std::any_of(parts.begin(), parts.end(),
                     [text](std::string_view part) { return ContainsIgnoreCase(text, part); });
}

// --- Text ---

// How keys of the providers that we know of begin.
constexpr std::array<std::string_view, 17> kKeyPrefixes = {
    "sk-", "sk_", "pk-",   "rk-",  "gsk_",   "xai-", "hf_", "AIza", "ghp_",
    "r8_", "fw_", "pplx-", "csk-", "nvapi-", "AKIA", "eyJ", "key-"};
constexpr std::size_t kKeyBytesMin = 8;
constexpr std::size_t kRandomRunBytes =
    32;  // letters and digits without a break: a hash or a key, not a word

bool IsTokenChar(char c) {
  return IsLetter(c) || IsDigit(c) || c == '-' || c == '_' || c == '*' || c == '.';
}

bool HasRandomRun(std::string_view token) {
  std::size_t letters = 0;
  std::size_t digits = 0;
  for (const char c : token) {
    if (IsLetter(c)) {
      ++letters;
    } else if (IsDigit(c)) {
      ++digits;
    } else {
      letters = digits = 0;
    }
    if (letters > 0 && digits > 0 && letters + digits >= kRandomRunBytes) return true;
  }
  return false;
}

bool LooksLikeKey(std::string_view token, std::string_view token_before) {
  if (EqualsIgnoreCase(token_before, "bearer") && !token.empty()) return true;
  if (token.find("***") != std::string_view::npos) return true;
  if (HasRandomRun(token)) return true;
  return token.size() >= kKeyBytesMin &&
         std::any_of(kKeyPrefixes.begin(), kKeyPrefixes.end(),
                     [token](std::string_view p) { return token.starts_with(p); });
}

// Cut to `bytes_max` without splitting a UTF-8 sequence.
std::string_view Truncate(std::string_view text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  std::size_t end = bytes_max;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  return text.substr(0, end);
}

bool IsWord(std::string_view text) {
  return !text.empty() && text.size() <= kReasonBytesMax && !LooksLikeKey(text, {}) &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return IsLetter(c) || IsDigit(c) || c == '_' || c == '-' || c == '.';
         });
}

// --- Reading ---

// Google's "7.5s", as whole seconds, rounded up; 0 for anything else.
std::int64_t ReadSeconds(std::string_view text) {
  std::int64_t seconds = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), seconds);
  const std::string_view rest = text.substr(static_cast<std::size_t>(parsed.ptr - text.data()));
  if (parsed.ec != std::errc() || !rest.ends_with('s') || seconds < 0) return 0;
  const bool fraction = rest.find_first_not_of(".0s") != std::string_view::npos;
  return std::min(seconds, kRetryAfterSecondsMax) + (fraction ? 1 : 0);
}

// google.rpc's word for a status, in capitals; other servers say other things there.
std::string_view StatusWord(const json::Object& object) {
  const std::string_view word = StringOrEmpty(object, "status");
  const bool capitals = std::all_of(word.begin(), word.end(),
                                    [](char c) { return (c >= 'A' && c <= 'Z') || c == '_'; });
  return capitals ? word : std::string_view();
}

// google.rpc's details: when to try again, and what exactly was wrong.
void ReadDetails(const json::Value& details, Fault& fault) {
  if (!details.is_array()) return;
  const json::Array entries = *details.Array();
  for (const json::Value entry : entries) {
    if (!entry.is_object()) continue;
    const json::Object detail = *entry.Object();
    const std::string_view type = StringOrEmpty(detail, "@type");
    if (type.ends_with("google.rpc.RetryInfo")) {
      fault.retry_after_s = ReadSeconds(StringOrEmpty(detail, "retryDelay"));
    } else if (type.ends_with("google.rpc.ErrorInfo") && fault.code.empty()) {
      fault.code = StringOrEmpty(detail, "reason");
    } else if (type.ends_with("google.rpc.BadRequest") && fault.param.empty()) {
      const std::optional<json::Value> fields = detail.Find("fieldViolations");
      if (!fields || !fields->is_array() || fields->Array()->empty()) continue;
      const json::Value first = *fields->Array()->begin();
      if (first.is_object()) fault.param = StringOrEmpty(*first.Object(), "field");
    }
  }
}

void ReadObject(const json::Object& object, Fault& fault) {
  fault.message = StringOrEmpty(object, "message");
  fault.type = StringOrEmpty(object, "type");
  fault.code = StringOrEmpty(object, "code");
  fault.param = StringOrEmpty(object, "param");
  if (fault.type.empty()) fault.type = StatusWord(object);
  if (const std::optional<json::Value> details = object.Find("details")) {
    ReadDetails(*details, fault);
  }
  // A numeric code is an HTTP status (llama-server, OpenRouter, vLLM).
  const std::optional<json::Value> code = object.Find("code");
  if (!code || code->kind() != json::Kind::kInteger) return;
  const Result<std::int64_t> number = code->IntegerIn(400, 599);
  if (number.ok()) fault.status = static_cast<int>(*number);
}

// FastAPI's {"detail": …}: a string, or a list of objects with `msg`.
std::string_view ReadDetail(const json::Value& detail) {
  if (detail.is_string()) return *detail.String();
  if (!detail.is_array()) return {};
  const json::Array entries = *detail.Array();
  for (const json::Value entry : entries) {
    if (entry.is_object()) return StringOrEmpty(*entry.Object(), "msg");
  }
  return {};
}

// --- Judging ---

bool Says(const Fault& fault, std::string_view word) {
  return fault.code == word || fault.type == word;
}

bool IsContextOverflow(const Fault& fault) {
  if (Says(fault, "context_length_exceeded") || Says(fault, "exceed_context_size_error"))
    return true;
  constexpr std::array<std::string_view, 11> kPhrases = {"maximum context length",
                                                         "context length exceeded",
                                                         "available context size",
                                                         "exceeds the context window",
                                                         "context window of",
                                                         "prompt is too long",
                                                         "input length exceeds",
                                                         "longer than the context length",
                                                         "exceeds the maximum number of tokens",
                                                         "tokens in the prompt",
                                                         "too many tokens: size limit"};
  // Of a text to embed, llama-server says so as if it had failed.
  if (fault.status == 500 && ContainsIgnoreCase(fault.message, "is too large to process") &&
      ContainsIgnoreCase(fault.message, "batch size")) {
    return true;
  }
  const bool may_be =
      fault.status == 400 || fault.status == 413 || fault.status == 422 || fault.status == 0;
  return may_be && ContainsAny(fault.message, kPhrases);
}

bool IsUnknownModel(const Fault& fault) {
  if (Says(fault, "model_not_found") || Says(fault, "invalid_model") ||
      Says(fault, "model_not_available"))
    return true;
  if (fault.status != 404 && fault.status != 400 && fault.status != 422) return false;
  constexpr std::array<std::string_view, 6> kPhrases = {"not found",     "does not exist",
                                                        "no such model", "not a valid model",
                                                        "unknown model", "no endpoints found"};
  return ContainsIgnoreCase(fault.message, "model") && ContainsAny(fault.message, kPhrases);
}

// What this model cannot do, another one may.
bool IsUnsupported(const Fault& fault) {
  return (fault.status == 400 || fault.status == 422) &&
         ContainsIgnoreCase(fault.message, "does not support");
}

// What llama-server says of a picture or sound in a format that it does not know (WebP, say), and
// of a damaged one: others may know the format.
bool IsUnreadMedia(const Fault& fault) {
  return fault.status == 400 && ContainsIgnoreCase(fault.message, "failed to load image");
}

// The status that the words of an error mean when it came without one, inside a stream.
int StatusOfWords(const Fault& fault) {
  struct Meaning {
    std::string_view word;
    int status;
  };
  constexpr std::array<Meaning, 24> kMeanings = {{{"rate_limit_exceeded", 429},
                                                  {"rate_limit_error", 429},
                                                  {"insufficient_quota", 429},
                                                  {"overloaded_error", 529},
                                                  {"invalid_request_error", 400},
                                                  {"content_filter", 400},
                                                  {"content_policy_violation", 400},
                                                  {"authentication_error", 401},
                                                  {"invalid_api_key", 401},
                                                  {"permission_error", 403},
                                                  {"timeout_error", 408},
                                                  {"api_error", 500},
                                                  {"not_found_error", 404},
                                                  {"request_too_large", 413},
                                                  {"billing_error", 402},
                                                  {"server_error", 500},
                                                  {"RESOURCE_EXHAUSTED", 429},
                                                  {"INVALID_ARGUMENT", 400},
                                                  {"FAILED_PRECONDITION", 400},
                                                  {"UNAUTHENTICATED", 401},
                                                  {"PERMISSION_DENIED", 403},
                                                  {"NOT_FOUND", 404},
                                                  {"UNAVAILABLE", 503},
                                                  {"DEADLINE_EXCEEDED", 504}}};
  for (const Meaning& meaning : kMeanings) {
    if (Says(fault, meaning.word)) return meaning.status;
  }
  return 500;
}

struct Verdict {
  ErrorCode code;
  Retry retry;
  std::string_view reason;  // empty = the upstream's own word
  std::string_view sentence;
};

// Google and xAI say of a bad key that the request is bad.
bool IsKeyRefused(const Fault& fault) {
  if (Says(fault, "API_KEY_INVALID") || Says(fault, "API_KEY_EXPIRED")) return true;
  constexpr std::string_view kWrongKey = "incorrect api key provided";
  return fault.status == 400 &&
         EqualsIgnoreCase(fault.message.substr(0, kWrongKey.size()), kWrongKey);
}

Verdict Judge(const Fault& fault, int status) {
  if (IsKeyRefused(fault)) status = 401;
  if (IsContextOverflow(fault)) {
    return {ErrorCode::kTooLarge, Retry::kOtherTarget, "context_length_exceeded",
            "the request does not fit the context window of the model"};
  }
  if (IsUnknownModel(fault)) {
    return {ErrorCode::kNotFound, Retry::kOtherTarget, "model_not_found",
            "the upstream does not know the model"};
  }
  if (IsUnsupported(fault)) {
    return {ErrorCode::kInvalidArgument,
            Retry::kOtherTarget,
            {},
            "the model cannot do what the request asks for"};
  }
  if (IsUnreadMedia(fault)) {
    return {
        ErrorCode::kInvalidArgument,
        Retry::kOtherTarget,
        {},
        "the model's server cannot read a picture or sound of the request: it is damaged, or in "
        "a format unknown there (PNG, JPEG and WAV are known everywhere)"};
  }
  switch (status) {
    case 401:
    case 403:
      return {ErrorCode::kUnavailable, Retry::kOtherTarget, "upstream_key_refused",
              "the upstream refused the gateway's key for it: check the provider's key in the "
              "configuration"};
    case 402:
      return {ErrorCode::kUnavailable, Retry::kOtherTarget, "upstream_quota",
              "the gateway's account with the upstream has no credit left"};
    case 404:
      return {ErrorCode::kUnavailable, Retry::kOtherTarget, "upstream_address",
              "the upstream does not serve this address: check the provider's url in the "
              "configuration"};
    case 408:
    case 409:
    case 424:  // what it depends on failed
    case 425:
      return {
          ErrorCode::kUnavailable, Retry::kOtherTarget, {}, "the upstream could not answer now"};
    case 413:
      return {ErrorCode::kTooLarge, Retry::kOtherTarget, "request_too_large",
              "the request is too large for the upstream"};
    case 429:
      return {ErrorCode::kRateLimited,
              Retry::kOtherTarget,
              {},
              "the upstream limits the rate of requests"};
    default:
      break;
  }
  if (status >= 400 && status < 500) {
    return {ErrorCode::kInvalidArgument, Retry::kNever, {}, "the upstream refused the request"};
  }
  if (status >= 500 && status < 600) {
    return {ErrorCode::kUnavailable, Retry::kOtherTarget, {}, "the upstream failed"};
  }
  return {ErrorCode::kProtocol,
          Retry::kOtherTarget,
          {},
          "the upstream answered with an unexpected status"};
}

// The message of a body that is not JSON: the text when it is one, nothing when it is a page.
std::string_view PlainFaultText(std::string_view body) {
  constexpr std::size_t kBytesMax = 2048;
  const std::size_t begin = body.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos || body[begin] == '<') return {};
  return body.substr(begin, kBytesMax);
}

}  // namespace

Fault ReadFault(const json::Value& error) {
  Fault fault;
  if (error.is_string()) fault.message = *error.String();
  if (error.is_object()) ReadObject(*error.Object(), fault);
  return fault;
}

Fault ReadFaultBody(const json::Value& root) {
  json::Value value = root;
  if (value.is_array() && !value.Array()->empty())
    value = *value.Array()->begin();  // Gemini wraps it in a list
  if (!value.is_object()) return ReadFault(value);
  const json::Object object = *value.Object();
  if (const std::optional<json::Value> error = object.Find("error"); error && !error->is_null()) {
    Fault fault = ReadFault(*error);
    if (fault.message.empty()) fault.message = StringOrEmpty(object, "message");
    if (error->is_string()) fault.code = StringOrEmpty(object, "code");  // beside it
    return fault;
  }
  Fault fault = ReadFault(value);
  const std::optional<json::Value> detail = object.Find("detail");
  if (fault.message.empty() && detail) fault.message = ReadDetail(*detail);
  return fault;
}

Error JudgeFault(const Fault& fault, std::int64_t retry_after_s) {
  const int status = fault.status != 0 ? fault.status : StatusOfWords(fault);
  const Verdict verdict = Judge(fault, status);
  Error error{verdict.code, ErrorSource::kUpstream, verdict.retry, std::string(verdict.sentence)};
  if (fault.status != 0) error.message += " (" + std::to_string(fault.status) + ")";
  if (const std::string text = PublicText(fault.message); !text.empty())
    error.message += ": " + text;
  error.upstream_status = fault.status;
  const std::int64_t stated = retry_after_s > 0 ? retry_after_s : fault.retry_after_s;
  error.retry_after_s = std::clamp<std::int64_t>(stated, 0, kRetryAfterSecondsMax);
  error.reason = verdict.reason;
  if (error.reason.empty() && IsWord(fault.code)) error.reason = fault.code;
  if (error.reason.empty() && IsWord(fault.type)) error.reason = fault.type;
  if (verdict.code == ErrorCode::kInvalidArgument && fault.param.size() <= kParamBytesMax) {
    error.field = PublicText(fault.param);
  }
  return error;
}

Error JudgeErrorBody(int status, std::string_view body, std::int64_t retry_after_s) {
  const ScratchReader json;
  const Result<json::Value> root = json->ParseCopy(body, kWholeAnswerBytesMax);
  Fault fault;
  if (root.ok()) {
    fault = ReadFaultBody(*root);
  } else {
    fault.message = PlainFaultText(body);
  }
  fault.status = status;
  return JudgeFault(fault, retry_after_s);
}

Error MalformedAnswer(std::string_view what) {
  return Error{ErrorCode::kProtocol, ErrorSource::kUpstream, Retry::kOtherTarget,
               "the upstream's answer " + std::string(what)};
}

Error MalformedAnswer(const Error& cause) {
  Error error = MalformedAnswer(cause.reason == "invalid_json" ? "is not JSON"
                                                               : "does not follow the protocol");
  if (!cause.field.empty()) error.message += " at " + cause.field;
  error.cause = std::make_shared<const Error>(cause);
  return error;
}

std::string PublicText(std::string_view text) {
  text = Truncate(text, 2 * kUpstreamMessageBytesMax);
  std::string out;
  std::string_view token_before;
  std::size_t at = 0;
  while (at < text.size()) {
    std::size_t end = at;
    while (end < text.size() && IsTokenChar(text[end])) ++end;
    if (end == at) {
      const auto c = static_cast<unsigned char>(text[at++]);
      const bool blank = c <= ' ' || c == 0x7F;
      if (!blank) out += static_cast<char>(c);
      if (blank && !out.empty() && out.back() != ' ') out += ' ';
      continue;
    }
    const std::string_view token = text.substr(at, end - at);
    out += LooksLikeKey(token, token_before) ? std::string_view("[redacted]") : token;
    token_before = token;
    at = end;
  }
  if (!out.empty() && out.back() == ' ') out.pop_back();
  return std::string(Truncate(out, kUpstreamMessageBytesMax));
}

Error MixedToolCalls() {
  Error error{ErrorCode::kProtocol, ErrorSource::kUpstream, Retry::kOtherTarget,
              "the upstream mixed the arguments of its tool calls"};
  error.reason = "mixed_tool_calls";
  return error;
}

}  // namespace tidegate::protocols
