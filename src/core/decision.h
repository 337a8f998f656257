// The record of one request: what was asked, who was considered, why, where it ran, what it cost,
// what left. Never content.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/money.h"
#include "core/place.h"
#include "core/usage.h"

namespace tidegate::core {

// Why a candidate may not run a request. Stable words; ToString gives them, Explain a sentence.
enum class RejectReason : std::uint8_t {
  kModelName,     // another model was asked for
  kPlace,         // its place is not among the allowed
  kPrivacy,       // the label forbids its place
  kRetention,     // zero data retention is not assured
  kRegion,        // outside the allowed jurisdictions
  kProviderList,  // not in `only`, or in `ignore`
  kCapability,    // cannot honour a parameter or a part; `detail` names it
  kContext,       // the prompt does not fit its window
  kPriceUnknown,  // no price is known, so no bound can be reserved
  kMaxCost,       // its worst case costs more than the caller allows
  kBudget,        // its worst case is more than the budget has left
  kDeadline,      // it cannot finish in time
  kQuality,       // below min_quality
  kUnavailable,   // breaker open, engine down, not installed; `detail` says which
  kFallback,      // eligible, but the caller forbids falling back to it
  kKeyPlace,      // the caller's key may not use its place
};
std::string_view ToString(RejectReason reason);

// One candidate as the planner saw it.
struct Candidate {
  std::string model;  // "provider/model"
  Place place = Place::kCloud;
  bool rejected = false;
  RejectReason reason = RejectReason::kModelName;
  std::string detail;
  double score = 0;  // lower is better
  Money estimated_cost, worst_case_cost;
  std::int64_t estimated_ttft_ms = 0;
  std::int64_t estimated_total_ms = 0;
  double estimated_quality = 0;
};

enum class AttemptOutcome : std::uint8_t { kOk, kFailed, kCancelled, kTimedOut, kCut, kNotSent };
std::string_view ToString(AttemptOutcome outcome);

// One dispatch to one target.
struct AttemptRecord {
  std::string model;  // "provider/model"
  Place place = Place::kCloud;
  Egress egress = Egress::kNone;
  AttemptOutcome outcome = AttemptOutcome::kNotSent;
  int upstream_status = 0;
  std::string error;  // "code: message", never content
  Money reserved, cost;
  // Nobody knows what the provider charged (it was sent, and no answer came), so `cost` is the
  // whole reservation.
  bool assumed = false;
  Usage usage;
  std::int64_t started_us = 0;  // since the request arrived
  std::int64_t ttft_us = 0;     // from the attempt's start to its first content byte; 0 = none
  std::int64_t total_us = 0;
  std::int64_t bytes_sent = 0, bytes_received = 0;
  // What its caller allowed to be left out, and was, since it did not fit: the oldest messages of a
  // conversation; of texts to be embedded, how many were cut.
  std::int64_t dropped_messages = 0, cut_texts = 0;
};

struct DecisionRecord {
  RequestId id;
  std::int64_t wall_nanos = 0;  // arrival
  std::string principal;        // the key's name; "local" when no key is configured
  std::string protocol;
  std::string asked_model;
  Privacy privacy = Privacy::kOpen;
  PlaceSet allowed;
  double difficulty = 0;
  std::int64_t input_tokens_estimate = 0;
  std::int64_t output_tokens_estimate = 0;
  bool stream = false;
  bool dry_run = false;
  int status = 0;  // HTTP status sent; 499 = the caller went away
  std::string error;
  std::vector<Candidate> candidates;    // best first, then the rejected
  std::vector<AttemptRecord> attempts;  // in order of dispatch
  std::int64_t plan_us = 0, total_us = 0;
  std::string session, run;
  std::vector<std::string> tags;

  Money Cost() const;   // of all attempts
  Egress Left() const;  // the most that left with any attempt
  // The attempt that answered, or nullptr.
  const AttemptRecord* Answered() const;
};

}  // namespace tidegate::core
