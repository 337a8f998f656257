#include "cli/exit_code.h"

namespace tidegate::cli {

int ExitCodeOf(const Error& error) {
  switch (error.code) {
    case ErrorCode::kInvalidArgument:
      // Only our own parser leaves the reason "usage"; a gate's 400 is about the request.
      return error.reason == "usage" ? kExitUsage : kExitData;
    case ErrorCode::kUnauthenticated:
    case ErrorCode::kPermissionDenied:
    case ErrorCode::kBudgetExceeded:
      return kExitNoPermission;
    case ErrorCode::kNotFound:
      return kExitNoInput;
    case ErrorCode::kTooLarge:
      return kExitData;
    case ErrorCode::kConflict:
    case ErrorCode::kRateLimited:
    case ErrorCode::kDeadlineExceeded:
      return kExitTempFail;
    case ErrorCode::kNoCandidate:
    case ErrorCode::kUnavailable:
      return kExitUnavailable;
    case ErrorCode::kCancelled:
      return kExitInterrupted;
    case ErrorCode::kProtocol:
      return kExitProtocol;
    case ErrorCode::kInternal:
      return kExitSoftware;
  }
  return kExitSoftware;
}

}  // namespace tidegate::cli
