// Every bound of the framing. The format's own come from its description (the event stream encoding
// in AWS's developer guides) and from AWS's implementations of it.
#pragma once

#include <cstddef>

namespace tidegate::protocols::aws_event_stream {

// What we accept of an upstream, as of any stream: sse::kFrameBytesMax.
inline constexpr std::size_t kMessageBytesMax = 1U << 20U;
// The format's own limit, and so what we may write.
inline constexpr std::size_t kWrittenMessageBytesMax = 16U << 20U;

inline constexpr std::size_t kHeadersBytesMax = 128U << 10U;
inline constexpr std::size_t kHeaderNameBytesMax = 255;      // one byte states it
inline constexpr std::size_t kHeaderValueBytesMax = 32'767;  // of a string or of bytes
inline constexpr std::size_t kHeadersMax = 64;               // the services send about three

// Lengths of the headers and of the whole, and their checksum; then, behind headers and payload,
// the checksum of everything.
inline constexpr std::size_t kPreludeBytes = 12;
inline constexpr std::size_t kChecksumBytes = 4;
inline constexpr std::size_t kOverheadBytes = kPreludeBytes + kChecksumBytes;

}  // namespace tidegate::protocols::aws_event_stream
