#include "ledger/decision_log.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <map>
#include <mutex>
#include <tuple>
#include <utility>
#include <zstd.h>

#include "base/check.h"
#include "ledger/schema.h"
#include "ledger/segment.h"

namespace tidegate::ledger {
namespace {

constexpr int kZstdLevel = 1;
constexpr std::size_t kCompressBytesMin = 2'048;  // below, compressing costs more than it saves
constexpr std::size_t kSpareBuilders = 1;
constexpr std::int64_t kNanosPerDay = 86'400'000'000'000;

enum class Codec : std::int64_t { kRaw = 0, kZstd = 1 };

using Segments = std::vector<std::unique_ptr<SegmentBuilder>>;
using IdBytes = std::array<std::uint8_t, 16>;

// Big-endian, so that the bytes sort like the ids.
IdBytes ToBytes(const RequestId& id) {
  IdBytes bytes{};
  for (std::size_t i = 0; i < 8; ++i) {
    bytes[i] = static_cast<std::uint8_t>(id.high >> (56 - 8 * i));
    bytes[8 + i] = static_cast<std::uint8_t>(id.low >> (56 - 8 * i));
  }
  return bytes;
}

class Compressor {
 public:
  // `out` holds the body to store.
  Codec Compress(std::string&& raw, std::string& out) {
    if (raw.size() >= kCompressBytesMin) {
      if (context_ == nullptr) context_.reset(ZSTD_createCCtx());
      out.resize(ZSTD_compressBound(raw.size()));
      const std::size_t size = context_ == nullptr
                                   ? 0
                                   : ZSTD_compressCCtx(context_.get(), out.data(), out.size(),
                                                       raw.data(), raw.size(), kZstdLevel);
      if (size > 0 && ZSTD_isError(size) == 0 && size < raw.size()) {
        out.resize(size);
        return Codec::kZstd;
      }
    }
    out = std::move(raw);
    return Codec::kRaw;
  }

 private:
  struct Free {
    void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  };
  std::unique_ptr<ZSTD_CCtx, Free> context_;
};

Error Damaged() { return Internal("a segment of the decision log is damaged"); }

Result<std::vector<core::DecisionRecord>> DecodeBody(std::int64_t codec, store::Blob body) {
  const std::string_view stored(reinterpret_cast<const char*>(body.data()), body.size());
  if (codec == static_cast<std::int64_t>(Codec::kRaw)) return DecodeSegment(stored);
  if (codec != static_cast<std::int64_t>(Codec::kZstd)) return Damaged();
  const unsigned long long size = ZSTD_getFrameContentSize(stored.data(), stored.size());
  if (size > kSegmentRawBytesMax) return Damaged();  // also the two error values
  std::string raw(static_cast<std::size_t>(size), '\0');
  const std::size_t got = ZSTD_decompress(raw.data(), raw.size(), stored.data(), stored.size());
  if (ZSTD_isError(got) != 0 || got != raw.size()) return Damaged();
  return DecodeSegment(raw);
}

}  // namespace

// Thread-safe.
class DecisionLog::State {
 public:
  State(Options options, const Clock& clock) : options_(options), clock_(clock) {}
  void Attach(store::GroupCommitWriter& writer) { writer_ = &writer; }

  bool Admits(bool device_only) const {
    return queued_bytes_.load(std::memory_order_relaxed) < kLogQueueBytesMax ||
           (device_only && failing_.load(std::memory_order_relaxed));
  }

  void Record(const core::DecisionRecord& record) {
    bool submit = false;
    {
      const std::lock_guard lock(mutex_);
      ++stats_.records;
      if (queued_bytes_.load(std::memory_order_relaxed) >= kLogQueueBytesHardMax &&
          record.Left() == core::Egress::kNone && record.Cost() == Money{}) {
        CountLost(record);
      } else {
        Append(record);
      }
      submit = !std::exchange(queued_, true);
    }
    if (submit) Submit();
  }

  LogStats Stats() const {
    const std::lock_guard lock(mutex_);
    LogStats stats = stats_;
    stats.queued_bytes = queued_bytes_.load(std::memory_order_relaxed);
    return stats;
  }

