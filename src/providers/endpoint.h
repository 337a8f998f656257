// The address of a provider, from its URL, and how near such an address can be.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tidegate::providers {

inline constexpr std::size_t kUrlBytesMax = 2048;

enum class Scheme : std::uint8_t { kHttp, kHttps, kUnix };

struct Endpoint {
  Scheme scheme = Scheme::kHttps;
  std::string host;        // lower case; an IPv6 address without brackets; empty for kUnix
  std::uint16_t port = 0;  // 0 for kUnix
  std::string base_path;   // "/v1", no slash at the end; empty for the root
  std::string unix_path;   // absolute path of the socket, for kUnix

  std::string ToString() const;  // a URL again, without credentials, since none are accepted
};

// "https://api.example.com/v1", "http://192.168.1.5:8000/v1", "unix:/run/llm.sock" or
// "unix:/run/llm.sock:/v1". Strict: no user or password, query or fragment, no white space, no
// empty or malformed host, no port 0. Errors: kInvalidArgument at `path`, with what is wrong.
Result<Endpoint> ParseUrl(std::string_view url, std::string_view path);

// What the address alone says. A host name is kPublic unless it is "localhost" or ends in ".local",
// ".lan", ".internal" or
// ".home.arpa", which only a private network resolves.
enum class Reach : std::uint8_t { kLoopback, kPrivate, kPublic };
Reach ReachOf(const Endpoint& endpoint);

}  // namespace tidegate::providers
