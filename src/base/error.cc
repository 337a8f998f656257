#include "base/error.h"

#include "base/result.h"

namespace tidegate {

std::string_view ToString(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return "invalid_argument";
    case ErrorCode::kUnauthenticated:
      return "unauthenticated";
    case ErrorCode::kPermissionDenied:
      return "permission_denied";
    case ErrorCode::kNotFound:
      return "not_found";
    case ErrorCode::kConflict:
      return "conflict";
    case ErrorCode::kTooLarge:
      return "too_large";
    case ErrorCode::kRateLimited:
      return "rate_limited";
    case ErrorCode::kBudgetExceeded:
      return "budget_exceeded";
    case ErrorCode::kNoCandidate:
      return "no_candidate";
    case ErrorCode::kUnavailable:
      return "unavailable";
    case ErrorCode::kDeadlineExceeded:
      return "deadline_exceeded";
    case ErrorCode::kCancelled:
      return "cancelled";
    case ErrorCode::kProtocol:
      return "protocol";
    case ErrorCode::kInternal:
      return "internal";
  }
  return "internal";
}

std::string_view ToString(ErrorSource source) {
  switch (source) {
    case ErrorSource::kCaller:
      return "caller";
    case ErrorSource::kGateway:
      return "gateway";
    case ErrorSource::kEngine:
      return "engine";
    case ErrorSource::kUpstream:
      return "upstream";
  }
  return "gateway";
}

int HttpStatus(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return 400;
    case ErrorCode::kUnauthenticated:
      return 401;
    case ErrorCode::kPermissionDenied:
      return 403;
    case ErrorCode::kNotFound:
      return 404;
    case ErrorCode::kConflict:
      return 409;
    case ErrorCode::kTooLarge:
      return 413;
    case ErrorCode::kRateLimited:
      return 429;
    case ErrorCode::kBudgetExceeded:
      return 402;
    case ErrorCode::kNoCandidate:
      return 503;
    case ErrorCode::kUnavailable:
      return 503;
    case ErrorCode::kDeadlineExceeded:
      return 504;
    case ErrorCode::kCancelled:
      return 499;
    case ErrorCode::kProtocol:
      return 502;
    case ErrorCode::kInternal:
      return 500;
  }
  return 500;
}

ErrorBox::ErrorBox(Error&& error) : error_(new Error(std::move(error))) {}
ErrorBox ErrorBox::Copy() const { return ErrorBox(Error(*error_)); }
void ErrorBox::Free::operator()(const Error* error) const { delete error; }

std::string Describe(const Error& error) {
  std::string out(ToString(error.code));
  out += ": ";
  out += error.message;
  if (!error.field.empty()) out += " (" + error.field + ")";
  for (const Error* cause = error.cause.get(); cause != nullptr; cause = cause->cause.get()) {
    out += " <- ";
    out += cause->message;
  }
  return out;
}

Error InvalidArgument(std::string field, std::string message) {
  Error error{ErrorCode::kInvalidArgument, ErrorSource::kCaller, Retry::kNever, std::move(message)};
  error.field = std::move(field);
  return error;
}

Error NotFound(std::string message) {
  return Error{ErrorCode::kNotFound, ErrorSource::kCaller, Retry::kNever, std::move(message)};
}

Error Internal(std::string message) {
  return Error{ErrorCode::kInternal, ErrorSource::kGateway, Retry::kNever, std::move(message)};
}

Error Unavailable(ErrorSource source, std::string message) {
  return Error{ErrorCode::kUnavailable, source, Retry::kOtherTarget, std::move(message)};
}

}  // namespace tidegate
