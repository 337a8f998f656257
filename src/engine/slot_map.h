// What the slots of one process are known to hold, and what is kept of other conversations on the
// disk: decides what is worth reading from there, in whose place, and what is worth writing first.
// All decisions, no I/O.
//
// A slot belongs to whoever's request it answered last, and llama-server alone chooses it. So after
// each answer of a conversation its list of slots is looked at: the one with a new task holds it.
// Where several ended at once, the order of their tasks is taken for that of the requests. A wrong
// guess costs time and nothing else: llama-server goes by the tokens themselves.
//
// A conversation that only began is not written when another takes its place: a thousand single
// questions would be a thousand files. One that went on at least once is.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "base/digest.h"
#include "engine/slot_store.h"

namespace tidegate::engine {

// What a llama-server reports of one slot.
struct SlotReport {
  int id = 0;
  std::int64_t tokens = 0;
  std::int64_t task = 0;  // the latest it had: greater is later
  bool busy = false;
};

// Of each beginning of a conversation: SlotStore::Mark.
using SlotMarks = std::vector<Sha256>;

class SlotMap {
 public:
  explicit SlotMap(int slots) : slots_(slots) {}

  // A kept conversation that is in no slot.
  void AddKept(KeptSlot kept) { kept_.push_back(std::move(kept)); }
  void Forget(const KeptSlot& kept);
  // It is in this slot now, whose latest task was `task`; -1 = it had none.
  void Place(int slot, KeptSlot kept, std::int64_t task);
  // What is in this slot goes: to the disk (`written`: under another name than before), or it is
  // there.
  void Clear(int slot, bool written);
  // A request may be sent from now on; Answered comes when it has ended.
  void Granted() { ++under_way_; }
  void Answered(SlotMarks conversation);
  void Note(const std::vector<SlotReport>& reports);

  // Whether something is to be done before a request of this conversation is sent, as far as is
  // known without the reports.
  bool Concerns(const SlotMarks& conversation) const;
  // What is kept of it, if that is more than any slot has.
  std::optional<KeptSlot> Wanted(const SlotMarks& conversation) const;
  // The slot to read it into: one that nobody used, else the longest unused.
  std::optional<int> PlaceFor(const std::vector<SlotReport>& reports) const;
  // The slot that llama-server will take for it from another conversation; none if it need not.
  std::optional<int> TakenFor(const SlotMarks& conversation,
                              const std::vector<SlotReport>& reports) const;
  // It went on at least once, and the disk has not got all of it.
  bool WorthWriting(int slot) const;
  // It is on the disk as it is in the slot.
  bool IsKept(const SlotReport& report) const;
  // What a file of this slot is known by, all zero when nobody knows; and the one it replaces.
  Sha256 MarkOf(int slot) const;
  std::string Superseded(const SlotReport& report) const;

 private:
  struct Held {
    std::int64_t task = -1;
    SlotMarks marks = {};  // the last is its own; empty: nobody knows
    int turns = 0;         // that went on in it
    std::optional<KeptSlot> file = {};
    bool changed = false;  // since it was in that file
  };
  void Note(const SlotReport& report, const SlotMarks& conversation);
  const Held* Find(int slot) const;
  std::size_t BestInSlots(const SlotMarks& conversation) const;

  const int slots_;
  std::map<int, Held> held_;
  std::vector<KeptSlot> kept_;
  std::vector<SlotMarks> answered_;  // whose slots are not known yet, in their order
  int under_way_ = 0;
};

}  // namespace tidegate::engine
