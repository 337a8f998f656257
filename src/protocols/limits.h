// Limits that all protocols share. They bound work and memory; what a model allows is its
// upstream's affair.
#pragma once

#include <cstddef>
#include <cstdint>

#include "json/reader.h"

namespace tidegate::protocols {

// Of requests. The size of a body is limited before it gets here (net, gateway).
inline constexpr std::size_t kRequestBytesMax = json::kDocumentBytesMax;
inline constexpr std::size_t kModelNameBytesMax = 256;
inline constexpr std::size_t kMessagesMax = 8192;
inline constexpr std::size_t kPartsPerMessageMax = 2048;
inline constexpr std::size_t kMediaPartsMax = 1024;  // in all messages together
inline constexpr std::size_t kToolCallsPerMessageMax = 1024;
inline constexpr std::size_t kToolsMax = 2048;
inline constexpr std::size_t kToolNameBytesMax = 256;
inline constexpr std::size_t kStopSequencesMax = 64;
inline constexpr std::size_t kMetadataEntriesMax = 1024;
inline constexpr std::int64_t kOutputTokensMax = 1'000'000'000;
inline constexpr std::int64_t kTopKMax = 1'000'000;
inline constexpr std::size_t kEmbedInputsMax = 2048;
inline constexpr std::int64_t kDimensionsMax = 1'000'000;
inline constexpr std::size_t kRankedDocumentsMax = 10'000;
inline constexpr int kExtensionDepthMax = 4;  // objects inside the "tidegate" object

// Of answers.
inline constexpr std::size_t kWholeAnswerBytesMax = 64U << 20U;
inline constexpr std::size_t kToolCallsPerAnswerMax = 4096;
inline constexpr std::int64_t kUsageTokensMax = std::int64_t{1}
                                                << 53;  // beyond, a double has lost digits
inline constexpr std::size_t kUpstreamMessageBytesMax =
    1024;  // of an upstream's text that is passed on
inline constexpr std::int64_t kRetryAfterSecondsMax = 3600;

}  // namespace tidegate::protocols
