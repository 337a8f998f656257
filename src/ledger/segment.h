// Decision records as bytes: many of them in one segment, which is one row of the table `segments`.
//
// Strings are written once per segment and referred to by number; numbers are variable-length; a
// record's fields come in a fixed order behind its length, so that a reader of an older version
// skips what it does not know and a newer one gives what is missing its default.
// docs/format_ledger.md has the bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "core/decision.h"

namespace tidegate::ledger {

inline constexpr std::size_t kSegmentBytesMax = 128 << 10;    // no record is added beyond it
inline constexpr std::size_t kSegmentRawBytesMax = 16 << 20;  // what a reader accepts
// What of a record is kept; the rest is cut.
inline constexpr std::size_t kRecordStringBytesMax = 1'024;
inline constexpr std::size_t kRecordCandidatesMax = 64;
inline constexpr std::size_t kRecordAttemptsMax = 32;
inline constexpr std::size_t kRecordTagsMax = 32;

// Thread-compatible. Reused: Clear keeps the memory.
class SegmentBuilder {
 public:
  void Add(const core::DecisionRecord& record);
  void Clear();

  bool empty() const { return records_ == 0; }
  bool full() const { return bytes() >= kSegmentBytesMax; }
  std::size_t bytes() const { return text_.size() + body_bytes_; }
  std::int64_t records() const { return records_; }
  const RequestId& first_id() const { return first_id_; }  // the smallest
  const RequestId& last_id() const { return last_id_; }    // the largest
  std::int64_t first_wall() const { return first_wall_; }
  std::int64_t last_wall() const { return last_wall_; }
  // The whole segment.
  std::string Finish() const;

 private:
  struct Entry {
    std::uint32_t offset = 0, bytes = 0;  // in text_
    std::uint32_t hash = 0;
  };
  std::uint32_t Intern(std::string_view text);
  char* RoomFor(std::size_t bytes);
  void Grow();
  char* PutString(char* out, std::string_view text);
  char* PutCandidate(char* out, const core::Candidate& candidate);
  char* PutAttempt(char* out, const core::AttemptRecord& attempt);

  std::string text_;            // the strings, each behind its length
  std::vector<char> body_;      // the records, and room for more
  std::size_t body_bytes_ = 0;  // of records
  std::vector<Entry> entries_;
  std::vector<std::uint32_t> buckets_;  // index + 1 of an entry; 0 = free; 2^n of them
  std::int64_t records_ = 0;
  RequestId first_id_, last_id_;
  std::int64_t first_wall_ = 0, last_wall_ = 0;
};

// All records of a segment in the order they were added. The bytes are outside data: damage is an
// error.
Result<std::vector<core::DecisionRecord>> DecodeSegment(std::string_view segment);

}  // namespace tidegate::ledger
