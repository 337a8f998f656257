// What an upstream's complaint means for us: whose fault it is, and whether another target can do
// better.
//
// Servers that speak this protocol agree on the status and on little else: the error is an object,
// a string or a list, its code a word or a number. The text is the upstream's, so it is bounded,
// cleaned and freed of keys before anybody sees it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "json/value.h"

namespace tidegate::protocols {

// As the upstream wrote it, unjudged. The views live as long as the document.
struct Fault {
  int status = 0;  // of the answer; inside a stream its `code` when that is a number; 0 = unknown
  std::string_view message, type, code, param;
  std::int64_t retry_after_s = 0;  // that the body states, 0 = none
};

// Reads the value of an "error" member: an object or a string. Anything else leaves the result
// empty.
Fault ReadFault(const json::Value& error);
// Reads a whole error body, in any of the shapes that servers of this protocol use.
Fault ReadFaultBody(const json::Value& root);

// `retry_after_s` as a header gave it, 0 = none, then the body may state it; clamped to 0 …
// kRetryAfterSecondsMax. Never code kUnauthenticated or kPermissionDenied: when an upstream refuses
// a key, the key is ours and not the caller's.
Error JudgeFault(const Fault& fault, std::int64_t retry_after_s);
// The same for a whole error answer, whose body may be JSON, a text or a page.
Error JudgeErrorBody(int status, std::string_view body, std::int64_t retry_after_s);

// The error for an answer that is not what this protocol promises. `what` continues "the upstream's
// answer …".
Error MalformedAnswer(std::string_view what);
// The same for a value of the wrong type, as json/ found it.
Error MalformedAnswer(const Error& cause);

// At most kUpstreamMessageBytesMax of `text` in one line, with "[redacted]" for whatever looks like
// a key.
std::string PublicText(std::string_view text);

// For encoders whose protocol writes one call behind the other: more of a call came when another
// one had begun.
Error MixedToolCalls();

}  // namespace tidegate::protocols
