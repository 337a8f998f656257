#include "ledger/segment.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <functional>
#include <utility>

namespace tidegate::ledger {
namespace {

constexpr std::uint8_t kSegmentVersion = 1;
constexpr std::size_t kSegmentBytesMin = 3;  // version and two counts
// Bits of an attempt's flags.
constexpr std::uint8_t kUsageEstimated = 1;
constexpr std::uint8_t kCostAssumed = 2;
constexpr std::size_t kBucketsMin = 64;
constexpr std::size_t kVarintBytesMax = 10;
// Bounds of the encoded sizes, from the fields below: varints of at most 10 bytes, doubles of 8,
// single bytes, lengths.
constexpr std::size_t kRecordHeadBytes = 256;
constexpr std::size_t kCandidateBytes = 96;
constexpr std::size_t kAttemptBytes = 264;

static_assert(std::endian::native == std::endian::little,
              "lengths and doubles are copied as they are");

char* PutVarint(char* out, std::uint64_t value) {
  while (value >= 0x80) {
    *out++ = static_cast<char>(value | 0x80);
    value >>= 7;
  }
  *out++ = static_cast<char>(value);
  return out;
}
// Small magnitudes of either sign become small numbers.
char* PutInt(char* out, std::int64_t value) {
  return PutVarint(
      out, static_cast<std::uint64_t>(value) << 1 ^ static_cast<std::uint64_t>(value >> 63));
}
template <typename T>
char* PutRaw(char* out, T value) {
  std::memcpy(out, &value, sizeof value);
  return out + sizeof value;
}
template <typename Enum>
char* PutEnum(char* out, Enum value) {
  return PutRaw(out, static_cast<std::uint8_t>(value));
}

std::uint8_t PlaceBits(core::PlaceSet set) {
  unsigned bits = 0;
  for (unsigned i = 0; i < core::kPlaces; ++i) {
    bits |= set.Has(static_cast<core::Place>(i)) ? 1U << i : 0U;
  }
  return static_cast<std::uint8_t>(bits);
}

enum RecordFlag : std::uint8_t { kStream = 1, kDryRun = 2 };

// Reads within [at, end). After the first failure, and behind the end of a part that an older
// writer made shorter, every read gives the default; `damaged` tells the two apart.
class Cursor {
 public:
  explicit Cursor(std::string_view bytes) : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  bool damaged() const { return damaged_; }
  bool AtEnd() const { return at_ == end_; }
  void Fail() {
    damaged_ = true;
    at_ = end_;
  }

  std::uint64_t Varint() {
    if (AtEnd()) return 0;
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < kVarintBytesMax; ++i) {
      if (AtEnd()) break;
      const auto byte = static_cast<std::uint8_t>(*at_++);
      value |= static_cast<std::uint64_t>(byte & 0x7f) << (7 * i);
      if (byte < 0x80) return value;
    }
    Fail();
    return 0;
  }
  std::int64_t Int() {
    const std::uint64_t value = Varint();
    return static_cast<std::int64_t>(value >> 1 ^ (0 - (value & 1)));
  }
  template <typename T>
  T Raw() {
    T value{};
    if (AtEnd()) return value;
    if (static_cast<std::size_t>(end_ - at_) < sizeof value) {
      Fail();
      return value;
    }
    std::memcpy(&value, at_, sizeof value);
    at_ += sizeof value;
    return value;
  }
  template <typename Enum>
  Enum EnumUpTo(Enum last) {
    const auto value = Raw<std::uint8_t>();
    if (value <= static_cast<std::uint8_t>(last)) return static_cast<Enum>(value);
    Fail();
    return Enum{};
  }
  std::string_view Bytes(std::uint64_t size) {
    if (size > static_cast<std::uint64_t>(end_ - at_)) {
      Fail();
      return {};
    }
    const std::string_view bytes(at_, static_cast<std::size_t>(size));
    at_ += bytes.size();
    return bytes;
  }

