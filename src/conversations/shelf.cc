#include "conversations/shelf.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "conversations/rows.h"
#include "store/database.h"
#include "store/key_file.h"

namespace tidegate::conversations {
namespace {

constexpr std::int64_t kSecondsPerDay = 86'400;

Error TooLarge(std::string message) {
  Error error{ErrorCode::kTooLarge, ErrorSource::kCaller, Retry::kNever, std::move(message)};
  error.reason = "context_length_exceeded";
  return error;
}

// Turns up to a number and a size. What is beyond is said as if it were not there, since it is a
// result like any other and no failure of the transaction; TellTooLarge says what it is.
class Collected {
 public:
  explicit Collected(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  Result<void> Take(Turn turn) {
    bytes_ += turn.input.size() + turn.body.size();
    if (bytes_ > bytes_max_ || turns_.size() == kChainTurnsMax) {
      Error error = NotFound("what is kept of the conversation is too long to be continued");
      error.reason = kTooLong;
      return error;
    }
    turns_.push_back(std::move(turn));
    return {};
  }
  std::vector<Turn> turns() && { return std::move(turns_); }

  static constexpr std::string_view kTooLong = "context_length_exceeded";

 private:
  const std::size_t bytes_max_;
  std::size_t bytes_ = 0;
  std::vector<Turn> turns_;
};

std::function<void(Result<std::vector<Turn>>)> TellTooLarge(
    std::function<void(Result<std::vector<Turn>>)> done) {
  return [done = std::move(done)](Result<std::vector<Turn>> turns) {
    const bool long_one = !turns.ok() && turns.error().reason == Collected::kTooLong;
    if (long_one) return done(TooLarge(turns.error().message));
    done(std::move(turns));
  };
}

}  // namespace

// Work whose result is told when its transaction has ended. What the work itself finds wrong (no
// such answer, say) is its result and no failure of the transaction.
template <typename T>
class Shelf::Job final : public store::WriteJob {
 public:
  Job(std::function<Result<T>(store::Database&)> work, std::function<void(Result<T>)> done)
      : work_(std::move(work)), done_(std::move(done)) {}

  Result<void> Run(store::Database& database) override {
    result_.emplace(work_(database));
    const bool lasting = result_->ok() || result_->error().code == ErrorCode::kNotFound;
    return lasting ? Result<void>() : Result<void>(result_->error());
  }
  void Done(const Result<void>& ended) override {
    if (ended.ok() && result_) return done_(*std::move(result_));
    done_(ended.ok() ? Internal("a job of the shelf was not run") : ended.error());
  }

