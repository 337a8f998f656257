// A half-open range of bytes in a text. 32 bits: no document that we read is larger than 4 GiB.
#pragma once

#include <cstdint>
#include <string_view>

namespace tidegate::json {

struct Span {
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
  constexpr bool empty() const { return begin == end; }
  constexpr std::uint32_t size() const { return end - begin; }
  // REQUIRES: the span lies in `text`.
  constexpr std::string_view Of(std::string_view text) const { return text.substr(begin, size()); }
  friend constexpr bool operator==(Span, Span) = default;
};

}  // namespace tidegate::json
