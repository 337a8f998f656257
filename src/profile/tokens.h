// Counting tokens without a tokenizer.
//
// An estimate needs the kind of text (prose, code, digits, other scripts), and a bound needs only
// its bytes: a byte-level tokenizer never makes more than one token of a byte. Both add what
// templates and media cost.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>

#include "core/request.h"

namespace tidegate::profile {

// Of all texts of a request, read for the ratio.
inline constexpr std::size_t kSampleBytesMax = 8192;
inline constexpr std::size_t kSampleBytesOfTextMax = 1024;  // and of one text
// Role, separators, name of one message in a chat template.
inline constexpr std::int64_t kMessageTokensMax = 16;
inline constexpr std::int64_t kMessageTokens = 4;  // the usual
// Begin mark, generation prompt, default system text.
inline constexpr std::int64_t kRequestTokensMax = 64;
inline constexpr std::int64_t kToolTokensMax = 64;  // wrapping of one tool beyond its text
// Instructions that providers add once when there are tools.
inline constexpr std::int64_t kToolingTokensMax = 1024;
// An image at high detail costs most with gpt-4o-mini: 2833 + 8 tiles × 5667 tokens (OpenAI,
// "Images and vision").
inline constexpr std::int64_t kImageTokensMax = 48'169;
inline constexpr std::int64_t kImageTokens = 800;
// Speech: at most 32 tokens a second (Gemini), and at least 6 kbit/s, that is 1000 bytes of base64
// a second.
inline constexpr std::int64_t kAudioBytesPerTokenMin = 31;
inline constexpr std::int64_t kAudioTokensMin = 64;
inline constexpr std::int64_t kFileTokens = 4000;
// The bound of a document: its text is compressed or behind an id, so nothing below the model's
// window is certain.
inline constexpr std::int64_t kTokensUnbounded = std::numeric_limits<std::int64_t>::max() / 4;

// Tokens of `text` by the classes of its characters, in thousandths. For prose within about 15 % of
// common byte-pair tokenizers; linear in the size of `text`.
std::int64_t MilliTokens(std::string_view text);

struct TokenCounts {
  std::int64_t estimate = 0;
  std::int64_t max = 0;
  std::int64_t media_estimate = 0;  // of the estimate: images, sounds and files
};
TokenCounts CountInput(const core::Request& request);

// Of texts that are read one by one, without what a template adds.
struct TextCounts {
  TokenCounts sum;
  std::int64_t longest_estimate = 0;
};
TextCounts CountTexts(std::span<const std::string_view> texts);

}  // namespace tidegate::profile
