// What the emulator saw and what it would have charged: the witness and the oracle of tests.
//
// A test of a gateway asks here what really left it, how many tokens a provider would bill, and
// whether a cancelled request stopped. Entries are kept in a ring; the bill counts everything since
// the last reset, also what has left the ring.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/money.h"
#include "emulator/chat.h"

namespace tidegate::emulator {

inline constexpr std::size_t kJournalEntriesMax = 10'000;

// How a request ended.
enum class Ending : std::uint8_t { kOpen, kAnswered, kRefused, kCut, kCancelled };

struct Outcome {
  Ending ending = Ending::kOpen;
  int status = 0;  // 0 = no head was sent
  Usage billed;
  Money cost;
  std::size_t bytes_out = 0;  // of the body, as far as it was sent
};

struct JournalEntry {
  std::int64_t wall_nanos = 0;
  std::string method, path, body;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string model;
  std::size_t bytes_in = 0;
  Outcome outcome;
};

// The sum of some requests.
struct Totals {
  std::int64_t requests = 0;
  std::int64_t cancelled = 0;  // of the requests: the client went away
  Usage usage;
  Money cost;
  void Add(const Totals& more);
};

// Names an open entry. An entry opened before a reset is forgotten with its cost.
struct JournalTicket {
  std::uint64_t number = 0;
  std::uint64_t epoch = 0;
};

// Thread-safe.
class Journal {
 public:
  JournalTicket Open(JournalEntry entry);
  void SetModel(JournalTicket ticket, std::string model);
  // Called once for a ticket; adds its cost to the bill.
  void Close(JournalTicket ticket, const std::string& model, const Outcome& outcome);
  // Requests that are counted but have no entries, from the load mock.
  void AddToBill(const std::string& model, const Totals& totals);
  void Reset();

  // {"next": n, "entries": […]} with the entries from number `since` on.
  std::string RenderEntries(std::uint64_t since) const;
  std::string RenderBill() const;

 private:
  JournalEntry* Find(JournalTicket ticket);
  mutable std::mutex mutex_;
  std::deque<JournalEntry> entries_;
  std::uint64_t first_ = 0;  // number of entries_.front()
  std::uint64_t epoch_ = 0;
  std::map<std::string, Totals> totals_;
};

// The value of a credential as the journal keeps it: "sha256:<hex>".
std::string HashCredential(std::string_view value);

}  // namespace tidegate::emulator
