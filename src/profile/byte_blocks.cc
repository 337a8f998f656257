#include "profile/byte_blocks.h"

#include <algorithm>
#include <array>
#include <cstring>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace tidegate::profile {
namespace {

constexpr std::uint8_t kCaseBit = 0x20;

bool IsLetter(std::uint8_t byte) { return static_cast<std::uint8_t>((byte | kCaseBit) - 'a') < 26; }
bool IsWordMark(std::uint8_t byte) { return byte == '-' || byte == '+' || byte == '/'; }
// ; < = > and [ \ ] ^ and { | } ~ differ in their upper bits only.
bool IsMark(std::uint8_t byte) {
  return static_cast<std::uint8_t>((byte & 0x1F) - 0x1B) < 4 || byte == '`' || byte == 0xE2;
}

void CountOne(std::uint8_t byte, bool behind_space, ByteCounts& counts) {
  if (byte <= ' ') {
    ++counts.space;
    counts.repeated_space += behind_space ? 1 : 0;
  } else if (byte >= 0xF0) {
    ++counts.four_byte;
  } else if (byte >= 0xE0) {
    ++counts.three_byte;
  } else if (byte >= 0xC0) {
    ++counts.two_byte;
  } else if (byte >= 0x80) {
    ++counts.continuations;
  } else if (IsLetter(byte)) {
    ++counts.letters;
  } else if (byte >= '0' && byte <= '9') {
    ++counts.digits;
  } else {
    ++counts.marks;
  }
}

#if defined(__GNUC__)
#define TIDEGATE_PROFILE_VECTORS 1
// Sixteen bytes; comparisons give 0xFF where they hold. g++ and clang make the machine's own
// instructions of it, on any processor.
typedef std::uint8_t Bytes __attribute__((vector_size(16)));
constexpr std::size_t kVectorBytes = sizeof(Bytes);
constexpr std::size_t kAddsMax = 255;  // before a lane of a counter overflows

Bytes Load(const char* from) {
  Bytes bytes;
  std::memcpy(&bytes, from, sizeof bytes);
  return bytes;
}

bool AnyHighBit(Bytes bytes) {
  std::array<std::uint64_t, 2> halves;
  std::memcpy(halves.data(), &bytes, sizeof bytes);
  return ((halves[0] | halves[1]) & 0x8080'8080'8080'8080) != 0;
}

std::int64_t Sum(Bytes lanes) {
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < kVectorBytes; ++i) sum += lanes[i];
  return sum;
}

// Counts the whole vectors of `text` from `at` on, which is at least 1; returns where it stopped.
std::size_t CountVectors(std::string_view text, std::size_t at, ByteCounts& counts) {
  while (text.size() - at >= kVectorBytes) {
    const std::size_t vectors = std::min((text.size() - at) / kVectorBytes, kAddsMax);
    Bytes letters{}, space{}, repeated{}, digits{}, continuations{}, two{}, three{}, four{};
    for (std::size_t i = 0; i < vectors; ++i, at += kVectorBytes) {
      const Bytes now = Load(text.data() + at);
      const Bytes before = Load(text.data() + at - 1);
      const Bytes is_space = Bytes(now <= ' ');
      space -= is_space;
      repeated -= is_space & Bytes(before <= ' ');
      letters -= Bytes(((now | kCaseBit) - 'a') < 26);
      digits -= Bytes((now - '0') < 10);
      if (!AnyHighBit(now)) continue;
      continuations -= Bytes((now - 0x80) < 0x40);
      two -= Bytes((now - 0xC0) < 0x20);
      three -= Bytes((now - 0xE0) < 0x10);
      four -= Bytes(now >= 0xF0);
    }
    counts.letters += Sum(letters);
    counts.space += Sum(space);
    counts.repeated_space += Sum(repeated);
    counts.digits += Sum(digits);
    counts.continuations += Sum(continuations);
    counts.two_byte += Sum(two);
    counts.three_byte += Sum(three);
    counts.four_byte += Sum(four);
  }
  return at;
}
#endif

#ifdef __SSE2__
// Bytes above 0x7F are negative in these comparisons, and stay out of both ranges.
__m128i InRange(__m128i bytes, char first, char last) {
  return _mm_and_si128(_mm_cmpgt_epi8(bytes, _mm_set1_epi8(static_cast<char>(first - 1))),
                       _mm_cmplt_epi8(bytes, _mm_set1_epi8(static_cast<char>(last + 1))));
}
__m128i Is(__m128i bytes, char byte) { return _mm_cmpeq_epi8(bytes, _mm_set1_epi8(byte)); }
std::uint64_t BitsOf(__m128i lanes) {
  return static_cast<std::uint64_t>(static_cast<std::uint32_t>(_mm_movemask_epi8(lanes)));
}

BlockMasks MasksOfBlock(const char* block) {
  BlockMasks masks;
  for (std::size_t i = 0; i < kBlockBytes; i += sizeof(__m128i)) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(block + i));
    const __m128i lower = _mm_or_si128(bytes, _mm_set1_epi8(static_cast<char>(kCaseBit)));
    const __m128i letters = _mm_or_si128(InRange(lower, 'a', 'z'), Is(bytes, '\''));
    const __m128i word_marks =
        _mm_or_si128(_mm_or_si128(Is(bytes, '-'), Is(bytes, '+')), Is(bytes, '/'));
    const __m128i low_bits = _mm_and_si128(bytes, _mm_set1_epi8(0x1F));
    const __m128i marks = _mm_or_si128(InRange(low_bits, 0x1B, 0x1E),
                                       _mm_or_si128(Is(bytes, '`'), Is(bytes, '\xE2')));
    masks.letters |= BitsOf(letters) << i;
    masks.words |= BitsOf(_mm_or_si128(letters, word_marks)) << i;
    masks.marks |= BitsOf(marks) << i;
  }
  return masks;
}
#endif

}  // namespace

