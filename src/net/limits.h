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

// Of one HTTP/2 connection. What a client that takes nothing and reads nothing can make us hold is
// its windows and one batch of frames.
inline constexpr std::uint32_t kHttp2StreamsMax = 128;
inline constexpr std::size_t kHttp2RequestsMax =
    2 * kHttp2StreamsMax;  // with those that are cancelled and have not ended yet
inline constexpr std::int32_t kHttp2StreamWindowBytes = 64 * 1024;  // of a body nobody asked for
inline constexpr std::int32_t kHttp2BodyWindowBytes =
    1024 * 1024;  // of a body that its handler reads
inline constexpr std::int32_t kHttp2ConnectionWindowBytes = 1024 * 1024;
inline constexpr std::size_t kHttp2ReadBytes = 16 * 1024;
inline constexpr std::size_t kHttp2BatchBytesMax = 128 * 1024;  // of frames written at once
inline constexpr std::size_t kHttp2ContinuationsMax = 8;        // of one head
inline constexpr std::size_t kHttp2DecodedBytesMax =
    4 * kHeadBytesMax;  // of a head that is too large, before the whole connection is ended

// What a client may do for nothing: so many at once, and so many a second in the long run.
inline constexpr std::int64_t kHttp2ResetsBurst = 200;  // requests ended before their answer
inline constexpr std::int64_t kHttp2ResetsPerSecond = 30;
inline constexpr std::int64_t kHttp2IdleFramesBurst = 1'000;  // frames that carry nothing
inline constexpr std::int64_t kHttp2IdleFramesPerSecond = 100;
inline constexpr std::int64_t kHttp2WindowUpdatesPerFrame =
    4;  // for each frame of data we send; further ones count as frames that carry nothing
inline constexpr std::int64_t kHttp2WindowUpdatesSavedMax = 10'000;

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