 private:
  const char* at_;
  const char* end_;
  bool damaged_ = false;
};

using Strings = std::vector<std::string_view>;

std::string GetString(Cursor& in, const Strings& strings) {
  const std::uint64_t reference = in.Varint();  // 0 = empty
  if (reference == 0) return {};
  if (reference > strings.size()) {
    in.Fail();
    return {};
  }
  return std::string(strings[static_cast<std::size_t>(reference - 1)]);
}

core::Candidate GetCandidate(Cursor in, const Strings& strings, bool& damaged) {
  core::Candidate c;
  c.model = GetString(in, strings);
  c.place = in.EnumUpTo(core::Place::kCloud);
  c.rejected = in.Raw<std::uint8_t>() != 0;
  c.reason = in.EnumUpTo(core::RejectReason::kKeyPlace);
  c.detail = GetString(in, strings);
  c.score = in.Raw<double>();
  c.estimated_cost = Money{in.Int()};
  c.worst_case_cost = Money{in.Int()};
  c.estimated_ttft_ms = in.Int();
  c.estimated_total_ms = in.Int();
  c.estimated_quality = in.Raw<double>();
  damaged = damaged || in.damaged();
  return c;
}

core::AttemptRecord GetAttempt(Cursor in, const Strings& strings, bool& damaged) {
  core::AttemptRecord a;
  a.model = GetString(in, strings);
  a.place = in.EnumUpTo(core::Place::kCloud);
  a.egress = in.EnumUpTo(core::Egress::kRaw);
  a.outcome = in.EnumUpTo(core::AttemptOutcome::kNotSent);
  a.upstream_status = static_cast<int>(in.Int());
  a.error = GetString(in, strings);
  a.reserved = Money{in.Int()};
  a.cost = Money{in.Int()};
  a.usage.input_tokens = in.Int();
  a.usage.cached_read_tokens = in.Int();
  a.usage.cached_write_tokens = in.Int();
  a.usage.output_tokens = in.Int();
  a.usage.reasoning_tokens = in.Int();
  const auto flags = in.Raw<std::uint8_t>();
  a.usage.estimated = (flags & kUsageEstimated) != 0;
  a.assumed = (flags & kCostAssumed) != 0;
  a.started_us = in.Int();
  a.ttft_us = in.Int();
  a.total_us = in.Int();
  a.bytes_sent = in.Int();
  a.bytes_received = in.Int();
  a.usage.draft_tokens = in.Int();
  a.usage.draft_accepted_tokens = in.Int();
  a.dropped_messages = in.Int();
  a.cut_texts = in.Int();
  damaged = damaged || in.damaged();
  return a;
}

core::DecisionRecord GetRecord(Cursor& in, const Strings& strings, bool& damaged) {
  core::DecisionRecord r;
  r.id.high = in.Raw<std::uint64_t>();
  r.id.low = in.Raw<std::uint64_t>();
  r.wall_nanos = in.Int();
  r.principal = GetString(in, strings);
  r.protocol = GetString(in, strings);
  r.asked_model = GetString(in, strings);
  r.privacy = in.EnumUpTo(core::Privacy::kLocal);
  const auto places = in.Raw<std::uint8_t>();
  for (unsigned i = 0; i < core::kPlaces; ++i) {
    if ((places >> i & 1U) != 0) r.allowed = r.allowed.With(static_cast<core::Place>(i));
  }
  r.difficulty = in.Raw<double>();
  r.input_tokens_estimate = in.Int();
  r.output_tokens_estimate = in.Int();
  const auto flags = in.Raw<std::uint8_t>();
  r.stream = (flags & kStream) != 0;
  r.dry_run = (flags & kDryRun) != 0;
  r.status = static_cast<int>(in.Int());
  r.error = GetString(in, strings);
  r.plan_us = in.Int();
  r.total_us = in.Int();
  r.session = GetString(in, strings);
  r.run = GetString(in, strings);
  for (std::uint64_t n = in.Varint(); n > 0 && !in.AtEnd(); --n) {
    r.tags.push_back(GetString(in, strings));
  }
  for (std::uint64_t n = in.Varint(); n > 0 && !in.AtEnd(); --n) {
    r.candidates.push_back(
        GetCandidate(Cursor(in.Bytes(in.Raw<std::uint16_t>())), strings, damaged));
  }
  for (std::uint64_t n = in.Varint(); n > 0 && !in.AtEnd(); --n) {
    r.attempts.push_back(GetAttempt(Cursor(in.Bytes(in.Raw<std::uint16_t>())), strings, damaged));
  }
  damaged = damaged || in.damaged();
  return r;
}

}  // namespace

// ---- writing