  // Afterwards no job knows this object any more.
  void Close() {
    if (writer_ == nullptr) return;
    bool submit = false;
    {
      const std::lock_guard lock(mutex_);
      closing_ = true;
      const bool empty = open_ == nullptr && sealed_.empty() && gap_.records == 0;
      submit = !empty && !std::exchange(queued_, true);
    }
    if (submit) Submit();
    writer_->Barrier();
  }

 private:
  class FlushJob;
  void Append(const core::DecisionRecord& record) {
    if (open_ == nullptr || open_->full()) {
      if (open_ != nullptr) sealed_.push_back(std::move(open_));
      open_ = TakeBuilder();
    }
    const std::size_t before = open_->bytes();
    open_->Add(record);
    queued_bytes_.fetch_add(open_->bytes() - before, std::memory_order_relaxed);
  }

  std::unique_ptr<SegmentBuilder> TakeBuilder() {
    if (spare_.empty()) return std::make_unique<SegmentBuilder>();
    std::unique_ptr<SegmentBuilder> builder = std::move(spare_.back());
    spare_.pop_back();
    return builder;
  }

  void CountLost(const core::DecisionRecord& record) {
    ++stats_.lost;
    if (gap_.records++ == 0) gap_.first_wall = record.wall_nanos;
    gap_.last_wall = record.wall_nanos;
  }

  void Submit();
  Result<void> Write(store::Database& database, const Segments& segments, const LogGap& gap);
  Result<void> Prune(store::Database& database);

  const Options options_;
  const Clock& clock_;
  store::GroupCommitWriter* writer_ = nullptr;
  std::atomic<std::size_t> queued_bytes_{0};
  std::atomic<bool> failing_{false};
  std::int32_t pruned_day_ =
      0;  // of the writer's thread: nothing older than the retention was left on that day

  mutable std::mutex mutex_;  // guards what follows
  std::unique_ptr<SegmentBuilder> open_;
  Segments sealed_, spare_;
  LogGap gap_;
  bool queued_ = false;  // a job waits to run
  bool closing_ = false;
  LogStats stats_;
};

// Takes what is there when it runs, and puts it back when that failed.
class DecisionLog::State::FlushJob : public store::WriteJob {
 public:
  explicit FlushJob(State& state) : state_(state) {}

  Result<void> Run(store::Database& database) override {
    {
      const std::lock_guard lock(state_.mutex_);
      begun_ = true;
      state_.queued_ = false;
      segments_.swap(state_.sealed_);
      if (state_.open_ != nullptr) segments_.push_back(std::move(state_.open_));
      gap_ = std::exchange(state_.gap_, LogGap{});
    }
    TIDEGATE_TRY(state_.Write(database, segments_, gap_));
    return state_.Prune(database);
  }

  void Done(const Result<void>& result) override {
    state_.failing_.store(!result.ok(), std::memory_order_relaxed);
    bool submit = false;
    {
      const std::lock_guard lock(state_.mutex_);
      if (!begun_) state_.queued_ = false;
      if (result.ok()) {
        Recycle();
      } else {
        Restore();
        submit = !state_.closing_ && !std::exchange(state_.queued_, true);
      }
    }
    if (submit) state_.Submit();
  }

 private:
  void Recycle() {
    for (auto& segment : segments_) {
      state_.queued_bytes_.fetch_sub(segment->bytes(), std::memory_order_relaxed);
      ++state_.stats_.segments;
      if (state_.spare_.size() >= kSpareBuilders) continue;
      segment->Clear();
      state_.spare_.push_back(std::move(segment));
    }
  }
  void Restore() {
    segments_.insert(segments_.end(), std::make_move_iterator(state_.sealed_.begin()),
                     std::make_move_iterator(state_.sealed_.end()));
    state_.sealed_ = std::move(segments_);
    if (gap_.records == 0) return;
    if (state_.gap_.records == 0) state_.gap_.last_wall = gap_.last_wall;
    state_.gap_.first_wall = gap_.first_wall;
    state_.gap_.records += gap_.records;
  }

