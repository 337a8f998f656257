#include "ledger/ledger_state.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "ledger/schema.h"

namespace tidegate::ledger {
namespace {

constexpr std::int64_t kNanosPerMs = 1'000'000;

Error LedgerUnavailable(std::string_view reason, std::string message) {
  Error error = Unavailable(ErrorSource::kGateway, std::move(message));
  error.reason = reason;
  return error;
}

Error BudgetExceeded(std::string_view reason, std::string_view whose, Money limit, Money left,
                     Money worst_case) {
  Error error{ErrorCode::kBudgetExceeded, ErrorSource::kCaller, Retry::kOtherTarget, ""};
  error.message = "this request may cost up to $" + FormatUsd(worst_case) + ", and of " +
                  std::string(whose) + " $" + FormatUsd(limit) + " for the UTC day only $" +
                  FormatUsd(std::max(left, Money{})) +
                  " is left: lower max_tokens, raise the budget, or use a model on the device";
  error.reason = reason;
  return error;
}

// Provider counts are outside data: negative ones count as none.
SpendDelta DeltaOf(const Settlement& settlement, Money cost, bool assumed) {
  SpendDelta delta;
  delta.dispatches = 1;
  delta.input_tokens = std::max<std::int64_t>(settlement.usage.input_tokens, 0);
  delta.output_tokens = std::max<std::int64_t>(settlement.usage.output_tokens, 0);
  delta.cost = cost;
  if (assumed) {
    delta.assumed = cost;
  } else if (settlement.usage.estimated) {
    delta.estimated = cost;
  }
  return delta;
}

}  // namespace

void Window::Post(const Target* target, const SpendDelta& delta) {
  for (TargetSpend& sum : unposted) {
    if (sum.target == target) return sum.delta.Add(delta);
  }
  unposted.push_back({target, delta});
}

// The job that carries whatever is dirty when it runs; it has nothing of its own.
class Ledger::State::CommitJob : public store::WriteJob {
 public:
  CommitJob(State& state, store::Urgency urgency) : state_(state), urgency_(urgency) {}

  Result<void> Run(store::Database& database) override {
    {
      const std::lock_guard lock(state_.mutex_);
      begun_ = true;
      state_.queued_[static_cast<std::size_t>(urgency_)] = false;
      if (state_.batch_open_) return {};  // a job of the same transaction carries it
      batch_ = state_.TakeBatch();
      if (batch_.empty()) return {};
      state_.batch_open_ = true;
    }
    state_.At(Step::kCommitBegin);
    TIDEGATE_TRY(state_.WriteBatch(database, batch_));
    state_.At(Step::kCommitWritten);
    return {};
  }

  void Done(const Result<void>& result) override {
    if (!begun_) {
      state_.RefuseWaiters(urgency_, result.error(), true);
    } else if (!batch_.empty()) {
      state_.EndBatch(batch_, result);
    }
  }

