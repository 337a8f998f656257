#include "protocols/anthropic_messages/error_body.h"

#include <string_view>

#include "json/writer.h"

namespace tidegate::protocols::anthropic_messages {
namespace {

constexpr int kOverloaded = 529;

bool IsOverload(const Error& error) {
  return error.reason == "overloaded" || error.reason == "overloaded_error";
}

std::string_view ErrorType(const Error& error) {
  switch (ErrorHttpStatus(error)) {
    case 401:
      return "authentication_error";
    case 402:
      return "billing_error";
    case 403:
      return "permission_error";
    case 404:
      return "not_found_error";
    case 413:
      return "request_too_large";
    case 429:
      return "rate_limit_error";
    case 504:
      return "timeout_error";
    case kOverloaded:
      return "overloaded_error";
    default:
      return ErrorHttpStatus(error) < 500 ? "invalid_request_error" : "api_error";
  }
}

}  // namespace

int ErrorHttpStatus(const Error& error) {
  // Clients look for a prompt that is too long under 400, and shorten it.
  if (error.reason == "context_length_exceeded") return 400;
  if (IsOverload(error)) return kOverloaded;
  return HttpStatus(error.code);
}

std::string EncodeErrorBody(const Error& error) {
  std::string message = error.message;
  if (error.reason == "context_length_exceeded") message = "prompt is too long: " + message;
  if (!error.field.empty()) message = error.field + ": " + message;
  std::string body;
  json::Writer out(body);
  out.BeginObject().Key("type").String("error").Key("error").BeginObject();
  out.Key("type").String(ErrorType(error)).Key("message").String(message);
  // Beyond the API: what went wrong as a word for programs, and where.
  out.Key("code").String(error.reason.empty() ? ToString(error.code)
                                              : std::string_view(error.reason));
  if (!error.field.empty()) out.Key("param").String(error.field);
  out.EndObject().EndObject();
  return body;
}

std::string EncodeErrorEvent(const Error& error) {
  return "event: error\ndata: " + EncodeErrorBody(error) + "\n\n";
}

}  // namespace tidegate::protocols::anthropic_messages
