#include "admin/decision_json.h"

#include <gtest/gtest.h>

#include "json/reader.h"

namespace tidegate::admin {
namespace {

core::DecisionRecord Sample() {
  core::DecisionRecord record;
  record.id = *RequestId::Parse("01JD8Z7M3QK5R9T0V2W4X6Y8ZA");
  record.wall_nanos = 1'700'000'000'123'000'000;
  record.principal = "laptop";
  record.protocol = "openai_chat";
  record.asked_model = "auto";
  record.privacy = core::Privacy::kMasked;
  record.allowed = core::PlaceSet::Of(core::Place::kDevice).With(core::Place::kCloud);
  record.difficulty = 0.5;
  record.input_tokens_estimate = 12;
  record.status = 200;
  record.stream = true;
  record.tags = {"a", "b\"c"};
  core::Candidate chosen;
  chosen.model = "openai/x";
  chosen.score = 0.25;
  chosen.worst_case_cost = Money{20'000'000};
  core::Candidate rejected;
  rejected.model = "local/y";
  rejected.place = core::Place::kDevice;
  rejected.rejected = true;
  rejected.reason = core::RejectReason::kContext;
  rejected.detail = "the prompt does not fit";
  record.candidates = {chosen, rejected};
  core::AttemptRecord attempt;
  attempt.model = "openai/x";
  attempt.egress = core::Egress::kMasked;
  attempt.outcome = core::AttemptOutcome::kOk;
  attempt.upstream_status = 200;
  attempt.reserved = Money{20'000'000};
  attempt.cost = Money{2'340'000};
  attempt.usage.input_tokens = 11;
  attempt.usage.output_tokens = 5;
  attempt.ttft_us = 400'000;
  record.attempts = {attempt};
  return record;
}

TEST(DecisionJson, EveryFactStandsThereWithItsUnit) {
  EXPECT_EQ(
      EncodeDecision(Sample()),
      R"({"id":"01JD8Z7M3QK5R9T0V2W4X6Y8ZA","time":"2023-11-14T22:13:20.123Z",)"
      R"("principal":"laptop","protocol":"openai_chat","asked_model":"auto","model":"openai/x",)"
      R"("place":"cloud","egress":"masked","cost_usd":"0.00234","cost_nanodollars":2340000,)"
      R"("status":200,"error":"","stream":true,"dry_run":false,"privacy":"masked",)"
      R"("allowed_places":["device","cloud"],"difficulty":0.5,"input_tokens_estimate":12,)"
      R"("output_tokens_estimate":0,"plan_us":0,"total_us":0,"session":"","run":"",)"
      R"("tags":["a","b\"c"],"candidates":[{"model":"openai/x","place":"cloud",)"
      R"("rejected":false,"reason":null,"detail":"","score":0.25,"estimated_cost_usd":"0.00",)"
      R"("estimated_cost_nanodollars":0,"worst_case_cost_usd":"0.02",)"
      R"("worst_case_cost_nanodollars":20000000,"estimated_ttft_ms":0,"estimated_total_ms":0,)"
      R"("estimated_quality":0},{"model":"local/y","place":"device","rejected":true,)"
      R"("reason":"context","detail":"the prompt does not fit","score":null,)"
      R"("estimated_cost_usd":"0.00","estimated_cost_nanodollars":0,)"
      R"("worst_case_cost_usd":"0.00","worst_case_cost_nanodollars":0,"estimated_ttft_ms":0,)"
      R"("estimated_total_ms":0,"estimated_quality":0}],"attempts":[{"model":"openai/x",)"
      R"("place":"cloud","egress":"masked","outcome":"ok","upstream_status":200,"error":"",)"
      R"("reserved_usd":"0.02","reserved_nanodollars":20000000,"cost_usd":"0.00234",)"
      R"("cost_nanodollars":2340000,"assumed":false,)"
      R"("usage":{"input_tokens":11,"cached_read_tokens":0,)"
      R"("cached_write_tokens":0,"output_tokens":5,"reasoning_tokens":0,"estimated":false},)"
      R"("started_us":0,"ttft_us":400000,"total_us":0,"bytes_sent":0,"bytes_received":0}]})");
}

TEST(DecisionJson, ARefusedRequestHasNoModelAndIsValidJson) {
  core::DecisionRecord record;
  record.error = "no_candidate: \xFF broken bytes";
  const std::string text = EncodeDecision(record);
  json::Reader reader;
  const Result<json::Value> root = reader.ParseCopy(text, text.size());
  ASSERT_TRUE(root.ok()) << text;
  EXPECT_TRUE(root->Object()->Get("model")->is_null());
  EXPECT_TRUE(root->Object()->Get("place")->is_null());
  EXPECT_EQ(*root->Object()->Get("egress")->String(), "none");
}

}  // namespace
}  // namespace tidegate::admin
