#include "ledger/recovery.h"

#include <map>
#include <utility>
#include <vector>

#include "ledger/schema.h"

namespace tidegate::ledger {
namespace {

constexpr std::string_view kUnknownModel = "unknown";  // of money posted without a table

using WindowKey = std::pair<std::int64_t, std::int32_t>;  // account, day

struct WindowSums {
  Money spent, ceiling;
};

void At(const LedgerOptions& options, Step step) {
  if (options.failpoint) options.failpoint(step);
}

// The windows that promise room; only they can have had dispatches since their last commit.
Result<std::map<WindowKey, WindowSums>> ReadOpenWindows(store::Database& database) {
  TIDEGATE_ASSIGN(
      store::Statement read,
      database.Prepare("SELECT account, day, spent, ceiling FROM windows WHERE ceiling > spent"));
  std::map<WindowKey, WindowSums> windows;
  store::Rows rows = read.Query();
  for (;;) {
    TIDEGATE_ASSIGN(const bool more, rows.Step());
    if (!more) return windows;
    windows[{rows.Int(0), static_cast<std::int32_t>(rows.Int(1))}] = {Money{rows.Int(2)},
                                                                      Money{rows.Int(3)}};
  }
}

Result<WindowSums> ReadWindow(store::Database& database, const WindowKey& key) {
  TIDEGATE_ASSIGN(
      store::Statement read,
      database.Prepare("SELECT spent, ceiling FROM windows WHERE account = ?1 AND day = ?2"));
  store::Rows rows = read.Query(key.first, key.second);
  TIDEGATE_ASSIGN(const bool found, rows.Step());
  if (!found) return Internal(database.path() + " lacks a window that the in-flight table names");
  return WindowSums{Money{rows.Int(0)}, Money{rows.Int(1)}};
}

// What a slot adds to the sums; no dispatches when it adds nothing.
SpendDelta DeltaOf(const SlotImage& slot, std::uint64_t settled_through, RecoveryReport& report) {
  SpendDelta delta;
  switch (slot.state) {
    case SlotState::kFree:
      break;
    case SlotState::kReserved:
      ++report.voided;
      break;
    case SlotState::kDispatched:
      ++report.assumed;
      delta.dispatches = 1;
      delta.cost = delta.assumed = Money{slot.body.worst_case};
      report.assumed_cost += delta.cost;
      break;
    case SlotState::kSettling:
      if (slot.settlement.number <= settled_through) break;
      ++report.settled;
      delta.dispatches = 1;
      delta.input_tokens = slot.settlement.input_tokens;
      delta.output_tokens = slot.settlement.output_tokens;
      delta.cost = Money{slot.settlement.cost};
      if (slot.settlement.assumed != 0) delta.assumed = delta.cost;
      if (slot.settlement.estimated != 0) delta.estimated = delta.cost;
      break;
  }
  return delta;
}

Result<void> PostSlots(store::Database& database, Poster& poster,
                       const std::vector<SlotImage>& slots, std::uint64_t& settled_through,
                       RecoveryReport& report) {
  std::uint64_t last = settled_through;
  for (const SlotImage& slot : slots) {
    const SpendDelta delta = DeltaOf(slot, settled_through, report);
    if (slot.state == SlotState::kSettling && slot.settlement.number > last) {
      last = slot.settlement.number;
    }
    if (delta.dispatches == 0) continue;
    const WindowKey key{slot.body.account, slot.body.day};
    TIDEGATE_ASSIGN(const WindowSums sums, ReadWindow(database, key));
    const Money spent = sums.spent + delta.cost;
    TIDEGATE_TRY(poster.PutWindow(key.first, key.second, spent, std::max(spent, sums.ceiling)));
    TIDEGATE_TRY(poster.AddSpend(key.first, key.second, slot.body.Model(),
                                 static_cast<core::Place>(slot.body.place), delta));
  }
  settled_through = last;
  return {};
}

Result<void> PostRooms(store::Database& database, Poster& poster, RecoveryReport& report) {
  TIDEGATE_ASSIGN(const auto windows, ReadOpenWindows(database));
  for (const auto& [key, sums] : windows) {
    SpendDelta delta;
    delta.dispatches = 1;
    delta.cost = delta.assumed = sums.ceiling - sums.spent;
    ++report.assumed;
    report.assumed_cost += delta.cost;
    TIDEGATE_TRY(poster.PutWindow(key.first, key.second, sums.ceiling, sums.ceiling));
    TIDEGATE_TRY(poster.AddSpend(key.first, key.second, kUnknownModel, core::Place::kCloud, delta));
  }
  return {};
}

std::string TablePath(const LedgerOptions& options, std::uint64_t ledger_id) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string id(16, '0');
  for (std::size_t i = 0; i < id.size(); ++i) id[i] = kDigits[ledger_id >> (60 - 4 * i) & 0xf];
  return options.in_flight_directory + "/tidegate-" + id + ".inflight";
}

}  // namespace

Result<Recovered> Recover(store::Database& database, const LedgerOptions& options) {
  TableIdentity identity;
  TIDEGATE_ASSIGN(const std::int64_t ledger_id, ReadMeta(database, kMetaLedgerId));
  TIDEGATE_ASSIGN(const std::int64_t epoch, ReadMeta(database, kMetaEpoch));
  TIDEGATE_ASSIGN(const std::int64_t settled, ReadMeta(database, kMetaSettledThrough));
  identity.ledger_id = static_cast<std::uint64_t>(ledger_id);
  identity.epoch = static_cast<std::uint64_t>(epoch);
  identity.boot_id = options.boot_id;
  if (identity.boot_id.empty()) {
    TIDEGATE_ASSIGN(identity.boot_id, ReadBootId());
  }
  const std::string path = TablePath(options, identity.ledger_id);
  const Result<std::vector<SlotImage>> slots = ReadTable(path, identity);
  At(options, Step::kRecoveryRead);

  RecoveryReport report;
  auto settled_through = static_cast<std::uint64_t>(settled);
  TIDEGATE_ASSIGN(store::Transaction transaction, store::Transaction::Begin(database));
  {
    TIDEGATE_ASSIGN(Poster poster, Poster::Prepare(database));
    report.exact = slots.ok();
    if (slots.ok()) {
      TIDEGATE_TRY(PostSlots(database, poster, *slots, settled_through, report));
    } else {
      report.why_not_exact = slots.error().message;
      TIDEGATE_TRY(PostRooms(database, poster, report));
    }
    ++identity.epoch;
    TIDEGATE_TRY(poster.PutMeta(kMetaEpoch, static_cast<std::int64_t>(identity.epoch)));
    TIDEGATE_TRY(poster.PutMeta(kMetaSettledThrough, static_cast<std::int64_t>(settled_through)));
  }
  TIDEGATE_TRY(database.Execute("UPDATE windows SET ceiling = spent WHERE ceiling > spent"));
  TIDEGATE_TRY(transaction.Commit());
  At(options, Step::kRecoveryCommitted);
  TIDEGATE_ASSIGN(InFlightTable table,
                  InFlightTable::Create(path, identity, options.in_flight_max));
  At(options, Step::kRecoveryTableReady);
  return Recovered{std::move(report), settled_through, std::move(table)};
}

}  // namespace tidegate::ledger
