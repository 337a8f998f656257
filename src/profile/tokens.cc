#include "profile/tokens.h"

#include <algorithm>

#include "profile/byte_blocks.h"

namespace tidegate::profile {
namespace {

// Thousandths of a token for one character of a class. English prose in byte-pair tokenizers
// has 4.5 to 4.8 bytes a token, code and JSON about 3.2, numbers up to three digits a token;
// Cyrillic and Greek about two characters a token, Chinese, Japanese and Korean a little less than
// one token a character, emoji two or more.
constexpr std::int64_t kLetterMilliTokens = 205;  // and the first of several spaces
constexpr std::int64_t kDigitMilliTokens = 400;
constexpr std::int64_t kMarkMilliTokens = 620;
constexpr std::int64_t kTwoByteMilliTokens = 500;
constexpr std::int64_t kThreeByteMilliTokens = 900;
constexpr std::int64_t kFourByteMilliTokens = 2000;
constexpr std::int64_t kRepeatedSpaceMilliTokens = 40;  // indentation: long runs are one token

// Reads the beginnings of texts until the sample is full. What was read stands for its text, and
// the ratio of those for the texts that were not looked at.
class Estimate {
 public:
  void Add(std::string_view text) {
    const auto size = static_cast<std::int64_t>(text.size());
    bytes_ += size;
    const std::size_t room = std::min(kSampleBytesMax - sampled_, kSampleBytesOfTextMax);
    const std::string_view read = text.substr(0, room);
    if (read.empty()) return;
    sampled_ += read.size();
    covered_ += size;
    milli_tokens_ += MilliTokens(read) * size / static_cast<std::int64_t>(read.size());
  }
  std::int64_t Tokens() const {
    if (covered_ == 0) return 0;
    const double ratio =
        static_cast<double>(milli_tokens_) / 1000.0 / static_cast<double>(covered_);
    return static_cast<std::int64_t>(ratio * static_cast<double>(bytes_) + 0.5);
  }
  std::int64_t bytes() const { return bytes_; }

 private:
  std::int64_t bytes_ = 0;
  std::int64_t covered_ = 0;       // of the bytes: those of texts of which a part was read
  std::int64_t milli_tokens_ = 0;  // of the covered bytes
  std::size_t sampled_ = 0;        // bytes that were read
};

void AddMedia(const core::Part& part, TokenCounts& counts) {
  const std::int64_t bytes = static_cast<std::int64_t>(part.text.size());
  switch (part.kind) {
    case core::PartKind::kImage:
      counts.estimate += kImageTokens;
      counts.max += kImageTokensMax;
      return;
    case core::PartKind::kAudio:
      if (part.source == core::MediaSource::kUrl) {
        counts.estimate += kFileTokens;
        counts.max = kTokensUnbounded;
        return;
      }
      counts.estimate += bytes / (4 * kAudioBytesPerTokenMin);
      counts.max += kAudioTokensMin + bytes / kAudioBytesPerTokenMin;
      return;
    case core::PartKind::kVideo:
    case core::PartKind::kFile:
      counts.estimate += kFileTokens;
      counts.max = kTokensUnbounded;
      return;
    default:
      return;
  }
}

void AddPart(const core::Part& part, Estimate& text, TokenCounts& counts) {
  if (core::IsMedia(part.kind)) {
    const std::int64_t before = counts.estimate;
    AddMedia(part, counts);
    counts.media_estimate += counts.estimate - before;
    return;
  }
  text.Add(part.text);
  if (part.kind == core::PartKind::kToolCall || part.kind == core::PartKind::kToolResult) {
    counts.max += kMessageTokensMax;
    text.Add(part.id);
    text.Add(part.name);
    text.Add(part.arguments);
    for (const core::Part& inner : part.content) AddPart(inner, text, counts);
  }
  text.Add(part.state.bytes);  // whatever its maker makes of it
}

}  // namespace

std::int64_t MilliTokens(std::string_view text) {
  const ByteCounts bytes = CountBytes(text);
  return (bytes.letters + bytes.space - bytes.repeated_space) * kLetterMilliTokens +
         bytes.repeated_space * kRepeatedSpaceMilliTokens + bytes.digits * kDigitMilliTokens +
         bytes.marks * kMarkMilliTokens + bytes.two_byte * kTwoByteMilliTokens +
         bytes.three_byte * kThreeByteMilliTokens + bytes.four_byte * kFourByteMilliTokens;
}

TextCounts CountTexts(std::span<const std::string_view> texts) {
  TextCounts counts;
  Estimate all;
  std::size_t longest = 0;
  for (const std::string_view text : texts) {
    all.Add(text);
    longest = std::max(longest, text.size());
  }
  counts.sum.estimate = all.Tokens();
  counts.sum.max = all.bytes();
  // As dense as all of them together.
  if (all.bytes() > 0) {
    const double share = static_cast<double>(longest) / static_cast<double>(all.bytes());
    counts.longest_estimate =
        static_cast<std::int64_t>(static_cast<double>(counts.sum.estimate) * share + 0.5);
  }
  return counts;
}

TokenCounts CountInput(const core::Request& request) {
  TokenCounts counts;
  Estimate text;
  for (const core::Message& message : request.messages) {
    counts.estimate += kMessageTokens;
    counts.max += kMessageTokensMax;
    text.Add(message.name);
    for (const core::Part& part : message.parts) AddPart(part, text, counts);
  }
  for (const core::ToolSpec& tool : request.tools) {
    counts.max += kToolTokensMax;
    text.Add(tool.name);
    text.Add(tool.description);
    text.Add(tool.parameters);
  }
  text.Add(request.json_schema.description);
  text.Add(request.json_schema.schema);
  const bool has_schema = request.response_format == core::ResponseFormat::kJsonSchema;
  if (!request.tools.empty() || has_schema) counts.max += kToolingTokensMax;
  counts.estimate += text.Tokens();
  // `text_bytes` was counted while decoding, from the same texts; the larger of the two is the
  // bound.
  counts.max += kRequestTokensMax + std::max(text.bytes(), request.text_bytes);
  counts.max = std::min(counts.max, kTokensUnbounded);
  return counts;
}

}  // namespace tidegate::profile