ByteCounts CountBytesOneByOne(std::string_view text) {
  ByteCounts counts;
  bool behind_space = false;
  for (const char c : text) {
    const auto byte = static_cast<std::uint8_t>(c);
    CountOne(byte, behind_space, counts);
    behind_space = byte <= ' ';
  }
  return counts;
}

BlockMasks MasksOfOneByOne(std::string_view text) {
  BlockMasks masks;
  for (std::size_t i = 0; i < std::min(text.size(), kBlockBytes); ++i) {
    const auto byte = static_cast<std::uint8_t>(text[i]);
    const std::uint64_t bit = std::uint64_t{1} << i;
    const bool letter = IsLetter(byte) || byte == '\'';
    if (letter) masks.letters |= bit;
    if (letter || IsWordMark(byte)) masks.words |= bit;
    if (IsMark(byte)) masks.marks |= bit;
  }
  return masks;
}

ByteCounts CountBytes(std::string_view text) {
#ifdef TIDEGATE_PROFILE_VECTORS
  ByteCounts counts = CountBytesOneByOne(text.substr(0, 1));
  if (text.size() <= 1) return counts;
  std::size_t at = CountVectors(text, 1, counts);
  for (; at < text.size(); ++at) {
    CountOne(static_cast<std::uint8_t>(text[at]), static_cast<std::uint8_t>(text[at - 1]) <= ' ',
             counts);
  }
  // The vectors leave what is in no other class.
  counts.marks = static_cast<std::int64_t>(text.size()) - counts.letters - counts.space -
                 counts.digits - counts.continuations - counts.two_byte - counts.three_byte -
                 counts.four_byte;
  return counts;
#else
  return CountBytesOneByOne(text);
#endif
}

BlockMasks MasksOf(std::string_view text) {
#ifdef __SSE2__
  if (text.size() >= kBlockBytes) return MasksOfBlock(text.data());
  std::array<char, kBlockBytes> padded{};  // zeros are in no mask
  std::memcpy(padded.data(), text.data(), text.size());
  return MasksOfBlock(padded.data());
#else
  return MasksOfOneByOne(text);
#endif
}

}  // namespace tidegate::profile
