#include "cli/decision_view.h"

#include "cli/gate_client.h"
#include "cli/json_fields.h"
#include "json/reader.h"

namespace tidegate::cli {
namespace {

CandidateView ReadCandidate(JsonFields& fields) {
  CandidateView candidate;
  candidate.model = fields.Text("model");
  candidate.place = fields.Text("place");
  candidate.reason = fields.Text("reason");
  candidate.detail = fields.Text("detail");
  candidate.rejected = fields.Flag("rejected");
  candidate.score = fields.Number("score");
  candidate.estimated_cost = fields.Amount("estimated_cost");
  candidate.worst_case_cost = fields.Amount("worst_case_cost");
  candidate.estimated_ttft_ms = fields.Integer("estimated_ttft_ms");
  candidate.estimated_total_ms = fields.Integer("estimated_total_ms");
  candidate.estimated_quality = fields.Number("estimated_quality");
  return candidate;
}

AttemptView ReadAttempt(JsonFields& fields) {
  AttemptView attempt;
  attempt.model = fields.Text("model");
  attempt.place = fields.Text("place");
  attempt.egress = fields.Text("egress");
  attempt.outcome = fields.Text("outcome");
  attempt.error = fields.Text("error");
  attempt.upstream_status = fields.Integer("upstream_status");
  attempt.reserved = fields.Amount("reserved");
  attempt.cost = fields.Amount("cost");
  attempt.assumed = fields.Flag("assumed");
  attempt.started_us = fields.Integer("started_us");
  attempt.ttft_us = fields.Integer("ttft_us");
  attempt.total_us = fields.Integer("total_us");
  attempt.bytes_sent = fields.Integer("bytes_sent");
  attempt.bytes_received = fields.Integer("bytes_received");
  attempt.dropped_messages = fields.Integer("dropped_messages");
  attempt.cut_texts = fields.Integer("cut_texts");
  if (const auto usage = fields.Find("usage")) {
    JsonFields counts(*usage);
    attempt.input_tokens = counts.Integer("input_tokens");
    attempt.output_tokens = counts.Integer("output_tokens");
    attempt.draft_tokens = counts.Integer("draft_tokens");
    attempt.draft_accepted_tokens = counts.Integer("draft_accepted_tokens");
    attempt.usage_estimated = counts.Flag("estimated");
    fields.Absorb(counts.status());
  }
  return attempt;
}

}  // namespace

Result<DecisionView> ReadDecision(json::Value value) {
  JsonFields fields(value);
  DecisionView view;
  view.id = fields.Text("id");
  view.time = fields.Text("time");
  view.principal = fields.Text("principal");
  view.asked_model = fields.Text("asked_model");
  view.error = fields.Text("error");
  view.privacy = fields.Text("privacy");
  view.model = fields.Text("model");
  view.place = fields.Text("place");
  view.egress = fields.Text("egress");
  view.allowed_places = fields.Texts("allowed_places");
  view.cost = fields.Amount("cost");
  view.status = fields.Integer("status");
  view.dry_run = fields.Flag("dry_run");
  view.difficulty = fields.Number("difficulty");
  view.input_tokens_estimate = fields.Integer("input_tokens_estimate");
  view.output_tokens_estimate = fields.Integer("output_tokens_estimate");
  view.plan_us = fields.Integer("plan_us");
  view.total_us = fields.Integer("total_us");
  for (const json::Value item : fields.Items("candidates")) {
    JsonFields one(item);
    view.candidates.push_back(ReadCandidate(one));
    fields.Absorb(one.status());
  }
  for (const json::Value item : fields.Items("attempts")) {
    JsonFields one(item);
    view.attempts.push_back(ReadAttempt(one));
    fields.Absorb(one.status());
  }
  TIDEGATE_TRY(fields.status());
  if (view.id.empty()) return UnexpectedAnswer(InvalidArgument("id", "is required"));
  return view;
}

Result<DecisionView> ReadDecisionText(std::string_view text) {
  json::Reader reader;
  const Result<json::Value> root = reader.ParseCopy(text, kAnswerBytesMax);
  if (!root.ok()) return UnexpectedAnswer(root.error());
  return ReadDecision(*root);
}

}  // namespace tidegate::cli
