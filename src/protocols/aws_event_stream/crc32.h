// The checksum of application/vnd.amazon.eventstream: CRC-32 as in gzip and zlib (polynomial
// 0x04C11DB7 reflected, all ones before and after). Nothing else here is linked to zlib, and a
// table of our own is smaller than the dependency.
#pragma once

#include <cstdint>
#include <string_view>

namespace tidegate::protocols::aws_event_stream {

// Of `bytes` behind those whose checksum is `before`; 0 is the checksum of nothing.
std::uint32_t Crc32(std::string_view bytes, std::uint32_t before = 0);

}  // namespace tidegate::protocols::aws_event_stream
