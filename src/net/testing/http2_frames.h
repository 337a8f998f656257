// HTTP/2 frames made by hand, for tests that send what no proper client sends. Not part of the
// program.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <nghttp2/nghttp2.h>

#include "base/check.h"
#include "net/testing/raw_client.h"

namespace tidegate::net::testing {

using Fields = std::vector<std::pair<std::string, std::string>>;

inline std::string Frame(std::uint8_t type, std::uint8_t flags, std::uint32_t id,
                         const std::string& payload = "") {
  const auto byte = [](std::size_t number, unsigned shift) {
    return static_cast<char>(number >> shift & 0xffU);
  };
  std::string frame = {byte(payload.size(), 16),
                       byte(payload.size(), 8),
                       byte(payload.size(), 0),
                       static_cast<char>(type),
                       static_cast<char>(flags),
                       byte(id, 24),
                       byte(id, 16),
                       byte(id, 8),
                       byte(id, 0)};
  return frame + payload;
}

// A number of four bytes, as in RST_STREAM and WINDOW_UPDATE.
inline std::string Number(std::uint32_t number) {
  return {static_cast<char>(number >> 24U & 0xffU), static_cast<char>(number >> 16U & 0xffU),
          static_cast<char>(number >> 8U & 0xffU), static_cast<char>(number & 0xffU)};
}

// Fields as HPACK literals, neither indexed nor compressed. REQUIRES: each shorter than 127 bytes.
inline std::string Hpack(const Fields& fields) {
  std::string block;
  for (const auto& [name, value] : fields) {
    CHECK(name.size() < 127 && value.size() < 127);
    block += '\0';
    block += static_cast<char>(name.size());
    block += name;
    block += static_cast<char>(value.size());
    block += value;
  }
  return block;
}

inline std::string HpackGet(const std::string& path = "/") {
  return Hpack(
      {{":method", "GET"}, {":scheme", "http"}, {":authority", "localhost"}, {":path", path}});
}

// What every client begins with.
inline std::string Preface() {
  return std::string(NGHTTP2_CLIENT_MAGIC, NGHTTP2_CLIENT_MAGIC_LEN) +
         Frame(NGHTTP2_SETTINGS, 0, 0);
}

// The error code of the GOAWAY among the frames that come before the end of the connection.
inline std::optional<std::uint32_t> ReadGoAway(RawClient& client) {
  while (true) {
    const std::string head = client.ReadExactly(9);
    if (head.size() < 9) return std::nullopt;
    const auto at = [](const std::string& text, std::size_t i) {
      return static_cast<std::uint32_t>(static_cast<unsigned char>(text[i]));
    };
    const std::size_t size = at(head, 0) << 16U | at(head, 1) << 8U | at(head, 2);
    const std::string payload = client.ReadExactly(size);
    if (head[3] == NGHTTP2_GOAWAY && payload.size() >= 8) {
      return at(payload, 4) << 24U | at(payload, 5) << 16U | at(payload, 6) << 8U | at(payload, 7);
    }
  }
}

}  // namespace tidegate::net::testing
