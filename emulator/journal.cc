#include "emulator/journal.h"

#include <algorithm>

#include "base/clock.h"
#include "base/digest.h"
#include "json/writer.h"

namespace tidegate::emulator {
namespace {

std::string_view ToString(Ending ending) {
  switch (ending) {
    case Ending::kOpen:
      return "open";
    case Ending::kAnswered:
      return "answered";
    case Ending::kRefused:
      return "refused";
    case Ending::kCut:
      return "cut";
    case Ending::kCancelled:
      return "cancelled";
  }
  return "open";
}

void WriteTokens(json::Writer& writer, const Usage& usage) {
  writer.Key("prompt_tokens").Integer(usage.prompt);
  writer.Key("cached_tokens").Integer(usage.cached);
  writer.Key("cache_written_tokens").Integer(usage.cache_written);
  writer.Key("completion_tokens").Integer(usage.completion);
  writer.Key("reasoning_tokens").Integer(usage.reasoning);
}

void WriteEntry(json::Writer& writer, const JournalEntry& entry, std::uint64_t number) {
  writer.BeginObject();
  writer.Key("number").Integer(static_cast<std::int64_t>(number));
  writer.Key("at").String(FormatUtc(entry.wall_nanos));
  writer.Key("method").String(entry.method);
  writer.Key("path").String(entry.path);
  writer.Key("headers").BeginArray();
  for (const auto& [name, value] : entry.headers) {
    writer.BeginArray().String(name).String(value).EndArray();
  }
  writer.EndArray();
  if (!entry.body.empty()) writer.Key("body").String(entry.body);
  writer.Key("model").String(entry.model);
  writer.Key("ending").String(ToString(entry.outcome.ending));
  writer.Key("status").Integer(entry.outcome.status);
  writer.Key("cancelled").Bool(entry.outcome.ending == Ending::kCancelled);
  WriteTokens(writer, entry.outcome.billed);
  writer.Key("cost_nanodollars").Integer(entry.outcome.cost.nanodollars);
  writer.Key("bytes_in").Integer(static_cast<std::int64_t>(entry.bytes_in));
  writer.Key("bytes_out").Integer(static_cast<std::int64_t>(entry.outcome.bytes_out));
  writer.EndObject();
}

}  // namespace

void Totals::Add(const Totals& more) {
  requests += more.requests;
  cancelled += more.cancelled;
  usage.prompt += more.usage.prompt;
  usage.cached += more.usage.cached;
  usage.cache_written += more.usage.cache_written;
  usage.completion += more.usage.completion;
  usage.reasoning += more.usage.reasoning;
  cost += more.cost;
}

JournalTicket Journal::Open(JournalEntry entry) {
  const std::lock_guard lock(mutex_);
  if (entries_.size() == kJournalEntriesMax) {
    entries_.pop_front();
    ++first_;
  }
  entries_.push_back(std::move(entry));
  return {first_ + entries_.size() - 1, epoch_};
}

JournalEntry* Journal::Find(JournalTicket ticket) {
  if (ticket.epoch != epoch_ || ticket.number < first_) return nullptr;
  return &entries_[static_cast<std::size_t>(ticket.number - first_)];
}

void Journal::SetModel(JournalTicket ticket, std::string model) {
  const std::lock_guard lock(mutex_);
  if (JournalEntry* entry = Find(ticket)) entry->model = std::move(model);
}

void Journal::Close(JournalTicket ticket, const std::string& model, const Outcome& outcome) {
  const std::lock_guard lock(mutex_);
  if (ticket.epoch != epoch_) return;
  if (JournalEntry* entry = Find(ticket)) entry->outcome = outcome;
  if (model.empty()) return;
  const std::int64_t cancelled = outcome.ending == Ending::kCancelled ? 1 : 0;
  totals_[model].Add(Totals{1, cancelled, outcome.billed, outcome.cost});
}

void Journal::AddToBill(const std::string& model, const Totals& totals) {
  const std::lock_guard lock(mutex_);
  totals_[model].Add(totals);
}

void Journal::Reset() {
  const std::lock_guard lock(mutex_);
  first_ += entries_.size();
  entries_.clear();
  totals_.clear();
  ++epoch_;
}

std::string Journal::RenderEntries(std::uint64_t since) const {
  const std::lock_guard lock(mutex_);
  std::string out;
  json::Writer writer(out);
  writer.BeginObject();
  writer.Key("next").Integer(static_cast<std::int64_t>(first_ + entries_.size()));
  writer.Key("entries").BeginArray();
  for (std::size_t i = since > first_ ? static_cast<std::size_t>(since - first_) : 0;
       i < entries_.size(); ++i) {
    WriteEntry(writer, entries_[i], first_ + i);
  }
  writer.EndArray().EndObject();
  return out;
}

std::string Journal::RenderBill() const {
  const std::lock_guard lock(mutex_);
  Totals sum;
  for (const auto& [model, totals] : totals_) sum.Add(totals);
  std::string out;
  json::Writer writer(out);
  writer.BeginObject();
  writer.Key("nanodollars").Integer(sum.cost.nanodollars);
  writer.Key("usd").String(FormatUsd(sum.cost));
  writer.Key("requests").Integer(sum.requests);
  writer.Key("cancelled").Integer(sum.cancelled);
  writer.Key("models").BeginObject();
  for (const auto& [model, totals] : totals_) {
    writer.Key(model).BeginObject();
    writer.Key("nanodollars").Integer(totals.cost.nanodollars);
    writer.Key("requests").Integer(totals.requests);
    writer.Key("cancelled").Integer(totals.cancelled);
    WriteTokens(writer, totals.usage);
    writer.EndObject();
  }
  writer.EndObject().EndObject();
  return out;
}

std::string HashCredential(std::string_view value) {
  return "sha256:" + ToHex(ComputeSha256(value));
}

}  // namespace tidegate::emulator
