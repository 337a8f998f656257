// What went wrong, whose fault it was, and whether trying again can help.
//
// A gateway that fails over must know two things about a failure without reading its text: who is
// at fault, and whether the same target, another target, or nobody can do better. Both are fields
// here.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace tidegate {

enum class ErrorCode : std::uint8_t {
  kInvalidArgument,   // the request is wrong; `field` says where                       -> 400
  kUnauthenticated,   // no key, or a key nobody knows                                  -> 401
  kPermissionDenied,  // a known caller asks for what it may not have                   -> 403
  kNotFound,          // no such route, model, record                                   -> 404
  kConflict,          // the state of a thing does not allow it now                     -> 409
  kTooLarge,        // body, head, context window                                     -> 413 or 400
  kRateLimited,     // too many, try later                                            -> 429
  kBudgetExceeded,  // the money or the tokens are used up                            -> 402
  kNoCandidate,     // no target may or can run this; the reasons are in the decision -> 503
  kUnavailable,     // a target is down, overloaded or loading                        -> 503
  kDeadlineExceeded,  // time is up                                                     -> 504
  kCancelled,  // the caller went away                                           -> 499 in records
  kProtocol,   // the other side broke its protocol                              -> 502
  kInternal,   // our bug or a broken machine                                    -> 500
};

// Who is at fault.
enum class ErrorSource : std::uint8_t { kCaller, kGateway, kEngine, kUpstream };

// What can help.
enum class Retry : std::uint8_t { kNever, kSameTarget, kOtherTarget };

struct Error {
  ErrorCode code = ErrorCode::kInternal;
  ErrorSource source = ErrorSource::kGateway;
  Retry retry = Retry::kNever;
  std::string message;      // one English sentence for the caller; never a prompt, never a key
  std::string field = {};   // path of the offending field, as "messages[2].content", or empty
  std::string reason = {};  // a stable word for programs, as "context_length_exceeded", or empty
  std::int64_t retry_after_s = 0;  // 0 = unknown
  int upstream_status = 0;         // the HTTP status an upstream answered with, or 0
  std::shared_ptr<const Error> cause = nullptr;
};

std::string_view ToString(ErrorCode code);
std::string_view ToString(ErrorSource source);

// The HTTP status that says `code`; 499 for kCancelled (recorded, never sent).
int HttpStatus(ErrorCode code);

// "kind: message (field) <- cause", for logs and the CLI.
[[gnu::cold]] std::string Describe(const Error& error);

// The common constructors. `field` is the path of the field at fault.
[[gnu::cold]] Error InvalidArgument(std::string field, std::string message);
[[gnu::cold]] Error NotFound(std::string message);
[[gnu::cold]] Error Internal(std::string message);
[[gnu::cold]] Error Unavailable(ErrorSource source, std::string message);

}  // namespace tidegate
