#include "engine/residency.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/check.h"
#include "engine/supervisor.h"

namespace tidegate::engine {
namespace {

using Kind = Decision::Kind;

constexpr std::int64_t kNanosPerSecond = 1'000'000'000;
constexpr std::int64_t kRetryAfterSMin = 5;
constexpr std::size_t kHoldersTold = 3;
constexpr std::uint64_t kUnlimited = std::numeric_limits<std::uint64_t>::max();

std::string SecondsText(std::int64_t nanos) {
  return std::to_string(nanos / kNanosPerSecond) + " s";
}

Error MemoryError(const std::string& model, std::uint64_t bytes, const std::string& where,
                  const std::string& why) {
  Error error =
      Unavailable(ErrorSource::kEngine, "local model \"" + model + "\" needs " +
                                            GibibytesText(bytes) + " of " + where + " and " + why);
  error.reason = "engine_memory";
  return error;
}

}  // namespace

std::string GibibytesText(std::uint64_t bytes) {
  constexpr std::uint64_t kGibibyte = 1ULL << 30U;
  // Rounded up: a need that is shown is enough.
  const std::uint64_t tenths =
      bytes / kGibibyte * 10 + (bytes % kGibibyte * 10 + kGibibyte - 1) / kGibibyte;
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " GiB";
}

// --- what is known ---

const Residency::Entry* Residency::Find(std::string_view model) const {
  const auto at = entries_.find(model);
  return at == entries_.end() ? nullptr : &at->second;
}

Residency::Entry* Residency::Find(std::string_view model) {
  return const_cast<Entry*>(std::as_const(*this).Find(model));
}

void Residency::Add(const std::string& model, const MemoryAmount& bytes) {
  Entry& entry = entries_[model];
  entry.model = model;
  entry.bytes = bytes;
}

Decisions Residency::Remove(std::int64_t now, std::string_view model) {
  Decisions decisions;
  const auto at = entries_.find(model);
  if (at == entries_.end()) return decisions;
  std::erase(active_, &at->second);
  entries_.erase(at);
  Decide(now, decisions);
  return decisions;
}

Decisions Residency::Pin(std::int64_t now, std::string_view model, bool pinned) {
  Decisions decisions;
  Entry* entry = Find(model);
  if (entry == nullptr || entry->pinned == pinned) return decisions;
  entry->pinned = pinned;
  entry->refused = false;
  if (pinned && entry->use.phase == Phase::kWanting && entry->use.waiting == 0) {
    Queue(now, *entry);
  }
  Decide(now, decisions);
  return decisions;
}

Decisions Residency::Update(std::int64_t now, std::string_view model, const Use& use) {
  Decisions decisions;
  Entry* entry = Find(model);
  if (entry == nullptr) return decisions;
  Note(now, *entry, use);
  Decide(now, decisions);
  return decisions;
}

Decisions Residency::OnTimer(std::int64_t now) {
  Decisions decisions;
  Decide(now, decisions);
  return decisions;
}

void Residency::SeedUses(std::int64_t now, std::string_view model, double uses) {
  Entry* entry = Find(model);
  if (entry == nullptr) return;
  entry->weight.Note(now, uses);
  quiet_since_ = std::max(quiet_since_, now);
  preload_done_ = false;
  if (limits_.preload_bytes > 0) WakeBy(now + limits_.preload_pause_nanos);
}

void Residency::Note(std::int64_t now, Entry& entry, const Use& use) {
  const Use before = std::exchange(entry.use, use);
  const bool used = use.grants > before.grants;
  if (used) entry.weight.Note(now, static_cast<double>(use.grants - before.grants));
  const bool is_new = use.phase != before.phase;
  if (is_new && before.phase == Phase::kAbsent) active_.push_back(&entry);
  if (is_new && use.phase == Phase::kAbsent) std::erase(active_, &entry);
  switch (use.phase) {
    case Phase::kAbsent:
      if (is_new) Gone(entry);
      break;
    case Phase::kWanting:
      if (is_new) Gone(entry);
      // One that was pinned, or is to come again, has its place already.
      if (is_new || (before.waiting == 0 && use.waiting > 0 && !entry.pinned && !entry.claimed)) {
        Queue(now, entry);
      }
      break;
    case Phase::kLoading:
      entry.started = false;
      entry.claimed = false;
      entry.claim_until = 0;
      break;
    case Phase::kResident:
      if (is_new) {
        entry.ready_at = now;
        entry.preloadable = false;
      }
      if (is_new || used || before.users > 0 || before.waiting > 0) entry.idle_at = now;
      break;
    case Phase::kLeaving:
      if (std::exchange(entry.yielding, false)) entry.preloadable = true;
      break;
  }
}

// Behind all that want to load.
void Residency::Queue(std::int64_t now, Entry& entry) {
  entry.wanted_at = now;
  entry.order = next_order_++;
  entry.overtaken = 0;
}

// Its process, if it had one.
void Residency::Gone(Entry& entry) {
  if (std::exchange(entry.yielding, false)) entry.preloadable = true;
  entry.started = false;
  entry.claimed = false;
  entry.claim_until = 0;
  entry.held = {};
}

MemoryAmount Residency::Budget() const {
  return {limits_.budget_bytes > 0 ? limits_.budget_bytes : kUnlimited,
          limits_.device_bytes > 0 ? limits_.device_bytes : kUnlimited};
}

MemoryAmount Residency::Free() const {
  MemoryAmount held;
  for (const Entry* entry : active_) held += entry->held;
  return Budget().Less(held);
}

MemoryAmount Residency::Leaving() const {
  MemoryAmount leaving;
  for (const Entry* entry : active_) {
    if (entry->use.phase == Phase::kLeaving) leaving += entry->held;
  }
  return leaving;
}

std::int64_t Residency::Quantum(const Entry& entry) const {
  const std::int64_t load = std::min(entry.use.load_nanos, limits_.quantum_nanos_max);
  return std::clamp(load * limits_.quantum_loads, limits_.quantum_nanos_min,
                    limits_.quantum_nanos_max);
}

Decisions Residency::SetDeviceBytes(std::int64_t now, std::uint64_t bytes) {
  limits_.device_bytes = bytes;
  Decisions decisions;
  Decide(now, decisions);
  return decisions;
}

void Residency::WakeBy(std::int64_t when) { wake_at_ = std::min(wake_at_.value_or(when), when); }

// --- what to do ---

// One pass over everything that is not absent. It has no memory but what the entries hold, so the
// order in which news arrives cannot lead it astray: what it wants is what it would want if it saw
// everything for the first time, and only the difference to what was said before comes out.
void Residency::Decide(std::int64_t now, Decisions& out) {
  wake_at_.reset();
  KeepClaims(now);
  if (!limited()) {
    for (Entry* entry : Wanting()) Start(*entry, out);
    return;
  }
  ShareOut(now, out);
  ExpireWaits(now, out);
}

void Residency::ShareOut(std::int64_t now, Decisions& out) {
  std::vector<Entry*> wanting = Wanting();
  RefuseImpossible(wanting, out);
  RecallPinned(out);
  while (!wanting.empty() && wanting.front()->bytes.FitsInto(Free())) {
    Start(*wanting.front(), out);
    wanting.erase(wanting.begin());
  }
  if (wanting.empty() || !wanting.front()->asked()) {
    ResumeAll({}, out);
    for (Entry* entry : wanting) {
      if (entry->bytes.FitsInto(Free())) Start(*entry, out);
    }
    Preload(now, out);
    return;
  }
  quiet_since_ = now;
  Overtake(wanting, MakeRoom(now, *wanting.front(), out), out);
}

// Those that room is made for first, each kind in the order of its coming.
std::vector<Residency::Entry*> Residency::Wanting() const {
  std::vector<Entry*> wanting;
  for (Entry* entry : active_) {
    if (entry->use.phase == Phase::kWanting && !entry->started) wanting.push_back(entry);
  }
  std::sort(wanting.begin(), wanting.end(), [](const Entry* a, const Entry* b) {
    return a->asked() != b->asked() ? a->asked() : a->order < b->order;
  });
  return wanting;
}

std::optional<Error> Residency::ImpossibleError(const Entry& entry) const {
  if (!limited()) return std::nullopt;
  MemoryAmount pinned;
  for (const Entry* other : active_) {
    if (other != &entry && other->pinned) pinned += other->held;
  }
  return BesidePinned(entry, pinned);
}

std::optional<Error> Residency::PinError(std::string_view model) const {
  const Entry* entry = Find(model);
  if (entry == nullptr || !limited()) return std::nullopt;
  MemoryAmount pinned;
  for (const auto& [name, other] : entries_) {
    if (&other == entry || !other.pinned) continue;
    pinned += other.held.none() ? other.bytes : other.held;
  }
  return BesidePinned(*entry, pinned);
}

// Why `entry` cannot be loaded while others hold so much for good.
std::optional<Error> Residency::BesidePinned(const Entry& entry, const MemoryAmount& pinned) const {
  const MemoryAmount budget = Budget();
  const auto judge = [&](std::uint64_t bytes, std::uint64_t most, std::uint64_t held_pinned,
                         const std::string& where) -> std::optional<Error> {
    if (bytes > most) {
      return MemoryError(
          entry.model, bytes, where,
          "all local models together may use " + GibibytesText(most) +
              "; a smaller quantisation, a shorter context or a larger budget helps");
    }
    if (held_pinned > most - bytes) {
      return MemoryError(entry.model, bytes, where,
                         "of the " + GibibytesText(most) + " for all local models, pinned ones " +
                             "hold " + GibibytesText(held_pinned) +
                             "; unpin one of them ('tidegate ps --all' shows which they are)");
    }
    return std::nullopt;
  };
  if (auto error = judge(entry.bytes.host, budget.host, pinned.host, "memory")) return error;
  return judge(entry.bytes.device, budget.device, pinned.device, "graphics memory");
}

void Residency::RefuseImpossible(std::vector<Entry*>& wanting, Decisions& out) {
  std::erase_if(wanting, [&](Entry* entry) {
    std::optional<Error> error = ImpossibleError(*entry);
    if (!error) return false;
    entry->refused = entry->pinned && entry->use.waiting == 0;
    out.push_back({Kind::kRefuse, entry->model, *std::move(error)});
    return true;
  });
}

void Residency::KeepClaims(std::int64_t now) {
  for (Entry* entry : active_) {
    entry->claimed = now < entry->claim_until;
    if (entry->claimed) WakeBy(entry->claim_until);
  }
}

// Its own has to be free first, too: those who ask a model that makes room wait for its last
// answers, for the others, and for its coming back.
bool Residency::WaitsForMemory(const Entry& entry) {
  const bool ends = entry.yielding || (entry.use.phase == Phase::kLeaving && entry.use.users > 0);
  return ends || (entry.use.phase == Phase::kWanting && !entry.started);
}

void Residency::ExpireWaits(std::int64_t now, Decisions& out) {
  if (limits_.wait_nanos_max == 0) return;
  for (Entry* entry : active_) {
    if (!WaitsForMemory(*entry) || entry->use.waiting == 0) continue;
    const std::int64_t ends = entry->use.waiting_since + limits_.wait_nanos_max;
    if (ends > now) {
      WakeBy(ends);
      continue;
    }
    Decision decision = entry->Say(Kind::kExpire);
    decision.error = WaitError(now, *entry);
    decision.since = now - limits_.wait_nanos_max;
    if (entry->use.phase == Phase::kWanting) {
      entry->claim_until =
          now + decision.error.retry_after_s * kNanosPerSecond + limits_.claim_nanos;
    }
    out.push_back(std::move(decision));
  }
}

Error Residency::WaitError(std::int64_t now, const Entry& entry) const {
  Error error = Unavailable(ErrorSource::kEngine,
                            "a request waited " + SecondsText(limits_.wait_nanos_max) +
                                " (engine.wait_max_s) for " + GibibytesText(entry.bytes.Total()) +
                                " of memory for local model \"" + entry.model +
                                "\": " + HeldBy(now, entry.model) +
                                "; try again later, when that has ended, or stop or unpin a model");
  error.reason = "engine_memory_busy";
  error.retry_after_s = std::clamp<std::int64_t>(
      ExpectedWait(now, entry.model) / kNanosPerSecond + 1, kRetryAfterSMin, kRetryAfterSMax);
  return error;
}

void Residency::RecallPinned(Decisions& out) {
  for (auto& [name, entry] : entries_) {
    if (!entry.refused || entry.use.phase != Phase::kAbsent || ImpossibleError(entry)) continue;
    entry.refused = false;
    out.push_back(entry.Say(Kind::kPreload));
  }
}

void Residency::Start(Entry& entry, Decisions& out) {
  entry.started = true;
  entry.held = entry.bytes;
  out.push_back({Kind::kStart, entry.model});
}

// Has others go until `head` fits, and says how many bytes are on their way to it, beyond those
// that are free; none = there is nobody who could go yet.
MemoryAmount Residency::MakeRoom(std::int64_t now, const Entry& head, Decisions& out) {
  const MemoryAmount leaving = Leaving();
  const MemoryAmount have = Free() + leaving;
  if (head.bytes.FitsInto(have)) {
    ResumeAll({}, out);
    return leaving;
  }
  MemoryAmount possible;
  std::vector<Candidate> candidates = Candidates(now, head, head.wanted_at);
  std::erase_if(candidates, [&](const Candidate& candidate) {
    if (candidate.available_at > now) {
      WakeBy(candidate.available_at);
      return true;
    }
    possible += candidate.entry->held;
    return false;
  });
  const MemoryAmount need = head.bytes.Less(have);
  if (!need.FitsInto(possible)) {
    ResumeAll({}, out);
    return {};
  }
  const std::vector<Candidate> victims = Cheapest(std::move(candidates), need);
  ResumeAll(victims, out);
  MemoryAmount coming = leaving;
  for (const Candidate& victim : victims) {
    coming += victim.entry->held;
    if (!std::exchange(victim.entry->yielding, true)) {
      out.push_back({Kind::kYield, victim.entry->model});
    }
  }
  return coming;
}

// `wanted_at`: when `head` began to wait.
std::vector<Residency::Candidate> Residency::Candidates(std::int64_t now, const Entry& head,
                                                        std::int64_t wanted_at) const {
  std::vector<Candidate> candidates;
  for (Entry* entry : active_) {
    if (entry->use.phase != Phase::kResident || entry->pinned || entry == &head) continue;
    Candidate candidate{entry, entry->use.users == 0 && entry->use.waiting == 0, 0, 0};
    candidate.value = static_cast<double>(entry->use.load_nanos) * entry->weight.At(now) /
                      static_cast<double>(std::max<std::uint64_t>(entry->held.Total(), 1));
    candidate.available_at = std::max(entry->ready_at, wanted_at) + Quantum(*entry);
    if (candidate.idle) {
      candidate.available_at =
          std::min(candidate.available_at, entry->idle_at + limits_.linger_nanos);
    }
    if (entry->yielding) candidate.available_at = now;
    candidates.push_back(candidate);
  }
  return candidates;
}

// Idle ones before those that lose the rest of their turn, those of least value first, and none
// that the others make needless. REQUIRES: together they cover `need`.
std::vector<Residency::Candidate> Residency::Cheapest(std::vector<Candidate> of,
                                                      const MemoryAmount& need) {
  std::sort(of.begin(), of.end(), [](const Candidate& a, const Candidate& b) {
    if (a.idle != b.idle) return a.idle;
    if (a.value != b.value) return a.value < b.value;
    if (a.entry->idle_at != b.entry->idle_at) return a.entry->idle_at < b.entry->idle_at;
    return a.entry->model < b.entry->model;
  });
  std::size_t count = 0;
  MemoryAmount covered;
  while (!need.FitsInto(covered)) covered += of[count++].entry->held;
  of.resize(count);
  for (std::size_t i = count; i-- > 0;) {
    const MemoryAmount without = covered.Less(of[i].entry->held);
    if (!need.FitsInto(without)) continue;
    covered = without;
    of.erase(of.begin() + static_cast<std::ptrdiff_t>(i));
  }
  return of;
}

void Residency::ResumeAll(const std::vector<Candidate>& except, Decisions& out) {
  for (Entry* entry : active_) {
    const bool stays = std::any_of(except.begin(), except.end(), [&](const Candidate& candidate) {
      return candidate.entry == entry;
    });
    if (entry->yielding && !stays) {
      entry->yielding = false;
      out.push_back({Kind::kResume, entry->model});
    }
  }
}

// `coming`: as MakeRoom said.
void Residency::Overtake(const std::vector<Entry*>& wanting, const MemoryAmount& coming,
                         Decisions& out) {
  Entry& head = *wanting.front();
  for (std::size_t i = 1; i < wanting.size(); ++i) {
    Entry& other = *wanting[i];
    const MemoryAmount free = Free();
    if (!other.bytes.FitsInto(free)) continue;
    if (!coming.none()) {
      if (head.bytes.FitsInto(free.Less(other.bytes) + coming)) Start(other, out);
    } else if (other.asked() && head.overtaken < limits_.overtaking_max) {
      ++head.overtaken;
      Start(other, out);
    }
  }
}

// What was sent away for others comes back when they have gone, the most used first.
void Residency::Preload(std::int64_t now, Decisions& out) {
  if (limits_.preload_bytes == 0) return;
  MemoryAmount held;
  for (const Entry* entry : active_) {
    held += entry->held;
    const bool only_hopes = entry->use.phase == Phase::kWanting && !entry->started;
    if (entry->use.phase != Phase::kResident && !only_hopes) {
      quiet_since_ = now;
      preload_done_ = false;
    }
  }
  if (preload_done_) return;
  if (now < quiet_since_ + limits_.preload_pause_nanos) {
    WakeBy(quiet_since_ + limits_.preload_pause_nanos);
    return;
  }
  preload_done_ = true;
  MemoryAmount bound = Budget();
  bound.host = std::min(limits_.preload_bytes, bound.host);
  Entry* best = nullptr;
  double best_weight = 0;
  for (auto& [name, entry] : entries_) {
    if (entry.use.phase != Phase::kAbsent || !entry.preloadable ||
        !(held + entry.bytes).FitsInto(bound)) {
      continue;
    }
    const double weight = entry.weight.At(now);
    if (weight < limits_.preload_weight_min || weight <= best_weight) continue;
    best = &entry;
    best_weight = weight;
  }
  if (best == nullptr) return;
  best->preloadable = false;
  out.push_back({Kind::kPreload, best->model});
}

// --- what to expect ---

std::optional<Error> Residency::Impossible(std::string_view model) const {
  const Entry* entry = Find(model);
  return entry == nullptr || !entry->held.none() ? std::nullopt : ImpossibleError(*entry);
}

std::int64_t Residency::ExpectedWait(std::int64_t now, std::string_view model) const {
  const Entry* entry = Find(model);
  if (entry == nullptr || !limited() || !entry->held.none()) return 0;
  const bool waits = entry->use.phase == Phase::kWanting && entry->use.waiting > 0;
  std::int64_t wait = 0;
  for (const Entry* before : Wanting()) {
    if (before == entry || !before->asked()) break;
    wait += Quantum(*before) + before->use.load_nanos;
  }
  MemoryAmount have = Free() + Leaving();
  if (entry->bytes.FitsInto(have)) return wait;
  std::vector<Candidate> candidates = Candidates(now, *entry, waits ? entry->wanted_at : now);
  std::sort(candidates.begin(), candidates.end(),
            [](const Candidate& a, const Candidate& b) { return a.available_at < b.available_at; });
  for (const Candidate& candidate : candidates) {
    have += candidate.entry->held;
    if (entry->bytes.FitsInto(have)) {
      return wait + std::max<std::int64_t>(0, candidate.available_at - now);
    }
  }
  return wait + limits_.quantum_nanos_max;  // others load, and then have their turn
}

std::optional<std::int64_t> Residency::WaitBound(std::int64_t now, std::string_view model) const {
  const Entry* entry = Find(model);
  if (entry == nullptr || !limited()) return 0;
  const bool waits = WaitsForMemory(*entry);
  if (!entry->held.none() && !waits) return 0;
  if (limits_.wait_nanos_max == 0) return std::nullopt;
  const std::int64_t waited = waits && entry->use.waiting > 0 ? now - entry->use.waiting_since : 0;
  return std::max<std::int64_t>(0, limits_.wait_nanos_max - waited);
}

// Those that hold most first.
std::string Residency::HeldBy(std::int64_t now, std::string_view model) const {
  const Entry* entry = Find(model);
  if (entry == nullptr || !WaitsForMemory(*entry)) return "";
  if (entry->use.phase != Phase::kWanting) {
    return "it ends first, and answers " + std::to_string(entry->use.users) + " until then";
  }
  std::vector<const Entry*> holders;
  for (const Entry* other : active_) {
    if (!other->held.none()) holders.push_back(other);
  }
  std::sort(holders.begin(), holders.end(), [](const Entry* a, const Entry* b) {
    return a->held.Total() != b->held.Total() ? a->held.Total() > b->held.Total()
                                              : a->model < b->model;
  });
  std::string text;
  for (std::size_t i = 0; i < holders.size() && i < kHoldersTold; ++i) {
    const Entry& other = *holders[i];
    text += (text.empty() ? "\"" : ", \"") + other.model + "\" holds " +
            GibibytesText(other.held.Total());
    const Phase phase = other.use.phase;
    if (phase == Phase::kWanting || phase == Phase::kLoading) {
      text += " and loads";
    } else {
      text += " for " + SecondsText(now - other.ready_at);
      if (other.use.users > 0) text += ", answering " + std::to_string(other.use.users);
      if (other.pinned) text += ", pinned";
    }
  }
  if (holders.size() > kHoldersTold) {
    text += ", and " + std::to_string(holders.size() - kHoldersTold) + " more";
  }
  return text.empty() ? "others are before it" : text;
}

double Residency::Weight(std::int64_t now, std::string_view model) const {
  const Entry* entry = Find(model);
  return entry == nullptr ? 0 : entry->weight.At(now);
}

MemoryAmount Residency::bytes(std::string_view model) const {
  const Entry* entry = Find(model);
  return entry == nullptr ? MemoryAmount() : entry->bytes;
}

}  // namespace tidegate::engine
