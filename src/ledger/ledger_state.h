// The ledger behind its public face: one lock, held for a fraction of a microsecond by each step of
// a request.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "ledger/account.h"
#include "ledger/in_flight_table.h"
#include "ledger/ledger.h"
#include "ledger/recovery.h"
#include "store/group_commit_writer.h"

namespace tidegate::ledger {

// Thread-safe.
class Ledger::State {
 public:
  State(Recovered recovered, Failpoint failpoint, const Clock& clock);

  // Accounts, and their sums of the newest day, from the database.
  Result<void> Load(store::Database& database);
  void Attach(store::GroupCommitWriter& writer) { writer_ = &writer; }

  Result<void> SetBudget(std::string_view principal, BudgetLimits limits);
  void SetTotalBudget(BudgetLimits limits);
  Remainder Remaining(std::string_view principal);
  // Gives the reservation or the error; nothing when it would have to wait. Then, when `callback`
  // is not nullptr, it waits and *callback was taken.
  std::optional<Result<Reservation>> Reserve(Ledger& ledger, const ReserveRequest& request,
                                             ReserveCallback* callback);
  void MarkDispatched(const Reservation& reservation);
  void Settle(const Reservation& reservation, const Settlement& settlement);
  void Release(const Reservation& reservation);
  void CountAbandoned();
  std::int32_t Today();
  const RecoveryReport& recovery() const { return recovery_; }
  LedgerStats Stats();
  // Gives all room back, durably as far as the disk allows.
  void Close();

 private:
  friend class Ledger;
  class CommitJob;
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };
  template <typename Value>
  using ByText = std::unordered_map<std::string, Value, TextHash, std::equal_to<>>;
  struct Total {
    std::optional<Money> limit_day;
    std::int32_t day = 0;
    Money spent, reserved;  // reserved: also of those that wait
  };

  // All of these need the lock.
  std::int64_t AdvanceDay();  // the wall clock, in nanoseconds
  Account* FindOrAddAccount(std::string_view principal);
  const Target* FindOrAddTarget(std::string_view model, core::Place place);
  Window& CurrentWindow(Account& account);
  std::optional<Error> CheckBudgets(const Account& account, const Window& window, Money worst_case);
  bool NeedsExtension(const Window& window) const;
  Money BlockOf(const Window& window) const;
  Money NextCeiling(const Window& window) const;
  void MarkDirty(Window& window);
  void RaiseBlock(Window& window);
  std::uint32_t TakeSlot(const ReserveRequest& request, const Window& window,
                         std::int64_t wall_nanos);
  void ReleaseLocked(const Reservation& reservation);
  // True: the caller has to Submit a job of this urgency once it has let go of the lock.
  bool ClaimJob(store::Urgency urgency);
  Batch TakeBatch();
  // Moves waiters [begin, end) of `window` to `ended`: admitted, or else holding nothing any more.
  void EndWaiters(Window& window, std::size_t begin, std::size_t end, bool admit,
                  std::vector<Waiter>& ended);
  void FinishBatch(Batch& batch);
  void RestoreBatch(Batch& batch);
  void Retire(Window& window);

  // These must not hold it.
  void Submit(store::Urgency urgency);
  Result<void> WriteBatch(store::Database& database, const Batch& batch);
  void EndBatch(Batch& batch, const Result<void>& result);
  // The writer could not even begin: who waits is refused, what is dirty stays so.
  void RefuseWaiters(store::Urgency urgency, const Error& cause, bool try_again);
  static void CallBack(std::vector<Waiter>& waiters, const Result<void>& result);
  void At(Step step) const {
    if (failpoint_) failpoint_(step);
  }

  const Clock& clock_;
  const Failpoint failpoint_;
  const RecoveryReport recovery_;
  store::GroupCommitWriter* writer_ = nullptr;

  std::mutex mutex_;  // guards what follows
  InFlightTable table_;
  std::int32_t today_ = 0;
  ByText<std::unique_ptr<Account>> accounts_;
  std::int64_t next_account_ = 1;
  std::array<ByText<std::unique_ptr<Target>>, core::kPlaces> targets_;
  Total total_;
  std::vector<Window*> dirty_;
  std::vector<std::uint32_t> settling_slots_;  // since the last batch
  std::uint64_t settled_ = 0;                  // number of the last settlement
  std::array<bool, 2> queued_{};               // by urgency: a job waits to run
  bool batch_open_ = false;  // taken and not ended: one at a time, so that numbers stay in order
  bool closing_ = false;
  LedgerStats stats_;
};

}  // namespace tidegate::ledger
