// Every bound of signatures.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tidegate::protocols::aws_sigv4 {

// A signature is good this long before and after its time. AWS allows as much; whoever reads a
// request on its way can send it again within it.
inline constexpr std::int64_t kClockSkewNanosMax = 300LL * 1'000'000'000;
inline constexpr std::size_t kAccessKeyIdBytesMax = 128;
inline constexpr std::size_t kSecretBytesMax = 256;
inline constexpr std::size_t kSessionTokenBytesMax = 16U << 10U;
inline constexpr std::size_t kScopeWordBytesMax = 64;  // a region, a service
inline constexpr std::size_t kSignedHeadersMax = 64;   // of a request that is verified
inline constexpr std::size_t kHeadersMax = 256;        // likewise, signed or not
inline constexpr std::size_t kSigningKeysMax = 32;     // derived keys that are kept

}  // namespace tidegate::protocols::aws_sigv4
