#include "admin/decision_json.h"

#include <string>

#include "base/clock.h"

namespace tidegate::admin {
namespace {

void WritePlaces(json::Writer& writer, core::PlaceSet places) {
  writer.BeginArray();
  for (int i = 0; i < core::kPlaces; ++i) {
    const auto place = static_cast<core::Place>(i);
    if (places.Has(place)) writer.String(core::ToString(place));
  }
  writer.EndArray();
}

void WriteCandidate(json::Writer& writer, const core::Candidate& candidate) {
  writer.BeginObject();
  writer.Key("model").String(candidate.model);
  writer.Key("place").String(core::ToString(candidate.place));
  writer.Key("rejected").Bool(candidate.rejected);
  writer.Key("reason");
  if (candidate.rejected) {
    writer.String(core::ToString(candidate.reason));
  } else {
    writer.Null();
  }
  writer.Key("detail").String(candidate.detail);
  writer.Key("score");
  if (candidate.rejected) {
    writer.Null();
  } else {
    writer.Double(candidate.score);
  }
  WriteMoney(writer, "estimated_cost", candidate.estimated_cost);
  WriteMoney(writer, "worst_case_cost", candidate.worst_case_cost);
  writer.Key("estimated_ttft_ms").Integer(candidate.estimated_ttft_ms);
  writer.Key("estimated_total_ms").Integer(candidate.estimated_total_ms);
  writer.Key("estimated_quality").Double(candidate.estimated_quality);
  writer.EndObject();
}

void WriteUsage(json::Writer& writer, const core::Usage& usage) {
  writer.BeginObject();
  writer.Key("input_tokens").Integer(usage.input_tokens);
  writer.Key("cached_read_tokens").Integer(usage.cached_read_tokens);
  writer.Key("cached_write_tokens").Integer(usage.cached_write_tokens);
  writer.Key("output_tokens").Integer(usage.output_tokens);
  writer.Key("reasoning_tokens").Integer(usage.reasoning_tokens);
  if (usage.draft_tokens > 0) {
    writer.Key("draft_tokens").Integer(usage.draft_tokens);
    writer.Key("draft_accepted_tokens").Integer(usage.draft_accepted_tokens);
  }
  writer.Key("estimated").Bool(usage.estimated);
  writer.EndObject();
}

void WriteAttempt(json::Writer& writer, const core::AttemptRecord& attempt) {
  writer.BeginObject();
  writer.Key("model").String(attempt.model);
  writer.Key("place").String(core::ToString(attempt.place));
  writer.Key("egress").String(core::ToString(attempt.egress));
  writer.Key("outcome").String(core::ToString(attempt.outcome));
  writer.Key("upstream_status").Integer(attempt.upstream_status);
  writer.Key("error").String(attempt.error);
  WriteMoney(writer, "reserved", attempt.reserved);
  WriteMoney(writer, "cost", attempt.cost);
  writer.Key("assumed").Bool(attempt.assumed);
  writer.Key("usage");
  WriteUsage(writer, attempt.usage);
  writer.Key("started_us").Integer(attempt.started_us);
  writer.Key("ttft_us").Integer(attempt.ttft_us);
  writer.Key("total_us").Integer(attempt.total_us);
  writer.Key("bytes_sent").Integer(attempt.bytes_sent);
  writer.Key("bytes_received").Integer(attempt.bytes_received);
  if (attempt.dropped_messages > 0) {
    writer.Key("dropped_messages").Integer(attempt.dropped_messages);
  }
  if (attempt.cut_texts > 0) writer.Key("cut_texts").Integer(attempt.cut_texts);
  writer.EndObject();
}

// What a reader wants first: where it ran, what left, what it cost.
void WriteSummary(json::Writer& writer, const core::DecisionRecord& record) {
  const core::AttemptRecord* answered = record.Answered();
  writer.Key("model");
  if (answered == nullptr) {
    writer.Null().Key("place").Null();
  } else {
    writer.String(answered->model).Key("place").String(core::ToString(answered->place));
  }
  writer.Key("egress").String(core::ToString(record.Left()));
  WriteMoney(writer, "cost", record.Cost());
}

}  // namespace

void WriteMoney(json::Writer& writer, std::string_view name, Money money) {
  const std::string prefix(name);
  writer.Key(prefix + "_usd").String(FormatUsd(money));
  writer.Key(prefix + "_nanodollars").Integer(money.nanodollars);
}

void WriteDecision(json::Writer& writer, const core::DecisionRecord& record) {
  writer.BeginObject();
  writer.Key("id").String(record.id.ToString());
  writer.Key("time").String(FormatUtc(record.wall_nanos));
  writer.Key("principal").String(record.principal);
  writer.Key("protocol").String(record.protocol);
  writer.Key("asked_model").String(record.asked_model);
  WriteSummary(writer, record);
  writer.Key("status").Integer(record.status);
  writer.Key("error").String(record.error);
  writer.Key("stream").Bool(record.stream);
  writer.Key("dry_run").Bool(record.dry_run);
  writer.Key("privacy").String(core::ToString(record.privacy));
  writer.Key("allowed_places");
  WritePlaces(writer, record.allowed);
  writer.Key("difficulty").Double(record.difficulty);
  writer.Key("input_tokens_estimate").Integer(record.input_tokens_estimate);
  writer.Key("output_tokens_estimate").Integer(record.output_tokens_estimate);
  writer.Key("plan_us").Integer(record.plan_us);
  writer.Key("total_us").Integer(record.total_us);
  writer.Key("session").String(record.session);
  writer.Key("run").String(record.run);
  writer.Key("tags").BeginArray();
  for (const std::string& tag : record.tags) writer.String(tag);
  writer.EndArray();
  writer.Key("candidates").BeginArray();
  for (const core::Candidate& candidate : record.candidates) WriteCandidate(writer, candidate);
  writer.EndArray();
  writer.Key("attempts").BeginArray();
  for (const core::AttemptRecord& attempt : record.attempts) WriteAttempt(writer, attempt);
  writer.EndArray();
  writer.EndObject();
}

std::string EncodeDecision(const core::DecisionRecord& record) {
  std::string out;
  json::Writer writer(out);
  WriteDecision(writer, record);
  return out;
}

}  // namespace tidegate::admin
