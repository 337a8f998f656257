// Money is set aside before it can be spent, and no crash may forget what was spent.
//
// Reserve (a proved upper bound) -> MarkDispatched -> Settle (once). A request must not wait for a
// disk, so the durable step comes ahead of need: for each account and day the database holds
// `spent` and a `ceiling` above it, and a reservation is carved in memory out of the room between
// them. Only when the room runs out does a request wait, for one commit that raises the ceiling.
// What is in flight stands in a table in shared memory that outlives the process
// (in_flight_table.h).
//   kill -9:    the table is exact; what was dispatched and not settled is posted in full, marked
//   `assumed`. power loss: the table is void; every account's room is posted in full (at most one
//   block more than was spent).
// docs/format_ledger.md describes the files and the proof.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/ids.h"
#include "base/money.h"
#include "base/result.h"
#include "core/place.h"
#include "core/usage.h"
#include "ledger/failpoint.h"
#include "store/group_commit_writer.h"

namespace tidegate::ledger {

// Paid reservations that are not settled durably: 10 000 streams, and half a second of a disk that
// stalls under 45 000 paid requests a second.
inline constexpr std::size_t kInFlightMaxDefault = 32'768;
inline constexpr std::size_t kAccountsMax = 65'536;
inline constexpr std::size_t kTargetsMax = 4'096;  // models, for each place
// Room is asked for in blocks of a multiple of the worst case at hand. The multiple doubles when
// the block before lasted less than kBlockQuickMs, and halves otherwise.
inline constexpr std::int64_t kBlockReservationsMin = 16;
inline constexpr std::int64_t kBlockReservationsMax = 16'384;
inline constexpr std::int64_t kBlockQuickMs = 100;
inline constexpr Money kBlockMin{10'000'000};     // $0.01
// $32.00, or one worst case if that is more. Reached only by who reserves that much within
// kBlockQuickMs, again and again; a power loss may post as much too much.
inline constexpr Money kBlockMax{32'000'000'000};

// The stable `reason` words of errors from this folder: the disk refuses, so that paid routes
// close; too many reservations are not settled; the limit of the principal's day; of everybody's
// day.
inline constexpr std::string_view kReasonLedgerUnavailable = "ledger_unavailable";
inline constexpr std::string_view kReasonInFlightFull = "in_flight_full";
inline constexpr std::string_view kReasonBudgetDay = "budget_day";
inline constexpr std::string_view kReasonBudgetTotal = "budget_total_day";

struct Target;
struct Window;
class Ledger;

struct ReserveRequest {
  RequestId id;
  std::string_view principal;  // the views are needed during the call only
  std::string_view model;      // "provider/model"
  core::Place place = core::Place::kCloud;
  Money worst_case;           // zero: nothing to set aside, never waits, never touches the disk
  std::uint32_t attempt = 0;  // number of the dispatch within the request
};

struct Settlement {
  Money actual;  // all of it counts, also beyond the reservation; negative is taken for "unknown"
  core::Usage usage;     // usage.estimated marks `actual` as our estimate
  bool assumed = false;  // nobody knows: post the worst case in full; `actual` is ignored
};

// Money set aside for one dispatch. Move-only; may travel between threads. Must die before its
// Ledger. When it dies undispatched it is released; dispatched but unsettled, it is posted in full
// as assumed.
class Reservation {
 public:
  Reservation() = default;  // holds nothing
  Reservation(Reservation&& other) noexcept;
  Reservation& operator=(Reservation&& other) noexcept;
  ~Reservation();

  bool active() const { return window_ != nullptr; }
  bool dispatched() const { return dispatched_; }
  Money worst_case() const { return worst_case_; }

 private:
  friend class Ledger;
  void End();

  Ledger* ledger_ = nullptr;
  Window* window_ = nullptr;  // the account and day that it counts against; nullptr = holds nothing
  Money worst_case_;
  const Target* target_ = nullptr;
  std::uint32_t slot_ = 0;  // of the in-flight table; kNoSlot when worst_case_ is zero
  bool dispatched_ = false;
};

// Called exactly once: inside Reserve when nothing has to be waited for or nothing can be, else on
// the writer's thread, where it must not block. Never under the ledger's lock.
using ReserveCallback = std::function<void(Result<Reservation>)>;

struct BudgetLimits {
  std::optional<Money> day;  // UTC
};

struct LedgerOptions {
  // Best on a tmpfs: the table must outlive the process, not the machine.
  std::string in_flight_directory;
  std::size_t in_flight_max = kInFlightMaxDefault;
  std::string boot_id;  // empty: the kernel's
  Failpoint failpoint;  // tests only
};

// What a start found and posted.
struct RecoveryReport {
  bool exact = false;         // the in-flight table of this boot was readable
  std::int64_t voided = 0;    // reservations proved undispatched
  std::int64_t settled = 0;   // settlements that were known but not yet durable
  std::int64_t assumed = 0;   // dispatches posted in full
  Money assumed_cost;         // of those, or of all rooms when not exact
  std::string why_not_exact;  // one sentence for the log
};

struct LedgerStats {
  std::int64_t waited = 0;  // reservations that waited for a commit
  std::int64_t refused_budget = 0;
  std::int64_t refused_unavailable = 0;
  std::int64_t abandoned_dispatches = 0;  // Reservation objects that died dispatched and unsettled
  std::int64_t overruns = 0;              // settlements beyond their reservation
  std::int64_t in_flight = 0;             // slots in use
  bool failing = false;                   // the last commit failed
};

struct Remainder {
  std::optional<Money> day;  // what new worst cases may still use; nothing = no limit
};

// Thread-safe. Dies before its writer; REQUIRES at that moment: no Reservation is alive, no Reserve
// waits.
class Ledger {
 public:
  // Recovers what an earlier process left in `database`, durably, and makes a fresh in-flight
  // table. The schema must be there (schema.h). `database` is only used here; `writer` and `clock`
  // must outlive the ledger.
  static Result<std::unique_ptr<Ledger>> Open(store::Database& database,
                                              const LedgerOptions& options, const Clock& clock);
  // Before the first Reserve: commits go through `writer` from here on.
  void Attach(store::GroupCommitWriter& writer);
  // Commits what is settled and gives the unused room back, as far as the disk allows.
  ~Ledger();

  // At start and at each reload; takes effect for the next Reserve. Nothing set = no limit.
  Result<void> SetBudget(std::string_view principal, BudgetLimits limits);
  void SetTotalBudget(BudgetLimits limits);
  Remainder Remaining(std::string_view principal) const;

  // Errors: kBudgetExceeded ("budget_day", "budget_total_day"), kUnavailable ("ledger_unavailable",
  // "in_flight_full"), kInvalidArgument for a negative or unbounded worst case.
  void Reserve(const ReserveRequest& request, ReserveCallback callback);
  // The same when it needs no commit; nothing, and nothing changed, when Reserve would have to
  // wait.
  std::optional<Result<Reservation>> TryReserve(const ReserveRequest& request);
  // Must return before the first byte may reach a provider. REQUIRES: active and not dispatched.
  void MarkDispatched(Reservation& reservation);
  // REQUIRES: active. Also for zero-cost reservations: their tokens are counted.
  void Settle(Reservation&& reservation, const Settlement& settlement);
  // The proof of non-dispatch is the caller's. REQUIRES: active and not dispatched.
  void Void(Reservation&& reservation);

  // The UTC day whose budgets are in force; never goes back, whatever the clock does.
  std::int32_t Today();
  const RecoveryReport& recovery() const;
  LedgerStats Stats() const;

 private:
  friend class Reservation;
  class State;
  explicit Ledger(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace tidegate::ledger
