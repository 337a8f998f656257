// What is in flight must be known after the process was killed, without a system call per request.
//
// A file mapped MAP_SHARED keeps every store that the process made, whatever ends the process; only
// the machine's own end loses them, and then the header's boot id tells. Each paid reservation has
// a slot; its state is one aligned word that is stored last, so that a killed process leaves every
// slot either before or after a step. docs/format_ledger.md has the layout.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"

namespace tidegate::ledger {

inline constexpr std::uint32_t kNoSlot = 0xffff'ffff;
inline constexpr std::size_t kSlotModelBytes = 80;  // longer model names are cut in the table

enum class SlotState : std::uint32_t { kFree = 0, kReserved = 1, kDispatched = 2, kSettling = 3 };

// Fixed when the slot is taken.
struct SlotBody {
  std::uint64_t id_high = 0, id_low = 0;
  std::int64_t worst_case = 0;  // nano-dollars
  std::int64_t wall_nanos = 0;
  std::uint32_t account = 0;
  std::int32_t day = 0;
  std::uint32_t attempt = 0;
  std::uint8_t place = 0;
  std::uint8_t model_bytes = 0;
  std::array<std::uint8_t, 2> zero{};
  std::array<char, kSlotModelBytes> model{};

  void SetModel(std::string_view name);
  std::string_view Model() const { return {model.data(), model_bytes}; }
};
static_assert(sizeof(SlotBody) == 128);

// Fixed when it begins to settle.
struct SlotSettlement {
  std::uint64_t number = 0;  // settlements count up; compared with meta.settled_through
  std::int64_t cost = 0;     // nano-dollars
  std::int64_t input_tokens = 0, output_tokens = 0;
  std::uint8_t assumed = 0, estimated = 0;
  std::array<std::uint8_t, 6> zero{};
};
static_assert(sizeof(SlotSettlement) == 40);

struct Slot {
  std::atomic<SlotState> state;
  std::uint32_t zero;
  SlotBody body;
  std::uint64_t body_sum;
  SlotSettlement settlement;
  std::uint64_t settlement_sum;
};
static_assert(sizeof(Slot) == 192 && std::atomic<SlotState>::is_always_lock_free);

// Whose table it is.
struct TableIdentity {
  std::uint64_t ledger_id = 0;
  std::uint64_t epoch = 0;
  std::string boot_id;  // at most 63 bytes
};

// A slot as an earlier process left it.
struct SlotImage {
  SlotState state = SlotState::kFree;
  SlotBody body;
  SlotSettlement settlement;
};

// The kernel's id of this boot.
Result<std::string> ReadBootId();

// The slots in use in the table at `path`. An error, with one sentence why, unless the file is
// wholly intact and has exactly this identity.
Result<std::vector<SlotImage>> ReadTable(const std::string& path, const TableIdentity& identity);

// Thread-compatible, except that MarkDispatched may be called for different slots at once.
// Move-only.
class InFlightTable {
 public:
  // Makes a fresh table in place of what is at `path`, with all its disk space allocated.
  static Result<InFlightTable> Create(const std::string& path, const TableIdentity& identity,
                                      std::size_t slots);
  InFlightTable(InFlightTable&& other) noexcept;
  InFlightTable& operator=(InFlightTable&&) = delete;
  ~InFlightTable();

  // A slot in state kReserved, or kNoSlot when all are in use.
  std::uint32_t Take(const SlotBody& body);
  void MarkDispatched(std::uint32_t slot);
  void MarkSettling(std::uint32_t slot, const SlotSettlement& settlement);
  void Free(std::uint32_t slot);
  std::size_t in_use() const { return in_use_; }

 private:
  InFlightTable(void* mapping, std::size_t bytes, std::size_t slots);
  Slot& At(std::uint32_t slot);

  void* mapping_;
  std::size_t bytes_;
  std::size_t slots_;
  std::size_t touched_ = 0;          // slots below were used before; those above were never written
  std::vector<std::uint32_t> free_;  // of those; the last freed is taken first: few pages
  std::size_t in_use_ = 0;
};

}  // namespace tidegate::ledger
