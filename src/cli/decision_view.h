// A decision as the gate tells it (docs/admin_api.md), as a value.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/money.h"
#include "base/result.h"
#include "json/value.h"

namespace tidegate::cli {

struct CandidateView {
  std::string model, place, reason, detail;
  bool rejected = false;
  double score = 0;
  Money estimated_cost, worst_case_cost;
  std::int64_t estimated_ttft_ms = 0, estimated_total_ms = 0;
  double estimated_quality = 0;
};

struct AttemptView {
  std::string model, place, egress, outcome, error;
  std::int64_t upstream_status = 0;
  Money reserved, cost;
  std::int64_t input_tokens = 0, output_tokens = 0;
  std::int64_t draft_tokens = 0, draft_accepted_tokens = 0;
  bool usage_estimated = false, assumed = false;
  std::int64_t started_us = 0, ttft_us = 0, total_us = 0;
  std::int64_t bytes_sent = 0, bytes_received = 0;
  std::int64_t dropped_messages = 0, cut_texts = 0;
};

struct DecisionView {
  std::string id, time, principal, asked_model, error, privacy;
  std::string model, place;  // that answered; empty = none did
  std::string egress;        // "none", "masked", "raw"
  std::vector<std::string> allowed_places;
  Money cost;
  std::int64_t status = 0;
  bool dry_run = false;
  double difficulty = 0;
  std::int64_t input_tokens_estimate = 0, output_tokens_estimate = 0;
  std::int64_t plan_us = 0, total_us = 0;
  std::vector<CandidateView> candidates;
  std::vector<AttemptView> attempts;
};

// Errors: kProtocol when it is no decision.
Result<DecisionView> ReadDecision(json::Value value);
Result<DecisionView> ReadDecisionText(std::string_view text);

}  // namespace tidegate::cli
