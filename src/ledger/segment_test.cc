#include "ledger/segment.h"

#include <cstring>
#include <limits>
#include <string>
#include <tuple>

#include <gtest/gtest.h>

namespace tidegate::ledger {
namespace {

core::DecisionRecord FullRecord(std::uint64_t n) {
  core::DecisionRecord r;
  r.id = {n, ~n};
  r.wall_nanos = 1'700'000'000'000'000'000 + static_cast<std::int64_t>(n);
  r.principal = "alice";
  r.protocol = "openai_chat";
  r.asked_model = "auto";
  r.privacy = core::Privacy::kMasked;
  r.allowed = core::PlaceSet::Of(core::Place::kDevice).With(core::Place::kCloud);
  r.difficulty = 0.25;
  r.input_tokens_estimate = 1'234;
  r.output_tokens_estimate = -1;
  r.stream = true;
  r.status = 200;
  r.error = "";
  r.plan_us = 17;
  r.total_us = 123'456;
  r.session = "session-" + std::to_string(n);
  r.run = "run";
  r.tags = {"a", "", "b"};
  core::Candidate candidate;
  candidate.model = "openai/gpt";
  candidate.score = 0.1;
  candidate.estimated_cost = Money{5};
  candidate.worst_case_cost = Money::Max();
  candidate.estimated_ttft_ms = 300;
  candidate.estimated_total_ms = 900;
  candidate.estimated_quality = 0.9;
  r.candidates.push_back(candidate);
  candidate.rejected = true;
  candidate.reason = core::RejectReason::kKeyPlace;
  candidate.detail = "cloud";
  candidate.place = core::Place::kAttested;
  r.candidates.push_back(candidate);
  core::AttemptRecord attempt;
  attempt.model = "openai/gpt";
  attempt.egress = core::Egress::kMasked;
  attempt.outcome = core::AttemptOutcome::kCut;
  attempt.upstream_status = 502;
  attempt.error = "protocol: cut";
  attempt.reserved = Money{7};
  attempt.cost = Money{6};
  attempt.assumed = true;
  attempt.usage = {1, 2, 3, 4, 5, true};
  attempt.usage.draft_tokens = 12;
  attempt.usage.draft_accepted_tokens = 10;
  attempt.dropped_messages = 3;
  attempt.cut_texts = 2;
  attempt.started_us = 1;
  attempt.ttft_us = 2;
  attempt.total_us = 3;
  attempt.bytes_sent = 4;
  attempt.bytes_received = std::numeric_limits<std::int64_t>::min();
  r.attempts.push_back(attempt);
  return r;
}

void ExpectEqual(const core::DecisionRecord& a, const core::DecisionRecord& b) {
  EXPECT_EQ(a.id, b.id);
  EXPECT_EQ(a.wall_nanos, b.wall_nanos);
  EXPECT_EQ(a.principal, b.principal);
  EXPECT_EQ(a.protocol, b.protocol);
  EXPECT_EQ(a.asked_model, b.asked_model);
  EXPECT_EQ(a.privacy, b.privacy);
  EXPECT_EQ(a.allowed, b.allowed);
  EXPECT_EQ(a.difficulty, b.difficulty);
  EXPECT_EQ(a.input_tokens_estimate, b.input_tokens_estimate);
  EXPECT_EQ(a.output_tokens_estimate, b.output_tokens_estimate);
  EXPECT_EQ(a.stream, b.stream);
  EXPECT_EQ(a.dry_run, b.dry_run);
  EXPECT_EQ(a.status, b.status);
  EXPECT_EQ(a.error, b.error);
  EXPECT_EQ(a.plan_us, b.plan_us);
  EXPECT_EQ(a.total_us, b.total_us);
  EXPECT_EQ(a.session, b.session);
  EXPECT_EQ(a.run, b.run);
  EXPECT_EQ(a.tags, b.tags);
  ASSERT_EQ(a.candidates.size(), b.candidates.size());
  for (std::size_t i = 0; i < a.candidates.size(); ++i) {
    const core::Candidate& x = a.candidates[i];
    const core::Candidate& y = b.candidates[i];
    EXPECT_EQ(
        std::tie(x.model, x.place, x.rejected, x.reason, x.detail, x.score, x.estimated_cost,
                 x.worst_case_cost, x.estimated_ttft_ms, x.estimated_total_ms, x.estimated_quality),
        std::tie(y.model, y.place, y.rejected, y.reason, y.detail, y.score, y.estimated_cost,
                 y.worst_case_cost, y.estimated_ttft_ms, y.estimated_total_ms,
                 y.estimated_quality));
  }
  ASSERT_EQ(a.attempts.size(), b.attempts.size());
  for (std::size_t i = 0; i < a.attempts.size(); ++i) {
    const core::AttemptRecord& x = a.attempts[i];
    const core::AttemptRecord& y = b.attempts[i];
    EXPECT_EQ(std::tie(x.model, x.place, x.egress, x.outcome, x.upstream_status, x.error,
                       x.reserved, x.cost, x.usage.input_tokens, x.usage.cached_read_tokens,
                       x.usage.cached_write_tokens, x.usage.output_tokens, x.usage.reasoning_tokens,
                       x.usage.estimated, x.assumed, x.started_us, x.ttft_us, x.total_us,
                       x.bytes_sent, x.bytes_received, x.usage.draft_tokens,
                       x.usage.draft_accepted_tokens, x.dropped_messages, x.cut_texts),
              std::tie(y.model, y.place, y.egress, y.outcome, y.upstream_status, y.error,
                       y.reserved, y.cost, y.usage.input_tokens, y.usage.cached_read_tokens,
                       y.usage.cached_write_tokens, y.usage.output_tokens, y.usage.reasoning_tokens,
                       y.usage.estimated, y.assumed, y.started_us, y.ttft_us, y.total_us,
                       y.bytes_sent, y.bytes_received, y.usage.draft_tokens,
                       y.usage.draft_accepted_tokens, y.dropped_messages, y.cut_texts));
  }
}

TEST(SegmentTest, RecordsComeBackFieldForField) {
  SegmentBuilder builder;
  builder.Add(FullRecord(2));
  builder.Add(core::DecisionRecord{});
  builder.Add(FullRecord(1));
  EXPECT_EQ(builder.records(), 3);
  EXPECT_EQ(builder.first_id(), RequestId{});
  EXPECT_EQ(builder.last_id(), FullRecord(2).id);
  const auto records = DecodeSegment(builder.Finish());
  ASSERT_TRUE(records.ok()) << Describe(records.error());
  ASSERT_EQ(records->size(), 3U);
  ExpectEqual((*records)[0], FullRecord(2));
  ExpectEqual((*records)[1], core::DecisionRecord{});
  ExpectEqual((*records)[2], FullRecord(1));
}

TEST(SegmentTest, AReusedBuilderRemembersNothing) {
  SegmentBuilder builder;
  builder.Add(FullRecord(1));
  builder.Clear();
  EXPECT_TRUE(builder.empty());
  EXPECT_EQ(builder.bytes(), 0U);
  builder.Add(FullRecord(9));
  EXPECT_EQ(builder.first_id(), FullRecord(9).id);
  const auto records = DecodeSegment(builder.Finish());
  ASSERT_TRUE(records.ok());
  ASSERT_EQ(records->size(), 1U);
  ExpectEqual((*records)[0], FullRecord(9));
}

TEST(SegmentTest, ThousandsOfDistinctStringsAreKeptApart) {
  SegmentBuilder builder;
  constexpr std::uint64_t kRecords = 3'000;
  for (std::uint64_t i = 0; i < kRecords; ++i) builder.Add(FullRecord(i));
  const auto records = DecodeSegment(builder.Finish());
  ASSERT_TRUE(records.ok());
  ASSERT_EQ(records->size(), kRecords);
  for (std::uint64_t i = 0; i < kRecords; ++i) {
    ASSERT_EQ((*records)[i].session, "session-" + std::to_string(i));
  }
}

TEST(SegmentTest, RepeatedStringsCostAByteOrTwo) {
  SegmentBuilder builder;
  core::DecisionRecord record = FullRecord(1);
  record.session = "same";
  builder.Add(record);
  const std::size_t one = builder.bytes();
  builder.Add(record);
  EXPECT_LT(builder.bytes() - one, one - 60);
}

TEST(SegmentTest, WhatIsTooLongIsCutAndTheRestIsWhole) {
  core::DecisionRecord record = FullRecord(1);
  record.error = std::string(10'000, 'e');
  record.candidates.resize(1'000);
  record.attempts.resize(1'000);
  record.tags.resize(1'000, "t");
  SegmentBuilder builder;
  builder.Add(record);
  const auto records = DecodeSegment(builder.Finish());
  ASSERT_TRUE(records.ok());
  const core::DecisionRecord& kept = records->front();
  EXPECT_EQ(kept.error.size(), kRecordStringBytesMax);
  EXPECT_EQ(kept.candidates.size(), kRecordCandidatesMax);
  EXPECT_EQ(kept.attempts.size(), kRecordAttemptsMax);
  EXPECT_EQ(kept.tags.size(), kRecordTagsMax);
  EXPECT_EQ(kept.total_us, record.total_us);
}

TEST(SegmentTest, ASegmentCutAnywhereIsAnErrorAndNoCrash) {
  SegmentBuilder builder;
  builder.Add(FullRecord(1));
  builder.Add(FullRecord(2));
  const std::string bytes = builder.Finish();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(DecodeSegment(std::string_view(bytes).substr(0, size)).ok()) << size;
  }
}

TEST(SegmentTest, AFlippedBitAnywhereNeverCrashes) {
  SegmentBuilder builder;
  builder.Add(FullRecord(1));
  const std::string good = builder.Finish();
  int refused = 0;
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string bytes = good;
      bytes[at] = static_cast<char>(bytes[at] ^ 1 << bit);
      refused += DecodeSegment(bytes).ok() ? 0 : 1;
    }
  }
  EXPECT_GT(refused, 100);
}

// A record of a newer version carries more at its end; the reader of today skips it.
TEST(SegmentTest, FieldsOfANewerVersionBehindTheKnownOnesAreSkipped) {
  SegmentBuilder builder;
  builder.Add(FullRecord(1));
  std::string bytes = builder.Finish();
  // The only record's length is the 32-bit number in front of its 16 id bytes.
  const std::uint64_t high = FullRecord(1).id.high;
  const std::size_t id_at =
      bytes.find(std::string_view(reinterpret_cast<const char*>(&high), sizeof high));
  ASSERT_NE(id_at, std::string::npos);
  std::uint32_t length = 0;
  std::memcpy(&length, bytes.data() + id_at - sizeof length, sizeof length);
  ASSERT_EQ(id_at + length, bytes.size());
  length += 5;
  std::memcpy(bytes.data() + id_at - sizeof length, &length, sizeof length);
  bytes += "newer";
  const auto records = DecodeSegment(bytes);
  ASSERT_TRUE(records.ok()) << Describe(records.error());
  ExpectEqual(records->front(), FullRecord(1));
}

}  // namespace
}  // namespace tidegate::ledger