void SegmentBuilder::Add(const core::DecisionRecord& record) {
  const std::size_t candidates = std::min(record.candidates.size(), kRecordCandidatesMax);
  const std::size_t attempts = std::min(record.attempts.size(), kRecordAttemptsMax);
  const std::size_t tags = std::min(record.tags.size(), kRecordTagsMax);
  char* const length_at = RoomFor(kRecordHeadBytes + tags * kVarintBytesMax +
                                  candidates * kCandidateBytes + attempts * kAttemptBytes);
  char* out = length_at + sizeof(std::uint32_t);
  char* const first = out;
  out = PutRaw(out, record.id.high);
  out = PutRaw(out, record.id.low);
  out = PutInt(out, record.wall_nanos);
  out = PutString(out, record.principal);
  out = PutString(out, record.protocol);
  out = PutString(out, record.asked_model);
  out = PutEnum(out, record.privacy);
  out = PutRaw(out, PlaceBits(record.allowed));
  out = PutRaw(out, record.difficulty);
  out = PutInt(out, record.input_tokens_estimate);
  out = PutInt(out, record.output_tokens_estimate);
  out = PutRaw(out, static_cast<std::uint8_t>((record.stream ? kStream : 0) |
                                              (record.dry_run ? kDryRun : 0)));
  out = PutInt(out, record.status);
  out = PutString(out, record.error);
  out = PutInt(out, record.plan_us);
  out = PutInt(out, record.total_us);
  out = PutString(out, record.session);
  out = PutString(out, record.run);
  out = PutVarint(out, tags);
  for (std::size_t i = 0; i < tags; ++i) out = PutString(out, record.tags[i]);
  out = PutVarint(out, candidates);
  for (std::size_t i = 0; i < candidates; ++i) out = PutCandidate(out, record.candidates[i]);
  out = PutVarint(out, attempts);
  for (std::size_t i = 0; i < attempts; ++i) out = PutAttempt(out, record.attempts[i]);
  PutRaw(length_at, static_cast<std::uint32_t>(out - first));
  body_bytes_ = static_cast<std::size_t>(out - body_.data());

  const bool only = records_++ == 0;
  first_id_ = only ? record.id : std::min(first_id_, record.id);
  last_id_ = only ? record.id : std::max(last_id_, record.id);
  first_wall_ = only ? record.wall_nanos : std::min(first_wall_, record.wall_nanos);
  last_wall_ = only ? record.wall_nanos : std::max(last_wall_, record.wall_nanos);
}

char* SegmentBuilder::PutCandidate(char* out, const core::Candidate& c) {
  char* const length_at = out;
  out += sizeof(std::uint16_t);
  out = PutString(out, c.model);
  out = PutEnum(out, c.place);
  out = PutRaw(out, static_cast<std::uint8_t>(c.rejected));
  out = PutEnum(out, c.reason);
  out = PutString(out, c.detail);
  out = PutRaw(out, c.score);
  out = PutInt(out, c.estimated_cost.nanodollars);
  out = PutInt(out, c.worst_case_cost.nanodollars);
  out = PutInt(out, c.estimated_ttft_ms);
  out = PutInt(out, c.estimated_total_ms);
  out = PutRaw(out, c.estimated_quality);
  PutRaw(length_at, static_cast<std::uint16_t>(out - length_at - 2));
  return out;
}

char* SegmentBuilder::PutAttempt(char* out, const core::AttemptRecord& a) {
  char* const length_at = out;
  out += sizeof(std::uint16_t);
  out = PutString(out, a.model);
  out = PutEnum(out, a.place);
  out = PutEnum(out, a.egress);
  out = PutEnum(out, a.outcome);
  out = PutInt(out, a.upstream_status);
  out = PutString(out, a.error);
  out = PutInt(out, a.reserved.nanodollars);
  out = PutInt(out, a.cost.nanodollars);
  out = PutInt(out, a.usage.input_tokens);
  out = PutInt(out, a.usage.cached_read_tokens);
  out = PutInt(out, a.usage.cached_write_tokens);
  out = PutInt(out, a.usage.output_tokens);
  out = PutInt(out, a.usage.reasoning_tokens);
  out = PutRaw(out, static_cast<std::uint8_t>((a.usage.estimated ? kUsageEstimated : 0) |
                                              (a.assumed ? kCostAssumed : 0)));
  out = PutInt(out, a.started_us);
  out = PutInt(out, a.ttft_us);
  out = PutInt(out, a.total_us);
  out = PutInt(out, a.bytes_sent);
  out = PutInt(out, a.bytes_received);
  out = PutInt(out, a.usage.draft_tokens);
  out = PutInt(out, a.usage.draft_accepted_tokens);
  out = PutInt(out, a.dropped_messages);
  out = PutInt(out, a.cut_texts);
  PutRaw(length_at, static_cast<std::uint16_t>(out - length_at - 2));
  return out;
}

