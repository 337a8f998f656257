#include "engine/slot_map.h"

#include <algorithm>
#include <utility>

namespace tidegate::engine {
namespace {

constexpr int kTurnsMin = 2;  // of a conversation that is worth a file of its own
// For each slot, how many answers wait for a list that shows where they came from.
constexpr std::size_t kAnsweredMax = 2;

// How far `conversation` is the same as that which ended where `mark` was made; 0 = it did not go
// on from there.
std::size_t Depth(const SlotMarks& conversation, const Sha256& mark) {
  const auto at = std::find(conversation.rbegin(), conversation.rend(), mark);
  return static_cast<std::size_t>(conversation.rend() - at);
}

// How far both are the same.
std::size_t Common(const SlotMarks& a, const SlotMarks& b) {
  const auto parts = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
  return static_cast<std::size_t>(parts.first - a.begin());
}

const SlotReport* ReportOf(const std::vector<SlotReport>& reports, int slot) {
  const auto at = std::find_if(reports.begin(), reports.end(),
                               [slot](const SlotReport& report) { return report.id == slot; });
  return at == reports.end() ? nullptr : &*at;
}

}  // namespace

const SlotMap::Held* SlotMap::Find(int slot) const {
  const auto at = held_.find(slot);
  return at == held_.end() ? nullptr : &at->second;
}

void SlotMap::Forget(const KeptSlot& kept) {
  std::erase_if(kept_, [&](const KeptSlot& other) { return other.name == kept.name; });
}

void SlotMap::Place(int slot, KeptSlot kept, std::int64_t task) {
  Clear(slot, false);
  Forget(kept);
  Held held;
  held.task = task;
  held.turns = kTurnsMin;  // it came back
  if (kept.conversation != Sha256{}) held.marks = {kept.conversation};
  held.file = std::move(kept);
  held_[slot] = std::move(held);
}

void SlotMap::Clear(int slot, bool written) {
  const auto at = held_.find(slot);
  if (at == held_.end()) return;
  if (!written && at->second.file) kept_.push_back(*std::move(at->second.file));
  held_.erase(at);
}

void SlotMap::Note(const SlotReport& report, const SlotMarks& conversation) {
  Held& held = held_[report.id];
  held.task = report.task;
  held.changed = true;
  if (conversation.empty()) {  // nobody knows whose it is; what it was may have gone on
    held.marks.clear();
    held.turns = 0;
    return;
  }
  const bool went_on = !held.marks.empty() && Depth(conversation, held.marks.back()) > 0;
  if (!went_on && held.file) kept_.push_back(*std::exchange(held.file, std::nullopt));
  held.turns = went_on ? held.turns + 1 : 1;
  held.marks = conversation;
}

void SlotMap::Answered(SlotMarks conversation) {
  --under_way_;
  // Nobody looks for the slots of those: that there were some is enough.
  if (conversation.empty() && !answered_.empty() && answered_.back().empty()) return;
  answered_.push_back(std::move(conversation));
}

void SlotMap::Note(const std::vector<SlotReport>& reports) {
  std::vector<SlotReport> changed;
  for (const SlotReport& report : reports) {
    const Held* held = Find(report.id);
    if (!report.busy && (held == nullptr || held->task != report.task)) changed.push_back(report);
  }
  std::sort(changed.begin(), changed.end(),
            [](const SlotReport& a, const SlotReport& b) { return a.task < b.task; });
  // One of them belongs to a request that has ended and has not said so yet.
  if (changed.size() > answered_.size() && under_way_ > 0) return;
  if (changed.size() < answered_.size()) {
    std::erase_if(answered_, [](const SlotMarks& marks) { return marks.empty(); });
    const bool busy = std::any_of(reports.begin(), reports.end(),
                                  [](const SlotReport& report) { return report.busy; });
    const bool few = answered_.size() <= kAnsweredMax * static_cast<std::size_t>(slots_);
    // A slot may have been given its next turn already: it tells when that has ended.
    if (busy && few && changed.size() < answered_.size()) return;
  }
  const bool one_slot = changed.size() == 1 && !answered_.empty();  // that all of them took
  if (one_slot) {
    for (const SlotMarks& marks : answered_) Note(changed.front(), marks);
  } else {
    // The first ones may have been many without a conversation.
    if (!answered_.empty() && answered_.front().empty() && changed.size() > answered_.size()) {
      answered_.insert(answered_.begin(), changed.size() - answered_.size(), SlotMarks());
    }
    const bool known = changed.size() == answered_.size();
    for (std::size_t i = 0; i < changed.size(); ++i) {
      Note(changed[i], known ? answered_[i] : SlotMarks());
    }
  }
  answered_.clear();
}

std::size_t SlotMap::BestInSlots(const SlotMarks& conversation) const {
  std::size_t best = 0;
  for (const auto& [slot, held] : held_) {
    if (!held.marks.empty()) best = std::max(best, Depth(conversation, held.marks.back()));
  }
  for (const SlotMarks& marks : answered_) {  // in one of them, too
    if (!marks.empty()) best = std::max(best, Depth(conversation, marks.back()));
  }
  return best;
}

bool SlotMap::Concerns(const SlotMarks& conversation) const {
  if (conversation.empty()) return false;
  if (Wanted(conversation)) return true;
  // An answer that was not looked at yet may have used another slot, or have been a next turn.
  const bool all_used = held_.size() + answered_.size() >= static_cast<std::size_t>(slots_);
  // What was answered without a conversation may have taken the slot of this one.
  const bool taken = std::any_of(answered_.begin(), answered_.end(),
                                 [](const SlotMarks& marks) { return marks.empty(); });
  if (BestInSlots(conversation) > 0) return taken;
  if (!all_used) return false;
  return !answered_.empty() || std::any_of(held_.begin(), held_.end(), [this](const auto& entry) {
    return WorthWriting(entry.first);
  });
}

std::optional<KeptSlot> SlotMap::Wanted(const SlotMarks& conversation) const {
  const KeptSlot* best = nullptr;
  std::pair<std::size_t, std::int64_t> most{BestInSlots(conversation), 0};
  for (const KeptSlot& kept : kept_) {
    const std::size_t depth = Depth(conversation, kept.conversation);
    if (depth <= BestInSlots(conversation) || std::pair(depth, kept.tokens) <= most) continue;
    most = {depth, kept.tokens};
    best = &kept;
  }
  return best == nullptr ? std::nullopt : std::optional(*best);
}

std::optional<int> SlotMap::PlaceFor(const std::vector<SlotReport>& reports) const {
  // From the end: whoever has something new to say gets the first that was never used.
  for (int slot = slots_ - 1; slot >= 0; --slot) {
    if (ReportOf(reports, slot) == nullptr && Find(slot) == nullptr) return slot;
  }
  std::optional<int> oldest;
  std::int64_t oldest_task = 0;
  for (int slot = 0; slot < slots_; ++slot) {
    const SlotReport* report = ReportOf(reports, slot);
    if (report != nullptr && report->busy) continue;
    const std::int64_t task = report == nullptr ? -1 : report->task;
    if (oldest && task >= oldest_task) continue;
    oldest = slot;
    oldest_task = task;
  }
  return oldest;
}

std::optional<int> SlotMap::TakenFor(const SlotMarks& conversation,
                                     const std::vector<SlotReport>& reports) const {
  if (BestInSlots(conversation) > 0) return std::nullopt;
  std::optional<int> alike;
  std::size_t most = 0;
  for (const auto& [slot, held] : held_) {
    const std::size_t common = Common(conversation, held.marks);
    if (common <= most) continue;
    most = common;
    alike = slot;
  }
  if (alike) return alike;
  const std::optional<int> place = PlaceFor(reports);
  const bool unused = place && ReportOf(reports, *place) == nullptr && Find(*place) == nullptr;
  return unused ? std::nullopt : place;
}

bool SlotMap::WorthWriting(int slot) const {
  const Held* held = Find(slot);
  return held != nullptr && held->changed && held->turns >= kTurnsMin;
}

bool SlotMap::IsKept(const SlotReport& report) const {
  const Held* held = Find(report.id);
  return held != nullptr && held->file && !held->changed && held->task == report.task;
}

Sha256 SlotMap::MarkOf(int slot) const {
  const Held* held = Find(slot);
  return held == nullptr || held->marks.empty() ? Sha256{} : held->marks.back();
}

std::string SlotMap::Superseded(const SlotReport& report) const {
  const Held* held = Find(report.id);
  if (held == nullptr || !held->file) return {};
  // Where nobody knows, its length tells as well as it can; else both stay.
  const bool same = !held->marks.empty() || held->file->tokens <= report.tokens;
  return same ? held->file->name : std::string();
}

}  // namespace tidegate::engine
