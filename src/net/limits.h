// Every bound of the network layer.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tidegate::net {

inline constexpr std::size_t kHeadBytesMax = 64 * 1024;
inline constexpr std::size_t kHeaderFieldsMax = 128;
inline constexpr std::size_t kTargetBytesMax = 8 * 1024;
inline constexpr std::size_t kReadBufferBytes = 4 * 1024;  // first size of a connection's buffer
inline constexpr std::size_t kReadBufferBytesKept =
    64 * 1024;  // larger ones are given back between requests
inline constexpr std::size_t kBodyBytesMaxDefault = 32 * 1024 * 1024;
inline constexpr std::size_t kChunkHeaderBytesMax = 1024;
inline constexpr std::size_t kPaddingBytes =
    64;  // readable bytes kept behind every body, for JSON readers
inline constexpr std::size_t kDrainBytesMax =
    256 * 1024;  // of an unread request body, to keep a connection
inline constexpr std::size_t kConnectionsPerShardMax = 16'384;
inline constexpr std::size_t kIdleUpstreamsPerOriginMax = 256;

inline constexpr std::size_t kFrameBytesRecycledMax =
    4 * 1024;  // of a coroutine; larger ones are rare
inline constexpr std::size_t kFrameBytesKeptMax =
    512 * 1024;  // of ended coroutines, by each thread

inline constexpr std::int64_t kMillisecond = 1'000'000;  // in nanoseconds
inline constexpr std::int64_t kSecond = 1'000 * kMillisecond;
inline constexpr std::int64_t kHeadTimeout = 10 * kSecond;       // first byte to end of head
inline constexpr std::int64_t kIdleTimeout = 75 * kSecond;       // between requests
inline constexpr std::int64_t kBodyStallTimeout = 10 * kSecond;  // without one byte of body
inline constexpr std::int64_t kBodyBytesPerSecondMin =
    4 * 1024;  // over the whole body, after the first stall time-out
inline constexpr std::int64_t kWriteStallTimeout =
    30 * kSecond;  // without one byte taken by the peer
inline constexpr std::int64_t kConnectTimeout = 10 * kSecond;
inline constexpr std::int64_t kTlsHandshakeTimeout = 10 * kSecond;
inline constexpr std::int64_t kLingerTimeout = 2 * kSecond;  // reading on behind our last answer
inline constexpr std::int64_t kUpstreamIdleKept =
    60 * kSecond;  // an unused upstream connection is kept so long
inline constexpr std::int64_t kUpstreamTrustedIdle =
    5 * kMillisecond;  // after that it is probed before reuse
inline constexpr std::int64_t kGoneWatchDelay =
    10 * kMillisecond;  // a request that takes longer has its client watched
inline constexpr std::int64_t kDeadlineScanInterval = 250 * kMillisecond;
inline constexpr std::int64_t kDrainTimeoutDefault = 30 * kSecond;

}  // namespace tidegate::net