char* SegmentBuilder::PutString(char* out, std::string_view text) {
  return PutVarint(out, text.empty() ? 0 : Intern(text.substr(0, kRecordStringBytesMax)) + 1);
}

std::uint32_t SegmentBuilder::Intern(std::string_view text) {
  if (entries_.size() * 2 >= buckets_.size()) Grow();
  const auto hash = static_cast<std::uint32_t>(std::hash<std::string_view>()(text));
  const std::size_t mask = buckets_.size() - 1;
  std::size_t bucket = hash & mask;
  for (; buckets_[bucket] != 0; bucket = (bucket + 1) & mask) {
    const Entry& entry = entries_[buckets_[bucket] - 1];
    if (entry.hash == hash && std::string_view(text_).substr(entry.offset, entry.bytes) == text) {
      return buckets_[bucket] - 1;
    }
  }
  char length[kVarintBytesMax];
  text_.append(length, static_cast<std::size_t>(PutVarint(length, text.size()) - length));
  entries_.push_back(
      {static_cast<std::uint32_t>(text_.size()), static_cast<std::uint32_t>(text.size()), hash});
  text_.append(text);
  buckets_[bucket] = static_cast<std::uint32_t>(entries_.size());
  return buckets_[bucket] - 1;
}

// Room is kept from record to record, and not cleared: a record needs a part of its most.
char* SegmentBuilder::RoomFor(std::size_t bytes) {
  if (body_.size() - body_bytes_ < bytes) {
    body_.resize(std::max(2 * body_.size(), body_bytes_ + bytes));
  }
  return body_.data() + body_bytes_;
}

void SegmentBuilder::Grow() {
  buckets_.assign(std::max(kBucketsMin, buckets_.size() * 2), 0);
  const std::size_t mask = buckets_.size() - 1;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    std::size_t bucket = entries_[i].hash & mask;
    while (buckets_[bucket] != 0) bucket = (bucket + 1) & mask;
    buckets_[bucket] = static_cast<std::uint32_t>(i + 1);
  }
}

void SegmentBuilder::Clear() {
  text_.clear();
  body_bytes_ = 0;
  entries_.clear();
  std::fill(buckets_.begin(), buckets_.end(), 0);
  records_ = 0;
}

std::string SegmentBuilder::Finish() const {
  std::string out(1 + 2 * kVarintBytesMax, '\0');
  char* at = PutRaw(out.data(), kSegmentVersion);
  at = PutVarint(at, entries_.size());
  at = PutVarint(at, static_cast<std::uint64_t>(records_));
  out.resize(static_cast<std::size_t>(at - out.data()));
  out.reserve(out.size() + bytes());
  return out.append(text_).append(body_.data(), body_bytes_);
}

// ---- reading

Result<std::vector<core::DecisionRecord>> DecodeSegment(std::string_view segment) {
  Cursor in(segment);
  if (in.Raw<std::uint8_t>() != kSegmentVersion) {
    return Internal("a segment of the decision log has another version");
  }
  const std::uint64_t string_count = in.Varint();
  const std::uint64_t record_count = in.Varint();
  if (segment.size() < kSegmentBytesMin || string_count > segment.size() ||
      record_count > segment.size()) {
    return Internal("a segment of the decision log is damaged");
  }
  Strings strings;
  strings.reserve(static_cast<std::size_t>(string_count));
  for (std::uint64_t i = 0; i < string_count && !in.damaged(); ++i) {
    strings.push_back(in.Bytes(in.Varint()));
  }
  std::vector<core::DecisionRecord> records;
  bool damaged = in.damaged();
  for (std::uint64_t i = 0; i < record_count && !damaged; ++i) {
    if (in.AtEnd()) damaged = true;
    Cursor record(in.Bytes(in.Raw<std::uint32_t>()));
    damaged = damaged || in.damaged();
    if (!damaged) records.push_back(GetRecord(record, strings, damaged));
  }
  if (damaged) return Internal("a segment of the decision log is damaged");
  return records;
}

}  // namespace tidegate::ledger
