#include "protocols/aws_event_stream/crc32.h"

#include <array>
#include <cstddef>

namespace tidegate::protocols::aws_event_stream {
namespace {

constexpr std::uint32_t kPolynomial = 0xEDB8'8320;  // bit-reflected
constexpr std::size_t kSlices = 8;

using Table = std::array<std::uint32_t, 256>;

// tables[k][b]: what byte b does to the checksum when k zero bytes follow it. A checksum is linear,
// so eight bytes are looked up side by side instead of one after the other, each waiting for the
// one before (several times as fast, and every token of an answer is checked).
constexpr std::array<Table, kSlices> MakeTables() {
  std::array<Table, kSlices> tables{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1U) ^ ((crc & 1U) != 0 ? kPolynomial : 0);
    tables[0][byte] = crc;
  }
  for (std::size_t k = 1; k < kSlices; ++k) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint32_t crc = tables[k - 1][byte];
      tables[k][byte] = (crc >> 8U) ^ tables[0][crc & 0xFFU];
    }
  }
  return tables;
}

constexpr std::array<Table, kSlices> kTables = MakeTables();

std::uint32_t ByteAt(std::string_view bytes, std::size_t i) {
  return static_cast<unsigned char>(bytes[i]);
}

}  // namespace

std::uint32_t Crc32(std::string_view bytes, std::uint32_t before) {
  std::uint32_t crc = ~before;
  std::size_t at = 0;
  for (; bytes.size() - at >= kSlices; at += kSlices) {
    crc ^= ByteAt(bytes, at) | ByteAt(bytes, at + 1) << 8U | ByteAt(bytes, at + 2) << 16U |
           ByteAt(bytes, at + 3) << 24U;
    crc = kTables[7][crc & 0xFFU] ^ kTables[6][crc >> 8U & 0xFFU] ^ kTables[5][crc >> 16U & 0xFFU] ^
          kTables[4][crc >> 24U] ^ kTables[3][ByteAt(bytes, at + 4)] ^
          kTables[2][ByteAt(bytes, at + 5)] ^ kTables[1][ByteAt(bytes, at + 6)] ^
          kTables[0][ByteAt(bytes, at + 7)];
  }
  for (; at < bytes.size(); ++at) crc = crc >> 8U ^ kTables[0][(crc ^ ByteAt(bytes, at)) & 0xFFU];
  return ~crc;
}

}  // namespace tidegate::protocols::aws_event_stream
