#include "protocols/openai_chat/error_body.h"

#include "json/writer.h"

namespace tidegate::protocols::openai_chat {

std::string_view ErrorType(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kNotFound:
    case ErrorCode::kConflict:
    case ErrorCode::kTooLarge:
      return "invalid_request_error";
    case ErrorCode::kUnauthenticated:
      return "authentication_error";
    case ErrorCode::kPermissionDenied:
      return "permission_error";
    case ErrorCode::kRateLimited:
      return "rate_limit_error";
    case ErrorCode::kBudgetExceeded:
      return "insufficient_quota";
    case ErrorCode::kDeadlineExceeded:
      return "timeout_error";
    case ErrorCode::kNoCandidate:
    case ErrorCode::kUnavailable:
    case ErrorCode::kCancelled:
    case ErrorCode::kProtocol:
    case ErrorCode::kInternal:
      return "server_error";
  }
  return "server_error";
}

int ErrorHttpStatus(const Error& error) {
  // Clients of this protocol look for a prompt that is too long under 400, and shorten it.
  if (error.reason == "context_length_exceeded") return 400;
  return HttpStatus(error.code);
}

std::string EncodeErrorBody(const Error& error) {
  std::string body;
  json::Writer out(body);
  out.BeginObject().Key("error").BeginObject();
  out.Key("message").String(error.message);
  out.Key("type").String(ErrorType(error.code));
  out.Key("param");
  if (error.field.empty()) {
    out.Null();
  } else {
    out.String(error.field);
  }
  out.Key("code").String(error.reason.empty() ? ToString(error.code)
                                              : std::string_view(error.reason));
  out.EndObject().EndObject();
  return body;
}

std::string EncodeErrorEvent(const Error& error) {
  return "data: " + EncodeErrorBody(error) + "\n\n";
}

}  // namespace tidegate::protocols::openai_chat
