// Every decision can be explained later, and writing it down must not cost the request anything it
// would notice.
//
// Record encodes into the open segment in memory (about half a microsecond, no allocation in the
// steady state); the writer seals segments, compresses them and stores each as one row, in the same
// transactions as the ledger's postings. Nothing is dropped silently: ask Admits before a request
// is let in. docs/format_ledger.md describes the bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/money.h"
#include "base/result.h"
#include "core/decision.h"
#include "core/place.h"
#include "store/database.h"
#include "store/group_commit_writer.h"

namespace tidegate::ledger {

// Above: no new requests are admitted; see Admits.
inline constexpr std::size_t kLogQueueBytesMax = 8 << 20;
// Above: what stayed on the device and was free is only counted.
inline constexpr std::size_t kLogQueueBytesHardMax = 32 << 20;
inline constexpr int kRetentionDaysDefault = 90;
inline constexpr std::int64_t kPruneSegmentsPerCommit = 16;
inline constexpr std::size_t kLatestRecordsMax = 1'000;
inline constexpr std::int64_t kLatestSegmentsMax = 20'000;  // how far back a filtered Latest looks

struct LogStats {
  std::int64_t records = 0;   // accepted by Record
  std::int64_t segments = 0;  // durable
  std::int64_t lost = 0;      // counted as a gap, since the disk stayed full
  std::size_t queued_bytes = 0;
};

// Thread-safe. Dies before its writer.
class DecisionLog {
 public:
  struct Options {
    int retention_days = kRetentionDaysDefault;
  };
  DecisionLog(Options options, const Clock& clock);
  ~DecisionLog();
  DecisionLog(const DecisionLog&) = delete;
  DecisionLog& operator=(const DecisionLog&) = delete;

  void Attach(store::GroupCommitWriter& writer);

  // Whether a request that begins now can be recorded. One that stays on the device and costs
  // nothing is also admitted while the disk fails and the queue is full: in the end its record
  // shrinks to a count in the table `gaps`, which says so.
  bool Admits(bool device_only) const;
  // Never blocks on the disk and never refuses: what was admitted has its room, the sum of which
  // the number of requests in flight bounds.
  void Record(const core::DecisionRecord& record);
  LogStats Stats() const;

 private:
  class State;
  std::unique_ptr<State> state_;
};

// Sums of settled dispatches.
struct SpendRow {
  std::int32_t day = 0;   // UtcDay; 0 unless grouped by day
  std::string principal;  // empty unless grouped by principal
  std::string model;      // "provider/model", "unknown" after a power loss; empty unless by model
  std::optional<core::Place> place;
  std::int64_t dispatches = 0;
  std::int64_t input_tokens = 0, output_tokens = 0;
  Money cost;
  Money assumed;    // of the cost: posted in full because nobody knows
  Money estimated;  // of the cost: our estimate, since the provider did not say
};

struct SpendQuery {
  std::int32_t first_day = 0, last_day = 0;  // both included
  std::string principal;                     // empty = all
  bool by_day = false, by_principal = false, by_model = false, by_place = false;
};

// Records that could not be kept while the disk stayed full.
struct LogGap {
  std::int64_t first_wall = 0, last_wall = 0;  // nanoseconds since 1970
  std::int64_t records = 0;
};

// Reads of records and sums on a connection of its own. Thread-compatible; blocks: use it from a
// worker pool. Each read first waits for what was recorded before it.
class BookReader {
 public:
  BookReader(store::Database database, store::GroupCommitWriter& writer);

  // kNotFound when no record has this id (any more).
  Result<core::DecisionRecord> Find(const RequestId& id);
  // The newest first; `limit` is cut to kLatestRecordsMax. An empty principal is all of them.
  Result<std::vector<core::DecisionRecord>> Latest(std::size_t limit, const std::string& principal);
  // The newest first, at most kLatestRecordsMax.
  Result<std::vector<LogGap>> Gaps();
  // Largest cost first.
  Result<std::vector<SpendRow>> Spend(const SpendQuery& query);

 private:
  store::Database database_;
  store::GroupCommitWriter& writer_;
};

}  // namespace tidegate::ledger
