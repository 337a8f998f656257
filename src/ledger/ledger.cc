#include "ledger/ledger.h"

#include <utility>

#include "base/check.h"
#include "ledger/ledger_state.h"
#include "ledger/recovery.h"

namespace tidegate::ledger {

Reservation::Reservation(Reservation&& other) noexcept
    : ledger_(other.ledger_),
      window_(std::exchange(other.window_, nullptr)),
      worst_case_(other.worst_case_),
      target_(other.target_),
      slot_(other.slot_),
      dispatched_(other.dispatched_) {}

Reservation& Reservation::operator=(Reservation&& other) noexcept {
  if (this == &other) return *this;
  End();
  ledger_ = other.ledger_;
  window_ = std::exchange(other.window_, nullptr);
  worst_case_ = other.worst_case_;
  target_ = other.target_;
  slot_ = other.slot_;
  dispatched_ = other.dispatched_;
  return *this;
}

Reservation::~Reservation() { End(); }

void Reservation::End() {
  if (!active()) return;
  Ledger& ledger = *ledger_;
  if (!dispatched_) {
    ledger.Void(std::move(*this));
    return;
  }
  ledger.state_->CountAbandoned();
  ledger.Settle(std::move(*this), Settlement{.actual = {}, .usage = {}, .assumed = true});
}

Result<std::unique_ptr<Ledger>> Ledger::Open(store::Database& database,
                                             const LedgerOptions& options, const Clock& clock) {
  TIDEGATE_ASSIGN(Recovered recovered, Recover(database, options));
  auto state = std::make_unique<State>(std::move(recovered), options.failpoint, clock);
  TIDEGATE_TRY(state->Load(database));
  return std::unique_ptr<Ledger>(new Ledger(std::move(state)));
}

Ledger::Ledger(std::unique_ptr<State> state) : state_(std::move(state)) {}
Ledger::~Ledger() { state_->Close(); }
void Ledger::Attach(store::GroupCommitWriter& writer) { state_->Attach(writer); }

Result<void> Ledger::SetBudget(std::string_view principal, BudgetLimits limits) {
  return state_->SetBudget(principal, limits);
}
void Ledger::SetTotalBudget(BudgetLimits limits) { state_->SetTotalBudget(limits); }
Remainder Ledger::Remaining(std::string_view principal) const {
  return state_->Remaining(principal);
}

void Ledger::Reserve(const ReserveRequest& request, ReserveCallback callback) {
  if (auto result = state_->Reserve(*this, request, &callback)) callback(*std::move(result));
}

std::optional<Result<Reservation>> Ledger::TryReserve(const ReserveRequest& request) {
  return state_->Reserve(*this, request, nullptr);
}

void Ledger::MarkDispatched(Reservation& reservation) {
  CHECK(reservation.active() && !reservation.dispatched_);
  state_->MarkDispatched(reservation);
  reservation.dispatched_ = true;
}

void Ledger::Settle(Reservation&& reservation, const Settlement& settlement) {
  CHECK(reservation.active());
  state_->Settle(reservation, settlement);
  reservation.window_ = nullptr;
}

void Ledger::Void(Reservation&& reservation) {
  CHECK(reservation.active() && !reservation.dispatched_);
  state_->Release(reservation);
  reservation.window_ = nullptr;
}

std::int32_t Ledger::Today() { return state_->Today(); }
const RecoveryReport& Ledger::recovery() const { return state_->recovery(); }
LedgerStats Ledger::Stats() const { return state_->Stats(); }

}  // namespace tidegate::ledger
