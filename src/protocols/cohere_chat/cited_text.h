// The text of an answer, to find places in it: this protocol counts characters, we count bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tidegate::protocols::cohere_chat {

// Not thread-safe. Keeps the first kCitableTextBytesMax bytes. A lookup costs no more than a step
// of text, however many there are.
class CitedText {
 public:
  void Append(std::string_view text);

  std::int64_t bytes() const { return static_cast<std::int64_t>(text_.size()); }
  std::int64_t characters() const { return characters_; }

  // Where the character of this number begins, counted from the beginning of the text; its end for
  // the number behind the last one. -1: it is not in the text that was kept.
  std::int64_t ByteOf(std::int64_t character) const;
  // The number of the character that begins at a byte or in front of which it stands; likewise.
  std::int64_t CharacterOf(std::int64_t byte) const;
  // The bytes from `begin` to `end`; empty when they are not all there.
  std::string_view Between(std::int64_t begin, std::int64_t end) const;

 private:
  std::string text_;
  std::vector<std::int64_t> counts_;  // characters in front of every step
  std::int64_t characters_ = 0;
  bool full_ = false;
};

}  // namespace tidegate::protocols::cohere_chat
