#include "protocols/bedrock_converse/error_body.h"

#include <algorithm>
#include <array>
#include <vector>

#include "base/ascii.h"
#include "base/check.h"
#include "json/writer.h"
#include "protocols/json_members.h"
#include "protocols/limits.h"
#include "protocols/scratch_reader.h"
#include "protocols/upstream_error.h"

namespace tidegate::protocols::bedrock_converse {
namespace {

using aws_event_stream::TextHeader;

constexpr int kTimedOut = 408;     // of ModelTimeoutException
constexpr int kModelFailed = 424;  // of ModelErrorException
constexpr std::string_view kTooLong = "context_length_exceeded";

// The names inside streams begin with a small letter.
struct Exception {
  std::string_view name, in_stream;
  int status;
};
constexpr std::array<Exception, 10> kExceptions = {
    {{"ValidationException", "validationException", 400},
     {"AccessDeniedException", "accessDeniedException", 403},
     {"ResourceNotFoundException", "resourceNotFoundException", 404},
     {"ModelTimeoutException", "modelTimeoutException", kTimedOut},
     {"ModelErrorException", "modelStreamErrorException", kModelFailed},
     {"ThrottlingException", "throttlingException", 429},
     {"ModelNotReadyException", "modelNotReadyException", 429},
     {"ServiceQuotaExceededException", "serviceQuotaExceededException", 402},
     {"InternalServerException", "internalServerException", 500},
     {"ServiceUnavailableException", "serviceUnavailableException", 503}}};

// Of a name in a stream, 500 for one that is not known.
int StatusOf(std::string_view in_stream) {
  for (const Exception& exception : kExceptions) {
    if (exception.in_stream == in_stream || exception.name == in_stream) return exception.status;
  }
  return 500;
}

// Streams know five exceptions; a client takes any other for a bug.
std::string_view StreamName(const Error& error) {
  switch (ErrorHttpStatus(error)) {
    case kModelFailed:
    case kTimedOut:
      return "modelStreamErrorException";
    case 429:
      return "throttlingException";
    case 503:
      return "serviceUnavailableException";
    default:
      return ErrorHttpStatus(error) < 500 ? "validationException" : "internalServerException";
  }
}

// What the service says in its own sentences, as the words that all protocols share.
std::string_view CodeOf(int status, std::string_view message) {
  constexpr std::array<std::string_view, 3> kTooLongPhrases = {
      "input is too long", "too many input tokens", "input tokens exceeded"};
  for (const std::string_view phrase : kTooLongPhrases) {
    if (status == 400 && ContainsIgnoreCase(message, phrase)) return kTooLong;
  }
  const bool unknown = ContainsIgnoreCase(message, "model identifier is invalid") ||
                       ContainsIgnoreCase(message, "support counting tokens") ||
                       (status == 404 && ContainsIgnoreCase(message, "model"));
  return unknown ? "model_not_found" : "";
}

std::string MessageOf(const Error& error) {
  std::string message = error.message;
  if (error.reason == kTooLong) message = "Input is too long for requested model: " + message;
  if (!error.field.empty()) message = error.field + ": " + message;
  return message;
}

}  // namespace

int ErrorHttpStatus(const Error& error) {
  // Clients look for a prompt that is too long under 400.
  if (error.reason == kTooLong) return 400;
  switch (error.code) {
    case ErrorCode::kUnauthenticated:
      return 403;  // AWS has no 401
    case ErrorCode::kDeadlineExceeded:
      return kTimedOut;
    case ErrorCode::kProtocol:
      return kModelFailed;
    case ErrorCode::kUnavailable:
      if (error.upstream_status == kTimedOut || error.upstream_status == kModelFailed) {
        return error.upstream_status;  // Bedrock's own words
      }
      return HttpStatus(error.code);
    default:
      return HttpStatus(error.code);
  }
}

std::string_view ExceptionName(const Error& error) {
  const int status = ErrorHttpStatus(error);
  for (const Exception& exception : kExceptions) {
    if (exception.status == status) return exception.name;
  }
  return status < 500 ? "ValidationException" : "InternalServerException";
}

std::string EncodeErrorBody(const Error& error) {
  std::string body;
  json::Writer out(body);
  // Clients read the name from a header field, and here where that is missing.
  out.BeginObject().Key("__type").String(ExceptionName(error));
  out.Key("message").String(MessageOf(error));
  // Beyond the API: what went wrong as a word for programs, and where.
  out.Key("reason").String(error.reason.empty() ? ToString(error.code)
                                                : std::string_view(error.reason));
  if (!error.field.empty()) out.Key("field").String(error.field);
  out.EndObject();
  return body;
}

std::string EncodeErrorEvent(const Error& error) {
  std::string payload;
  json::Writer(payload).BeginObject().Key("message").String(MessageOf(error)).EndObject();
  const std::array headers = {TextHeader(":exception-type", StreamName(error)),
                              TextHeader(":content-type", "application/json"),
                              TextHeader(":message-type", "exception")};
  std::string frame;
  CHECK(aws_event_stream::AppendMessage(headers, payload, frame).ok());  // messages are short
  return frame;
}

Error DecodeErrorAnswer(int status, std::string_view body, std::int64_t retry_after_s) {
  {
    const ScratchReader json;
    const Result<json::Value> root = json->ParseCopy(body, kWholeAnswerBytesMax);
    Fault fault;
    if (root.ok()) fault = ReadFaultBody(*root);
    const std::string_view code = CodeOf(status, fault.message);
    if (!code.empty()) {
      fault.code = code;
      fault.status = status;
      return JudgeFault(fault, retry_after_s);
    }
  }
  return JudgeErrorBody(status, body, retry_after_s);
}

Error DecodeStreamError(const aws_event_stream::Message& message) {
  Fault fault;
  if (message.Text(":message-type") == "error") {  // of the framing itself
    fault.type = message.Text(":error-code");
    fault.message = message.Text(":error-message");
    fault.status = StatusOf(fault.type);
    return JudgeFault(fault, 0);
  }
  const ScratchReader json;
  const Result<json::Value> root = json->ParseCopy(message.payload, kWholeAnswerBytesMax);
  if (root.ok() && root->is_object()) {
    fault.message = StringOrEmpty(*root->Object(), "message");
    if (fault.message.empty()) fault.message = StringOrEmpty(*root->Object(), "originalMessage");
  }
  fault.type = message.Text(":exception-type");
  fault.status = StatusOf(fault.type);
  fault.code = CodeOf(fault.status, fault.message);
  return JudgeFault(fault, 0);
}

}  // namespace tidegate::protocols::bedrock_converse
