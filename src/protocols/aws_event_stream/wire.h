// Numbers of the wire. Private to this folder.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace tidegate::protocols::aws_event_stream {

// The unsigned number in the first `size` bytes. REQUIRES: size <= 8 and that many bytes.
inline std::uint64_t ReadNumber(std::string_view bytes, std::size_t size) {
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < size; ++i) {
    number = number << 8U | static_cast<unsigned char>(bytes[i]);
  }
  return number;
}

inline std::uint32_t ReadLength(std::string_view bytes) {
  return static_cast<std::uint32_t>(ReadNumber(bytes, 4));
}

// Appends the lowest `size` bytes of `number`.
inline void AppendNumber(std::string& out, std::uint64_t number, std::size_t size) {
  for (std::size_t i = size; i > 0; --i) {
    out.push_back(static_cast<char>(number >> (8 * (i - 1)) & 0xFFU));
  }
}

// The upstream's fault; another one may do better.
[[gnu::cold]] inline Error BrokenFraming(std::string_view what) {
  return Error{ErrorCode::kProtocol, ErrorSource::kUpstream, Retry::kOtherTarget,
               "the upstream's event stream is broken: " + std::string(what)};
}

}  // namespace tidegate::protocols::aws_event_stream
