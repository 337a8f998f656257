// What an earlier process left behind becomes settled money before the first new reservation.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "ledger/failpoint.h"
#include "ledger/in_flight_table.h"
#include "ledger/ledger.h"
#include "store/database.h"

namespace tidegate::ledger {

struct Recovered {
  RecoveryReport report;
  std::uint64_t settled_through = 0;
  InFlightTable table;  // fresh, of the new epoch
};

// Posts, in one durable transaction, what the table at options.in_flight_directory proves, or every
// account's room when it proves nothing; then makes a fresh table. A crash at any moment of it, and
// doing it again, gives the same sums: the transaction also raises the epoch, after which the old
// table is another run's and no account has room left.
Result<Recovered> Recover(store::Database& database, const LedgerOptions& options);

}  // namespace tidegate::ledger
