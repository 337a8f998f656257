#include "protocols/aws_event_stream/crc32.h"

#include <string>

#include <gtest/gtest.h>

namespace tidegate::protocols::aws_event_stream {
namespace {

// The definition, bit by bit.
std::uint32_t SlowCrc32(std::string_view bytes) {
  std::uint32_t crc = ~0U;
  for (const char c : bytes) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1U ^ ((crc & 1U) != 0 ? 0xEDB8'8320U : 0U);
  }
  return ~crc;
}

TEST(AwsEventStreamCrc32, KnownTextsHaveTheirKnownChecksums) {
  EXPECT_EQ(Crc32(""), 0U);
  EXPECT_EQ(Crc32("123456789"), 0xCBF4'3926U) << "the check value of this CRC";
  EXPECT_EQ(Crc32("a"), 0xE8B7'BE43U);
  EXPECT_EQ(Crc32("The quick brown fox jumps over the lazy dog"), 0x414F'A339U);
  EXPECT_EQ(Crc32(std::string(32, '\0')), 0x190A'55ADU);
  EXPECT_EQ(Crc32(std::string(32, '\xFF')), 0xFF6C'AB0BU);
}

TEST(AwsEventStreamCrc32, EveryLengthAgreesWithTheDefinition) {
  std::string bytes;
  for (int i = 0; i < 300; ++i) {
    EXPECT_EQ(Crc32(bytes), SlowCrc32(bytes)) << bytes.size() << " bytes";
    bytes.push_back(static_cast<char>(i * 37 + i / 7));
  }
}

TEST(AwsEventStreamCrc32, TheChecksumOfPartsIsThatOfTheWhole) {
  const std::string text = "The quick brown fox jumps over the lazy dog";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    EXPECT_EQ(Crc32(text.substr(cut), Crc32(text.substr(0, cut))), 0x414F'A339U);
  }
}

}  // namespace
}  // namespace tidegate::protocols::aws_event_stream
