#include "protocols/cohere_chat/cited_text.h"

#include <algorithm>

#include "protocols/cohere_chat/limits.h"

namespace tidegate::protocols::cohere_chat {
namespace {

constexpr std::size_t kStepBytes = 1024;

// Whether a byte is the first of a character of UTF-8.
bool Begins(char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) != 0x80U; }

}  // namespace

void CitedText::Append(std::string_view text) {
  if (full_) return;
  if (text.size() > kCitableTextBytesMax - text_.size()) {
    full_ = true;
    return;
  }
  for (const char byte : text) {
    if (text_.size() % kStepBytes == 0) counts_.push_back(characters_);
    text_ += byte;
    if (Begins(byte)) ++characters_;
  }
}

std::int64_t CitedText::ByteOf(std::int64_t character) const {
  if (character < 0 || character > characters_) return -1;
  if (character == characters_) return full_ ? -1 : bytes();
  // The last step with no more characters in front of it than are looked for.
  const auto step = std::upper_bound(counts_.begin(), counts_.end(), character) - 1;
  std::size_t at = static_cast<std::size_t>(step - counts_.begin()) * kStepBytes;
  std::int64_t left = character - *step;
  while (at < text_.size() && (left > 0 || !Begins(text_[at]))) {
    if (Begins(text_[at])) --left;
    ++at;
  }
  return static_cast<std::int64_t>(at);
}

std::int64_t CitedText::CharacterOf(std::int64_t byte) const {
  if (byte < 0 || byte > bytes()) return -1;
  if (byte == bytes()) return full_ ? -1 : characters_;
  const auto end = static_cast<std::size_t>(byte);
  const std::size_t step = end / kStepBytes;
  std::int64_t count = counts_[step];
  for (std::size_t at = step * kStepBytes; at < end; ++at) count += Begins(text_[at]) ? 1 : 0;
  return count;
}

std::string_view CitedText::Between(std::int64_t begin, std::int64_t end) const {
  if (begin < 0 || end < begin || end > bytes()) return {};
  return std::string_view(text_).substr(static_cast<std::size_t>(begin),
                                        static_cast<std::size_t>(end - begin));
}

}  // namespace tidegate::protocols::cohere_chat