 private:
  std::function<Result<T>(store::Database&)> work_;
  std::function<void(Result<T>)> done_;
  std::optional<Result<T>> result_;
};

template <typename T>
void Shelf::Post(std::function<Result<T>(store::Database&)> work,
                 std::function<void(Result<T>)> done) {
  auto told = std::make_shared<std::function<void(Result<T>)>>(std::move(done));
  std::unique_ptr<store::WriteJob> job = std::make_unique<Job<T>>(
      std::move(work), [told](Result<T> result) { (*told)(std::move(result)); });
  Result<void> queued = writer_->TryEnqueue(store::Urgency::kUrgent, std::move(job));
  if (!queued.ok()) (*told)(std::move(queued).error());
}

Result<std::unique_ptr<Shelf>> Shelf::Open(const ShelfOptions& options, const Clock& clock) {
  std::unique_ptr<Shelf> shelf(new Shelf(options, clock));
  store::DatabaseOptions open;
  TIDEGATE_ASSIGN(open.key, store::LoadOrCreateKey(options.directory + "/responses.key"));
  open.path = options.directory + "/responses.db";
  open.vfs = options.vfs;
  TIDEGATE_ASSIGN(store::Database database, store::Database::Open(open));
  TIDEGATE_TRY(MigrateSchema(database));
  TIDEGATE_ASSIGN(const Totals totals, TotalsOfAll(database));
  shelf->counters_.answers = totals.answers;
  shelf->counters_.bytes = totals.bytes;
  shelf->writer_ = std::make_unique<store::GroupCommitWriter>(std::move(database));
  return shelf;
}

std::int64_t Shelf::NowSeconds() const { return clock_.WallNanos() / kNanosPerSecond; }

// `answers` and `bytes`: what is kept more, or less, when it is committed.
Result<void> Shelf::Store(store::Database& database, const std::string& principal, const Turn& turn,
                          std::int64_t& answers, std::int64_t& bytes) const {
  const std::int64_t now = NowSeconds();
  const std::int64_t size = BytesOf(turn);
  if (turn.id.empty() || turn.id.size() > kIdBytesMax) {
    return InvalidArgument("id", "the answer's id cannot be kept");
  }
  if (size > options_.bytes_max) {
    return TooLarge("the answer has " + std::to_string(size) + " bytes, more than may be kept");
  }
  const auto gone = [&](const Totals& removed) {
    answers -= removed.answers;
    bytes -= removed.bytes;
    return removed.answers > 0;
  };
  const std::int64_t cutoff = now - options_.days * kSecondsPerDay;
  for (int i = 0; i < kPrunedPerCommit; ++i) {
    TIDEGATE_ASSIGN(const Totals removed, RemoveExpired(database, cutoff));
    if (!gone(removed)) break;
  }
  // What it continues is the last thing to make room for it.
  TIDEGATE_TRY(Touch(database, principal, turn.previous_id, now));
  for (int i = 0; i < kPrunedPerCommit; ++i) {
    TIDEGATE_ASSIGN(const Totals kept, TotalsOf(database, principal));
    if (kept.answers < options_.answers_max && kept.bytes + size <= options_.bytes_max) break;
    TIDEGATE_ASSIGN(const Totals removed,
                    RemoveOldest(database, principal, std::numeric_limits<std::int64_t>::max()));
    if (!gone(removed)) break;
  }
  TIDEGATE_ASSIGN(const Totals kept, TotalsOf(database, principal));
  if (kept.answers >= options_.answers_max || kept.bytes + size > options_.bytes_max) {
    return Unavailable(ErrorSource::kGateway, "there is no room yet for an answer of this size");
  }
  TIDEGATE_TRY(Insert(database, principal, turn, now, size));
  answers += 1;
  bytes += size;
  return {};
}

// Counts only what was committed.
void Shelf::Put(std::string principal, Turn turn, std::function<void(Result<void>)> done) {
  struct Delta {
    std::int64_t answers = 0, bytes = 0;
  };
  auto delta = std::make_shared<Delta>();
  Post<bool>(
      [this, principal = std::move(principal), turn = std::move(turn),
       delta](store::Database& database) -> Result<bool> {
        TIDEGATE_TRY(Store(database, principal, turn, delta->answers, delta->bytes));
        return true;
      },
      [this, delta, done = std::move(done)](const Result<bool>& stored) {
        if (!stored.ok()) {
          counters_.failed.fetch_add(1, std::memory_order_relaxed);
          return done(stored.error());
        }
        counters_.answers.fetch_add(delta->answers, std::memory_order_relaxed);
        counters_.bytes.fetch_add(delta->bytes, std::memory_order_relaxed);
        done({});
      });
}

void Shelf::Get(std::string principal, std::string id, std::function<void(Result<Turn>)> done) {
  Post<Turn>([principal = std::move(principal), id = std::move(id)](
                 store::Database& database) { return Read(database, principal, id); },
             std::move(done));
}

void Shelf::Chain(std::string principal, std::string id, std::size_t bytes_max,
                  std::function<void(Result<std::vector<Turn>>)> done) {
  Post<std::vector<Turn>>(
      [principal = std::move(principal), id = std::move(id),
       bytes_max](store::Database& database) -> Result<std::vector<Turn>> {
        Collected collected(bytes_max);
        std::string next = id;
        while (!next.empty()) {
          TIDEGATE_ASSIGN(Turn turn, Read(database, principal, next));
          next = turn.previous_id;
          TIDEGATE_TRY(collected.Take(std::move(turn)));
        }
        std::vector<Turn> turns = std::move(collected).turns();
        std::reverse(turns.begin(), turns.end());
        return turns;
      },
      TellTooLarge(std::move(done)));
}

void Shelf::Holding(std::string principal, std::vector<std::string> items, std::size_t bytes_max,
                    std::function<void(Result<std::vector<Turn>>)> done) {
  Post<std::vector<Turn>>(
      [principal = std::move(principal), items = std::move(items),
       bytes_max](store::Database& database) -> Result<std::vector<Turn>> {
        Collected collected(bytes_max);
        std::set<std::string> taken;
        for (const std::string& item : items) {
          TIDEGATE_ASSIGN(const std::string id, Holder(database, principal, item));
          if (!taken.insert(id).second) continue;
          TIDEGATE_ASSIGN(Turn turn, Read(database, principal, id));
          TIDEGATE_TRY(collected.Take(std::move(turn)));
        }
        return std::move(collected).turns();
      },
      TellTooLarge(std::move(done)));
}

void Shelf::Delete(std::string principal, std::string id, std::function<void(Result<void>)> done) {
  Post<std::int64_t>([principal = std::move(principal), id = std::move(id)](
                         store::Database& database) { return Remove(database, principal, id); },
                     [this, done = std::move(done)](const Result<std::int64_t>& bytes) {
                       if (!bytes.ok()) return done(bytes.error());
                       counters_.answers.fetch_sub(1, std::memory_order_relaxed);
                       counters_.bytes.fetch_sub(*bytes, std::memory_order_relaxed);
                       done({});
                     });
}

ShelfStats Shelf::Stats() const {
  return {counters_.answers.load(std::memory_order_relaxed),
          counters_.bytes.load(std::memory_order_relaxed),
          counters_.failed.load(std::memory_order_relaxed)};
}

}  // namespace tidegate::conversations