 private:
  State& state_;
  const store::Urgency urgency_;
  bool begun_ = false;
  Batch batch_;
};

Ledger::State::State(Recovered recovered, Failpoint failpoint, const Clock& clock)
    : clock_(clock),
      failpoint_(std::move(failpoint)),
      recovery_(std::move(recovered.report)),
      table_(std::move(recovered.table)),
      settled_(recovered.settled_through) {}

Result<void> Ledger::State::Load(store::Database& database) {
  const std::lock_guard lock(mutex_);
  TIDEGATE_ASSIGN(const std::int64_t newest,
                  database.QueryInt("SELECT ifnull(max(day), 0) FROM windows"));
  today_ = total_.day = static_cast<std::int32_t>(newest);
  AdvanceDay();
  TIDEGATE_ASSIGN(store::Statement read,
                  database.Prepare("SELECT id, principal, day IS NOT NULL, spent FROM accounts "
                                   "LEFT JOIN windows ON account = id AND day = ?1"));
  store::Rows rows = read.Query(today_);
  for (;;) {
    TIDEGATE_ASSIGN(const bool more, rows.Step());
    if (!more) return {};
    auto account = std::make_unique<Account>();
    account->id = rows.Int(0);
    account->principal = rows.Text(1);
    account->stored = true;
    next_account_ = std::max(next_account_, account->id + 1);
    if (rows.Int(2) != 0) {
      Window& window = CurrentWindow(*account);
      window.spent = window.ceiling = Money{rows.Int(3)};
      total_.spent += window.spent;
    }
    accounts_.emplace(account->principal, std::move(account));
  }
}

// ---- accounts, days, targets

std::int64_t Ledger::State::AdvanceDay() {
  const std::int64_t wall_nanos = clock_.WallNanos();
  today_ = std::max(today_, UtcDay(wall_nanos));
  if (total_.day != today_) {
    total_.day = today_;
    total_.spent = total_.reserved = Money{};
  }
  return wall_nanos;
}

Account* Ledger::State::FindOrAddAccount(std::string_view principal) {
  if (const auto found = accounts_.find(principal); found != accounts_.end()) {
    return found->second.get();
  }
  if (accounts_.size() >= kAccountsMax) return nullptr;
  auto account = std::make_unique<Account>();
  account->principal = principal;
  account->id = next_account_++;
  return accounts_.emplace(account->principal, std::move(account)).first->second.get();
}

const Target* Ledger::State::FindOrAddTarget(std::string_view model, core::Place place) {
  auto& targets = targets_[static_cast<std::size_t>(place)];
  if (const auto found = targets.find(model); found != targets.end()) return found->second.get();
  if (targets.size() >= kTargetsMax) return nullptr;
  auto target = std::make_unique<Target>(Target{std::string(model), place});
  return targets.emplace(model, std::move(target)).first->second.get();
}

Window& Ledger::State::CurrentWindow(Account& account) {
  if (!account.windows.empty() && account.windows.back()->day == today_) {
    return *account.windows.back();
  }
  auto window = std::make_unique<Window>();
  window->account = &account;
  window->day = today_;
  for (std::size_t i = account.windows.size(); i-- > 0;) Retire(*account.windows[i]);
  account.windows.push_back(std::move(window));
  return *account.windows.back();
}

// Drops a window of an earlier day when nothing of it is open. Its room goes back first, with the
// next batch.
void Ledger::State::Retire(Window& window) {
  if (window.day == today_ || window.reservations > 0 || window.dirty || window.in_batch) return;
  if (window.ceiling != window.spent) return MarkDirty(window);
  std::erase_if(window.account->windows, [&](const auto& w) { return w.get() == &window; });
}

Result<void> Ledger::State::SetBudget(std::string_view principal, BudgetLimits limits) {
  const std::lock_guard lock(mutex_);
  Account* account = FindOrAddAccount(principal);
  if (account == nullptr) {
    return LedgerUnavailable(kReasonLedgerUnavailable, "there are too many accounts");
  }
  account->limit_day = limits.day;
  return {};
}

void Ledger::State::SetTotalBudget(BudgetLimits limits) {
  const std::lock_guard lock(mutex_);
  total_.limit_day = limits.day;
}

Remainder Ledger::State::Remaining(std::string_view principal) {
  const std::lock_guard lock(mutex_);
  AdvanceDay();
  Remainder remainder;
  const auto found = accounts_.find(principal);
  if (found != accounts_.end() && found->second->limit_day) {
    const auto& windows = found->second->windows;
    const bool used_today = !windows.empty() && windows.back()->day == today_;
    remainder.day = *found->second->limit_day - (used_today ? windows.back()->Wanted() : Money{});
  }
  if (total_.limit_day) {
    const Money left = *total_.limit_day - total_.spent - total_.reserved;
    remainder.day = std::min(remainder.day.value_or(left), left);
  }
  if (remainder.day) remainder.day = std::max(*remainder.day, Money{});
  return remainder;
}

std::int32_t Ledger::State::Today() {
  const std::lock_guard lock(mutex_);
  AdvanceDay();
  return today_;
}

LedgerStats Ledger::State::Stats() {
  const std::lock_guard lock(mutex_);
  LedgerStats stats = stats_;
  stats.in_flight = static_cast<std::int64_t>(table_.in_use());
  return stats;
}

void Ledger::State::CountAbandoned() {
  const std::lock_guard lock(mutex_);
  ++stats_.abandoned_dispatches;
}

// ---- the pay path

std::optional<Error> Ledger::State::CheckBudgets(const Account& account, const Window& window,
                                                 Money worst_case) {
  const Money after = window.Wanted() + worst_case;
  // Sums of what is reserved must never saturate, since reservations are subtracted again.
  const bool overflows = after == Money::Max() || total_.reserved + worst_case == Money::Max();
  if (overflows || (account.limit_day && after > *account.limit_day)) {
    const Money limit = account.limit_day.value_or(Money::Max());
    return BudgetExceeded(kReasonBudgetDay, "this key's budget of", limit, limit - window.Wanted(),
                          worst_case);
  }
  const Money total = total_.spent + total_.reserved;
  if (total_.limit_day && total + worst_case > *total_.limit_day) {
    return BudgetExceeded(kReasonBudgetTotal, "the gate's total budget of", *total_.limit_day,
                          *total_.limit_day - total, worst_case);
  }
  return std::nullopt;
}

std::uint32_t Ledger::State::TakeSlot(const ReserveRequest& request, const Window& window,
                                      std::int64_t wall_nanos) {
  SlotBody body;
  body.id_high = request.id.high;
  body.id_low = request.id.low;
  body.worst_case = request.worst_case.nanodollars;
  body.wall_nanos = wall_nanos;
  body.account = static_cast<std::uint32_t>(window.account->id);
  body.day = window.day;
  body.attempt = request.attempt;
  body.place = static_cast<std::uint8_t>(request.place);
  body.SetModel(request.model);
  return table_.Take(body);
}

std::optional<Result<Reservation>> Ledger::State::Reserve(Ledger& ledger,
                                                          const ReserveRequest& request,
                                                          ReserveCallback* callback) {
  if (request.worst_case < Money{} || request.worst_case == Money::Max()) {
    return InvalidArgument("worst_case", "a reservation needs a bound that is not negative");
  }
  At(Step::kReserveBegin);
  bool waits = false;
  bool submit = false;
  Reservation reservation;
  {
    const std::lock_guard lock(mutex_);
    const std::int64_t wall_nanos = AdvanceDay();
    Account* account = FindOrAddAccount(request.principal);
    reservation.target_ = FindOrAddTarget(request.model, request.place);
    if (account == nullptr || reservation.target_ == nullptr) {
      ++stats_.refused_unavailable;
      return LedgerUnavailable(kReasonLedgerUnavailable,
                               "the ledger knows too many accounts or models");
    }
    Window& window = CurrentWindow(*account);
    reservation.slot_ = kNoSlot;
    if (request.worst_case > Money{}) {
      if (auto error = CheckBudgets(*account, window, request.worst_case)) {
        ++stats_.refused_budget;
        return *std::move(error);
      }
      waits = !window.waiters.empty() || window.Used() + request.worst_case > window.ceiling;
      if (waits && callback == nullptr) return std::nullopt;
      reservation.slot_ = TakeSlot(request, window, wall_nanos);
      if (reservation.slot_ == kNoSlot) {
        ++stats_.refused_unavailable;
        return LedgerUnavailable(kReasonInFlightFull,
                                 "too many paid requests are in flight: try again later");
      }
      (waits ? window.waiting : window.reserved) += request.worst_case;
      if (window.day == total_.day) total_.reserved += request.worst_case;
      window.last_worst_case = request.worst_case;
      if (waits || NeedsExtension(window)) {
        window.extend = true;
        MarkDirty(window);
        submit = ClaimJob(store::Urgency::kUrgent);
      }
    }
    ++window.reservations;
    reservation.ledger_ = &ledger;
    reservation.window_ = &window;
    reservation.worst_case_ = request.worst_case;
    if (waits) {
      ++stats_.waited;
      window.waiters.push_back({std::move(reservation), std::move(*callback)});
    }
  }
  At(Step::kSlotWritten);
  if (submit) Submit(store::Urgency::kUrgent);
  if (waits) return std::nullopt;
  return Result<Reservation>(std::move(reservation));
}

void Ledger::State::MarkDispatched(const Reservation& reservation) {
  if (reservation.slot_ != kNoSlot) table_.MarkDispatched(reservation.slot_);
  At(Step::kDispatchMarked);
}

void Ledger::State::Settle(const Reservation& reservation, const Settlement& settlement) {
  At(Step::kSettleBegin);
  const bool assumed = settlement.assumed || settlement.actual < Money{};
  const Money cost = assumed ? reservation.worst_case_ : settlement.actual;
  const SpendDelta delta = DeltaOf(settlement, cost, assumed);
  const bool overrun = cost > reservation.worst_case_;
  // Beyond the reservation no durable ceiling may cover it: as soon as possible, then.
  const store::Urgency urgency = overrun ? store::Urgency::kUrgent : store::Urgency::kLazy;
  bool submit = false;
  {
    const std::lock_guard lock(mutex_);
    Window& window = *reservation.window_;
    const std::uint64_t number = ++settled_;
    if (reservation.slot_ != kNoSlot) {
      SlotSettlement record;
      record.number = number;
      record.cost = cost.nanodollars;
      record.input_tokens = delta.input_tokens;
      record.output_tokens = delta.output_tokens;
      record.assumed = assumed ? 1 : 0;
      record.estimated = delta.estimated > Money{} ? 1 : 0;
      table_.MarkSettling(reservation.slot_, record);
      At(Step::kSlotSettling);
      settling_slots_.push_back(reservation.slot_);
    }
    window.reserved -= reservation.worst_case_;
    window.spent += cost;
    if (window.day == total_.day) {
      total_.reserved -= reservation.worst_case_;
      total_.spent += cost;
    }
    --window.reservations;
    window.Post(reservation.target_, delta);
    MarkDirty(window);
    if (overrun) ++stats_.overruns;
    submit = ClaimJob(urgency);
  }
  if (submit) Submit(urgency);
  At(Step::kSettled);
}

void Ledger::State::Release(const Reservation& reservation) {
  const std::lock_guard lock(mutex_);
  Window& window = *reservation.window_;
  window.reserved -= reservation.worst_case_;
  ReleaseLocked(reservation);
}

void Ledger::State::ReleaseLocked(const Reservation& reservation) {
  Window& window = *reservation.window_;
  if (window.day == total_.day) total_.reserved -= reservation.worst_case_;
  if (reservation.slot_ != kNoSlot) table_.Free(reservation.slot_);
  --window.reservations;
  Retire(window);
}

// ---- room

Money Ledger::State::BlockOf(const Window& window) const {
  const Money worst = window.last_worst_case;
  Money block;
  if (__builtin_mul_overflow(worst.nanodollars, window.block_reservations, &block.nanodollars)) {
    return worst;
  }
  return std::clamp(block, kBlockMin, std::max(kBlockMax, worst));
}

bool Ledger::State::NeedsExtension(const Window& window) const {
  if (window.extend) return false;
  if (window.account->limit_day && window.ceiling >= *window.account->limit_day) return false;
  return window.ceiling - window.Wanted() < Money{BlockOf(window).nanodollars / 2};
}

Money Ledger::State::NextCeiling(const Window& window) const {
  const Money wanted = window.Wanted();
  if (closing_ || window.day != today_) return wanted;                 // nothing new begins here
  if (!window.extend) return std::max(window.ceiling, window.Used());  // more after an overrun
  Money target = wanted + BlockOf(window);
  if (window.account->limit_day) target = std::min(target, *window.account->limit_day);
  return std::max({target, wanted, window.ceiling});
}

void Ledger::State::RaiseBlock(Window& window) {
  const std::int64_t now = clock_.MonotonicNanos();
  const bool quick = now - window.extended_at_nanos < kBlockQuickMs * kNanosPerMs;
  const std::int64_t next = quick ? window.block_reservations * 2 : window.block_reservations / 2;
  window.block_reservations = std::clamp(next, kBlockReservationsMin, kBlockReservationsMax);
  window.extended_at_nanos = now;
}

void Ledger::State::MarkDirty(Window& window) {
  if (window.dirty) return;
  window.dirty = true;
  dirty_.push_back(&window);
}

// ---- commits

bool Ledger::State::ClaimJob(store::Urgency urgency) {
  return !std::exchange(queued_[static_cast<std::size_t>(urgency)], true);
}

void Ledger::State::Submit(store::Urgency urgency) {
  CHECK(writer_ != nullptr);
  std::unique_ptr<store::WriteJob> job = std::make_unique<CommitJob>(*this, urgency);
  const Result<void> accepted = writer_->TryEnqueue(urgency, std::move(job));
  if (!accepted.ok()) RefuseWaiters(urgency, accepted.error(), false);
}

Batch Ledger::State::TakeBatch() {
  Batch batch;
  batch.settled_through = settled_;
  batch.settling_slots.swap(settling_slots_);
  batch.rows.reserve(dirty_.size());
  for (Window* window : dirty_) {
    BatchRow row;
    row.window = window;
    row.account = window->account->id;
    if (!window->account->stored) row.new_principal = window->account->principal;
    row.day = window->day;
    row.spent = window->spent;
    row.ceiling = NextCeiling(*window);
    row.spend.swap(window->unposted);
    window->waiters_in_batch = window->waiters.size();
    if (window->extend && row.ceiling > window->ceiling) RaiseBlock(*window);
    window->extend = false;
    window->dirty = false;
    window->in_batch = true;
    batch.rows.push_back(std::move(row));
  }
  dirty_.clear();
  return batch;
}

Result<void> Ledger::State::WriteBatch(store::Database& database, const Batch& batch) {
  TIDEGATE_ASSIGN(Poster poster, Poster::Prepare(database));
  for (const BatchRow& row : batch.rows) {
    if (!row.new_principal.empty()) TIDEGATE_TRY(poster.PutAccount(row.account, row.new_principal));
    TIDEGATE_TRY(poster.PutWindow(row.account, row.day, row.spent, row.ceiling));
    for (const TargetSpend& sum : row.spend) {
      TIDEGATE_TRY(
          poster.AddSpend(row.account, row.day, sum.target->model, sum.target->place, sum.delta));
    }
  }
  return poster.PutMeta(kMetaSettledThrough, static_cast<std::int64_t>(batch.settled_through));
}

void Ledger::State::EndBatch(Batch& batch, const Result<void>& result) {
  if (result.ok()) At(Step::kCommitDurable);
  std::vector<Waiter> ended;
  store::Urgency urgency = store::Urgency::kLazy;
  bool submit = false;
  {
    const std::lock_guard lock(mutex_);
    batch_open_ = false;
    stats_.failing = !result.ok();
    for (const BatchRow& row : batch.rows) {
      if (result.ok()) {
        row.window->account->stored = true;
        row.window->ceiling = row.ceiling;
      }
      EndWaiters(*row.window, 0, std::exchange(row.window->waiters_in_batch, 0), result.ok(),
                 ended);
      if (!row.window->waiters.empty()) urgency = store::Urgency::kUrgent;
    }
    if (result.ok()) {
      FinishBatch(batch);
    } else {
      RestoreBatch(batch);
    }
    const bool again = !dirty_.empty() && (result.ok() || !closing_);
    submit = again && ClaimJob(urgency);
  }
  if (result.ok()) At(Step::kSlotsFreed);
  if (submit) Submit(urgency);
  CallBack(ended, result);
}

void Ledger::State::EndWaiters(Window& window, std::size_t begin, std::size_t end, bool admit,
                               std::vector<Waiter>& ended) {
  for (std::size_t i = begin; i < end; ++i) {
    Waiter& waiter = window.waiters[i];
    window.waiting -= waiter.reservation.worst_case_;
    if (admit) {
      window.reserved += waiter.reservation.worst_case_;
    } else {
      ++stats_.refused_unavailable;
      ReleaseLocked(waiter.reservation);
      waiter.reservation.window_ = nullptr;
    }
    ended.push_back(std::move(waiter));
  }
  const auto first = window.waiters.begin();
  window.waiters.erase(first + static_cast<std::ptrdiff_t>(begin),
                       first + static_cast<std::ptrdiff_t>(end));
}

void Ledger::State::RefuseWaiters(store::Urgency urgency, const Error& cause, bool try_again) {
  std::vector<Waiter> ended;
  bool submit = false;
  {
    const std::lock_guard lock(mutex_);
    queued_[static_cast<std::size_t>(urgency)] = false;
    stats_.failing = true;
    for (Window* window : dirty_) {
      EndWaiters(*window, window->waiters_in_batch, window->waiters.size(), false, ended);
    }
    submit = try_again && !dirty_.empty() && !closing_ && ClaimJob(store::Urgency::kLazy);
  }
  if (submit) Submit(store::Urgency::kLazy);
  CallBack(ended, cause);
}

void Ledger::State::CallBack(std::vector<Waiter>& waiters, const Result<void>& result) {
  if (waiters.empty()) return;
  if (result.ok()) {
    for (Waiter& waiter : waiters) waiter.callback(std::move(waiter.reservation));
    return;
  }
  Error refusal =
      LedgerUnavailable(kReasonLedgerUnavailable,
                        "the ledger cannot be written, so nothing that costs money is sent: " +
                            result.error().message);
  refusal.cause = std::make_shared<const Error>(result.error());
  for (Waiter& waiter : waiters) waiter.callback(refusal);
}

void Ledger::State::FinishBatch(Batch& batch) {
  for (const std::uint32_t slot : batch.settling_slots) table_.Free(slot);
  for (const BatchRow& row : batch.rows) {
    row.window->in_batch = false;
    Retire(*row.window);
  }
}

// Nothing of the batch is trusted: all of it is written anew by the next one.
void Ledger::State::RestoreBatch(Batch& batch) {
  settling_slots_.insert(settling_slots_.end(), batch.settling_slots.begin(),
                         batch.settling_slots.end());
  for (BatchRow& row : batch.rows) {
    row.window->in_batch = false;
    for (const TargetSpend& sum : row.spend) row.window->Post(sum.target, sum.delta);
    MarkDirty(*row.window);
  }
}

void Ledger::State::Close() {
  if (writer_ == nullptr) return;
  writer_->Barrier();
  bool submit = false;
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
    for (const auto& [principal, account] : accounts_) {
      for (const auto& window : account->windows) {
        CHECK(window->reservations == 0);
        if (window->ceiling != window->spent) MarkDirty(*window);
      }
    }
    submit = ClaimJob(store::Urgency::kUrgent);
  }
  if (submit) Submit(store::Urgency::kUrgent);
  writer_->Barrier();
}

}  // namespace tidegate::ledger
