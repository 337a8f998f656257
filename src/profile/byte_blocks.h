// Looking at text sixteen or sixty-four bytes at a time.
//
// Every request's prompt is read for its tokens and for signs of difficulty; a byte at a time that
// was the dearest step of the whole request (60 000 of 166 000 instructions for a 2 KB prompt).
// Here blocks of bytes are compared at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tidegate::profile {

// How many bytes of a text belong to each class. `marks` is all other ASCII, `space` all up to ' '.
struct ByteCounts {
  std::int64_t letters = 0, space = 0, digits = 0, marks = 0;
  std::int64_t repeated_space = 0;  // of `space`: those right behind another
  // Of UTF-8: bytes that continue a character, and first bytes by the length of theirs.
  std::int64_t continuations = 0, two_byte = 0, three_byte = 0, four_byte = 0;

  friend bool operator==(const ByteCounts&, const ByteCounts&) = default;
};
ByteCounts CountBytes(std::string_view text);

inline constexpr std::size_t kBlockBytes = 64;

// One bit for each byte of a block, the first byte lowest.
struct BlockMasks {
  std::uint64_t letters = 0;  // a-z, A-Z and ': what begins a word
  std::uint64_t words = 0;    // the letters, and - + /: what continues one
  std::uint64_t marks = 0;    // at least ` { } ; [ ] ^ = \ < > and 0xE2, and few other bytes

  friend bool operator==(const BlockMasks&, const BlockMasks&) = default;
};
// Of the first kBlockBytes of `text`, or of all of it; bits beyond its end are zero.
BlockMasks MasksOf(std::string_view text);

// The same byte by byte: the definition, and what runs where there is nothing faster.
ByteCounts CountBytesOneByOne(std::string_view text);
BlockMasks MasksOfOneByOne(std::string_view text);

}  // namespace tidegate::profile
