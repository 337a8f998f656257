// The moments between two steps of the pay path at which a test may end the process.
#pragma once

#include <cstdint>
#include <functional>

namespace tidegate::ledger {

enum class Step : std::uint8_t {
  kReserveBegin,        // nothing done
  kSlotWritten,         // the reservation stands in the in-flight table
  kDispatchMarked,      // and is marked dispatched; no byte sent
  kSettleBegin,         // the answer is complete, nothing posted
  kSlotSettling,        // the settlement stands in the table
  kSettled,             // and in memory
  kCommitBegin,         // on the writer's thread: a batch was taken
  kCommitWritten,       // its rows are written, not committed
  kCommitDurable,       // committed; its slots are not free yet
  kSlotsFreed,          // they are
  kRecoveryRead,        // at start: the old table was read
  kRecoveryCommitted,   // its outcome is in the database; the new table does not exist
  kRecoveryTableReady,  // it does
};
inline constexpr int kSteps = 13;

// Empty in production. Called on the thread that takes the step, possibly under a lock: it may note
// or _exit, not call back.
using Failpoint = std::function<void(Step)>;

}  // namespace tidegate::ledger