  State& state_;
  bool begun_ = false;
  Segments segments_;
  LogGap gap_;
};

// A refused job leaves everything queued; the next Record tries again.
void DecisionLog::State::Submit() {
  CHECK(writer_ != nullptr);
  std::unique_ptr<store::WriteJob> job = std::make_unique<FlushJob>(*this);
  if (writer_->TryEnqueue(store::Urgency::kLazy, std::move(job)).ok()) return;
  const std::lock_guard lock(mutex_);
  queued_ = false;
}

Result<void> DecisionLog::State::Write(store::Database& database, const Segments& segments,
                                       const LogGap& gap) {
  TIDEGATE_ASSIGN(
      store::Statement insert,
      database.Prepare("INSERT INTO segments VALUES (NULL, ?1, ?2, ?3, ?4, ?5, ?6, ?7)"));
  Compressor compressor;
  std::string body;
  for (const auto& segment : segments) {
    const Codec codec = compressor.Compress(segment->Finish(), body);
    const IdBytes first = ToBytes(segment->first_id());
    const IdBytes last = ToBytes(segment->last_id());
    TIDEGATE_TRY(insert.Run(store::Blob(first), store::Blob(last), segment->first_wall(),
                            segment->last_wall(), segment->records(),
                            static_cast<std::int64_t>(codec), store::AsBlob(body)));
  }
  if (gap.records == 0) return {};
  TIDEGATE_ASSIGN(store::Statement put,
                  database.Prepare("INSERT INTO gaps VALUES (NULL, ?1, ?2, ?3)"));
  return put.Run(gap.first_wall, gap.last_wall, gap.records);
}

// A few of the oldest segments with each commit, until a day is done; then nothing until the next
// day.
Result<void> DecisionLog::State::Prune(store::Database& database) {
  const std::int64_t now = clock_.WallNanos();
  const std::int32_t today = UtcDay(now);
  if (today <= pruned_day_) return {};
  const std::int64_t cutoff = now - options_.retention_days * kNanosPerDay;
  TIDEGATE_ASSIGN(store::Statement prune,
                  database.Prepare("DELETE FROM segments WHERE last_wall < ?1 AND id IN "
                                   "(SELECT id FROM segments ORDER BY id LIMIT ?2)"));
  TIDEGATE_TRY(prune.Run(cutoff, kPruneSegmentsPerCommit));
  TIDEGATE_ASSIGN(const std::int64_t deleted, database.QueryInt("SELECT changes()"));
  if (deleted < kPruneSegmentsPerCommit) pruned_day_ = today;
  return {};
}

DecisionLog::DecisionLog(Options options, const Clock& clock)
    : state_(std::make_unique<State>(options, clock)) {}
DecisionLog::~DecisionLog() { state_->Close(); }
void DecisionLog::Attach(store::GroupCommitWriter& writer) { state_->Attach(writer); }
bool DecisionLog::Admits(bool device_only) const { return state_->Admits(device_only); }
void DecisionLog::Record(const core::DecisionRecord& record) { state_->Record(record); }
LogStats DecisionLog::Stats() const { return state_->Stats(); }

// ---- reading

BookReader::BookReader(store::Database database, store::GroupCommitWriter& writer)
    : database_(std::move(database)), writer_(writer) {}

Result<core::DecisionRecord> BookReader::Find(const RequestId& id) {
  writer_.Barrier();
  TIDEGATE_ASSIGN(
      store::Statement read,
      database_.Prepare("SELECT codec, body FROM segments WHERE last_id >= ?1 AND first_id <= ?1 "
                        "ORDER BY last_id"));
  const IdBytes bytes = ToBytes(id);
  store::Rows rows = read.Query(store::Blob(bytes));
  for (;;) {
    TIDEGATE_ASSIGN(const bool more, rows.Step());
    if (!more) {
      return NotFound("there is no decision " + id.ToString() +
                      ", or it is older than what is kept");
    }
    TIDEGATE_ASSIGN(std::vector<core::DecisionRecord> records,
                    DecodeBody(rows.Int(0), rows.Bytes(1)));
    for (core::DecisionRecord& record : records) {
      if (record.id == id) return std::move(record);
    }
  }
}

Result<std::vector<core::DecisionRecord>> BookReader::Latest(std::size_t limit,
                                                             const std::string& principal) {
  writer_.Barrier();
  limit = std::min(limit, kLatestRecordsMax);
  TIDEGATE_ASSIGN(store::Statement read,
                  database_.Prepare("SELECT codec, body FROM segments ORDER BY id DESC LIMIT ?1"));
  store::Rows rows = read.Query(kLatestSegmentsMax);
  std::vector<core::DecisionRecord> found;
  while (found.size() < limit) {
    TIDEGATE_ASSIGN(const bool more, rows.Step());
    if (!more) break;
    TIDEGATE_ASSIGN(std::vector<core::DecisionRecord> records,
                    DecodeBody(rows.Int(0), rows.Bytes(1)));
    for (auto record = records.rbegin(); record != records.rend() && found.size() < limit;
         ++record) {
      if (principal.empty() || record->principal == principal) found.push_back(std::move(*record));
    }
  }
  return found;
}

Result<std::vector<LogGap>> BookReader::Gaps() {
  writer_.Barrier();
  TIDEGATE_ASSIGN(store::Statement read,
                  database_.Prepare(
                      "SELECT first_wall, last_wall, records FROM gaps ORDER BY id DESC LIMIT ?1"));
  store::Rows rows = read.Query(static_cast<std::int64_t>(kLatestRecordsMax));
  std::vector<LogGap> gaps;
  for (;;) {
    TIDEGATE_ASSIGN(const bool more, rows.Step());
    if (!more) return gaps;
    gaps.push_back({rows.Int(0), rows.Int(1), rows.Int(2)});
  }
}

Result<std::vector<SpendRow>> BookReader::Spend(const SpendQuery& query) {
  writer_.Barrier();
  TIDEGATE_ASSIGN(
      store::Statement read,
      database_.Prepare(
          "SELECT day, principal, model, place, dispatches, input_tokens, output_tokens, "
          "cost, assumed, estimated FROM spend JOIN accounts ON accounts.id = account "
          "WHERE day BETWEEN ?1 AND ?2 AND (?3 = '' OR principal = ?3)"));
  // Summed here and not in SQL, whose sums fail on overflow instead of saturating.
  using Key = std::tuple<std::int32_t, std::string, std::string, std::int64_t>;
  constexpr std::int64_t kNoPlace = -1;
  std::map<Key, SpendDelta> sums;
  store::Rows rows = read.Query(query.first_day, query.last_day, query.principal);
  for (;;) {
    TIDEGATE_ASSIGN(const bool more, rows.Step());
    if (!more) break;
    Key key(query.by_day ? static_cast<std::int32_t>(rows.Int(0)) : 0,
            query.by_principal ? rows.Text(1) : "", query.by_model ? rows.Text(2) : "",
            query.by_place ? rows.Int(3) : kNoPlace);
    sums[std::move(key)].Add(SpendDelta{rows.Int(4), rows.Int(5), rows.Int(6), Money{rows.Int(7)},
                                        Money{rows.Int(8)}, Money{rows.Int(9)}});
  }
  std::vector<SpendRow> out;
  for (const auto& [key, sum] : sums) {
    const auto& [day, principal, model, place] = key;
    SpendRow row{day,
                 principal,
                 model,
                 std::nullopt,
                 sum.dispatches,
                 sum.input_tokens,
                 sum.output_tokens,
                 sum.cost,
                 sum.assumed,
                 sum.estimated};
    if (place != kNoPlace) row.place = static_cast<core::Place>(place);
    out.push_back(std::move(row));
  }
  std::stable_sort(out.begin(), out.end(),
                   [](const SpendRow& a, const SpendRow& b) { return a.cost > b.cost; });
  return out;
}

}  // namespace tidegate::ledger
