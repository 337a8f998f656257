#include "protocols/gemini/error_body.h"

#include <string_view>

#include "json/writer.h"

namespace tidegate::protocols::gemini {
namespace {

std::string_view StatusWord(int status) {
  switch (status) {
    case 401:
      return "UNAUTHENTICATED";
    case 403:
      return "PERMISSION_DENIED";
    case 402:
      return "FAILED_PRECONDITION";
    case 404:
      return "NOT_FOUND";
    case 409:
      return "ABORTED";
    case 429:
      return "RESOURCE_EXHAUSTED";
    case 499:
      return "CANCELLED";
    case 500:
      return "INTERNAL";
    case 504:
      return "DEADLINE_EXCEEDED";
    default:
      return status < 500 ? "INVALID_ARGUMENT" : "UNAVAILABLE";
  }
}

void BeginDetail(json::Writer& out, std::string_view type) {
  out.BeginObject().Key("@type").String("type.googleapis.com/google.rpc." + std::string(type));
}

}  // namespace

int ErrorHttpStatus(const Error& error) {
  // Google has no other status for a prompt that is too long.
  if (error.reason == "context_length_exceeded") return 400;
  return HttpStatus(error.code);
}

std::string EncodeErrorBody(const Error& error) {
  const int status = ErrorHttpStatus(error);
  std::string message = error.message;
  if (!error.field.empty()) message = error.field + ": " + message;
  std::string body;
  json::Writer out(body);
  out.BeginObject().Key("error").BeginObject();
  out.Key("code").Integer(status).Key("message").String(message);
  out.Key("status").String(StatusWord(status)).Key("details").BeginArray();
  BeginDetail(out, "ErrorInfo");  // what went wrong, as a word for programs
  out.Key("reason").String(error.reason.empty() ? ToString(error.code)
                                                : std::string_view(error.reason));
  out.Key("domain").String("tidegate").EndObject();
  if (!error.field.empty()) {
    BeginDetail(out, "BadRequest");
    out.Key("fieldViolations").BeginArray().BeginObject();
    out.Key("field").String(error.field).Key("description").String(error.message);
    out.EndObject().EndArray().EndObject();
  }
  if (error.retry_after_s > 0) {
    BeginDetail(out, "RetryInfo");
    out.Key("retryDelay").String(std::to_string(error.retry_after_s) + "s").EndObject();
  }
  out.EndArray().EndObject().EndObject();
  return body;
}

std::string EncodeErrorEvent(const Error& error) {
  return "data: " + EncodeErrorBody(error) + "\n\n";
}

// What was sent of the array ends in an element, or, where only a call was on its way, in nothing:
// then the array cannot be read, which is an error as well.
std::string EncodeErrorElement(const Error& error) {
  return ",\r\n" + EncodeErrorBody(error) + "]";
}

}  // namespace tidegate::protocols::gemini
