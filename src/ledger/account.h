// The ledger's memory: accounts, their days, and who waits for room. Only under the ledger's lock.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/money.h"
#include "core/place.h"
#include "ledger/ledger.h"
#include "ledger/schema.h"

namespace tidegate::ledger {

struct Account;

// Where money goes to. Lives as long as the ledger.
struct Target {
  std::string model;  // "provider/model"
  core::Place place = core::Place::kCloud;
};

struct TargetSpend {
  const Target* target = nullptr;
  SpendDelta delta;
};

// One that waits until the ceiling covers it. Its money counts in Window::waiting.
struct Waiter {
  Reservation reservation;
  ReserveCallback callback;
};

// One UTC day of one account. What may be dispatched is bounded by `ceiling`, which is durable:
//   spent + reserved <= ceiling
//   spent + reserved + waiting <= the day's limit, when there is one
// `spent` may pass both when a provider charges more than the proved bound; then nothing new is
// admitted.
struct Window {
  Account* account = nullptr;
  std::int32_t day = 0;
  Money spent;     // settled, durable or not
  Money reserved;  // admitted, not settled
  Money waiting;   // not admitted yet
  Money ceiling;
  std::int64_t reservations = 0;     // objects alive
  std::vector<Waiter> waiters;       // in order of arrival
  std::size_t waiters_in_batch = 0;  // the first so many end when the open batch ends

  std::int64_t block_reservations = kBlockReservationsMin;  // in the next block
  std::int64_t extended_at_nanos = 0;                       // monotonic, of the last extension
  Money last_worst_case;

  std::vector<TargetSpend> unposted;  // settled since the last batch
  bool dirty = false;                 // in the list of windows that the next batch takes
  bool in_batch = false;
  bool extend = false;  // the next batch shall raise the ceiling

  Money Used() const { return spent + reserved; }
  Money Wanted() const { return spent + reserved + waiting; }
  void Post(const Target* target, const SpendDelta& delta);
};

struct Account {
  std::string principal;
  std::int64_t id = 0;
  bool stored = false;  // its row is durable
  std::optional<Money> limit_day;
  // The newest last; older ones only while something of theirs is open.
  std::vector<std::unique_ptr<Window>> windows;
};

// What one batch writes, copied so that the lock is free while it is written.
struct BatchRow {
  Window* window = nullptr;
  std::int64_t account = 0;
  std::string new_principal;  // empty when the account's row is there already
  std::int32_t day = 0;
  Money spent, ceiling;
  std::vector<TargetSpend> spend;
};

struct Batch {
  std::vector<BatchRow> rows;
  std::vector<std::uint32_t> settling_slots;  // free when the batch is durable
  std::uint64_t settled_through = 0;
  bool empty() const { return rows.empty(); }
};

}  // namespace tidegate::ledger
