// Request ids: 128 bits that sort by time, written as 26 letters and digits (the ULID text form).
//
// One id names a request everywhere: the answer's header, the decision record, the ledger, the log.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace tidegate {

struct RequestId {
  std::uint64_t high = 0;  // 48 bits of milliseconds since 1970, 16 random bits
  std::uint64_t low = 0;   // random, counted up within one generator
  friend auto operator<=>(const RequestId&, const RequestId&) = default;
  std::string ToString() const;
  // Nothing unless `text` is 26 digits of Crockford's base 32 without overflow.
  static std::optional<RequestId> Parse(std::string_view text);
};

// Makes ids that increase strictly within one generator. Not thread-safe: one per shard.
class RequestIdSource {
 public:
  RequestIdSource();
  // `wall_nanos`: now, since 1970.
  RequestId Next(std::int64_t wall_nanos);

 private:
  RequestId last_;
};

}  // namespace tidegate
