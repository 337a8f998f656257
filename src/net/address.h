// Where to listen and where to connect.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tidegate::net {

// "127.0.0.1:11435", "[::1]:11435", "localhost:0" or "unix:/path/to.sock".
struct ListenAddress {
  std::string host;        // a literal address after parsing; empty for UNIX
  std::uint16_t port = 0;  // 0 = any free one
  std::string unix_path;   // not empty = UNIX socket
  bool loopback() const;   // only this machine can reach it (UNIX sockets included)
  std::string ToString() const;
};
Result<ListenAddress> ParseListenAddress(std::string_view text);

enum class Scheme : std::uint8_t { kHttp, kHttps, kUnix };

// Where an upstream listens: what a connection may be reused for.
struct Origin {
  Scheme scheme = Scheme::kHttp;
  std::string host;
  std::uint16_t port = 0;
  std::string unix_path;
  // "https://host:port" or "unix:/path", for messages.
  std::string ToString() const;
  // What the Host field says.
  std::string HostField() const;
  friend auto operator<=>(const Origin&, const Origin&) = default;
};

struct Url {
  Origin origin;
  std::string path;  // with its leading slash, without a trailing one; "" for none
};
// "http://host:port/path", "https://…", "unix:/socket" or "unix:/socket:/path". No user info, query
// or fragment.
Result<Url> ParseUrl(std::string_view text);

// A literal address that anybody on the internet can have: none of this machine's, of a private or
// link-local network, of a carrier, of multicast, of documentation or of a cloud's metadata
// service. IPv6 forms that carry an IPv4 address are judged by that one.
bool IsPublicAddress(std::string_view literal);
// 127.0.0.0/8, ::1 and nothing else; IPv4-mapped forms included.
bool IsLoopbackAddress(std::string_view literal);

}  // namespace tidegate::net
