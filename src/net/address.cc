#include "net/address.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <optional>

#include <boost/asio/ip/address.hpp>

#include "base/ascii.h"

namespace tidegate::net {
namespace {

namespace ip = boost::asio::ip;
constexpr std::size_t kUnixPathBytesMax = 107;  // sun_path less its NUL
constexpr std::size_t kHostBytesMax = 253;      // of a DNS name in text
constexpr std::uint16_t kHttpPort = 80, kHttpsPort = 443;

std::optional<std::uint16_t> ParsePort(std::string_view text) {
  std::uint16_t port = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), port);
  if (text.empty() || parsed.ec != std::errc() || parsed.ptr != text.data() + text.size())
    return std::nullopt;
  return port;
}

// Asio reads to the first NUL only.
std::optional<ip::address> ParseIp(const std::string& literal) {
  boost::system::error_code ec;
  const ip::address address = ip::make_address(literal, ec);
  if (ec || literal.find('\0') != std::string::npos) return std::nullopt;
  return address;
}

bool IsV6(const std::string& host) {
  const std::optional<ip::address> address = ParseIp(host);
  return address && address->is_v6();
}

bool IsV4(const std::string& host) {
  const std::optional<ip::address> address = ParseIp(host);
  return address && address->is_v4();
}

struct HostPort {
  std::string host;
  std::optional<std::uint16_t> port;
};

// "host", "host:port", "[v6]" or "[v6]:port".
std::optional<HostPort> SplitHostPort(std::string_view text) {
  HostPort out;
  std::string_view port;
  if (!text.empty() && text[0] == '[') {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos) return std::nullopt;
    out.host = text.substr(1, close - 1);
    if (!IsV6(out.host)) return std::nullopt;
    if (close + 1 == text.size()) return out;
    if (text[close + 1] != ':') return std::nullopt;
    port = text.substr(close + 2);
  } else {
    const std::size_t colon = text.find(':');
    out.host = text.substr(0, colon);
    if (colon == std::string_view::npos) return out;
    port = text.substr(colon + 1);
  }
  out.port = ParsePort(port);
  if (!out.port) return std::nullopt;
  return out;
}

bool IsNumber(std::string_view label) {
  const bool hex = label.starts_with("0x") || label.starts_with("0X");
  const char* const digits = hex ? "0123456789abcdefABCDEF" : "0123456789";
  return label.find_first_not_of(digits, hex ? 2 : 0) == std::string_view::npos;
}

// A DNS name or a dotted IPv4 address. The resolver also takes 0x7f.1, 127.1 and 2130706433 for
// addresses; nobody who reads a configuration does, so they are refused.
bool IsHostName(const std::string& host) {
  if (host.empty() || host.size() > kHostBytesMax || host.front() == '.') return false;
  if (host.find("..") != std::string::npos) return false;
  for (const char c : host) {
    const bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '-' || c == '.' || c == '_';
    if (!ok) return false;
  }
  std::string_view last = host;
  if (last.ends_with('.')) last.remove_suffix(1);
  last.remove_prefix(last.rfind('.') + 1);  // npos + 1 = 0
  return !IsNumber(last) || IsV4(host);
}

std::string Bracketed(const std::string& host) {
  return host.find(':') != std::string::npos ? "[" + host + "]" : host;
}

bool IsUnixPath(std::string_view path) {
  return path.starts_with('/') && path.size() <= kUnixPathBytesMax &&
         std::none_of(path.begin(), path.end(),
                      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

}  // namespace

namespace {

struct Block {
  std::uint32_t base;
  int bits;
};

// RFC 6890 and its successors; and what is public by its number only.
constexpr Block kNotPublicV4[] = {
    {0x00000000, 8},   // this network
    {0x0a000000, 8},   // private
    {0x64400000, 10},  // carriers (and Alibaba's metadata)
    {0x7f000000, 8},   // loopback
    {0xa83f8110, 32},  // Azure's metadata
    {0xa9fe0000, 16},  // link-local, most clouds' metadata
    {0xac100000, 12},  // private
    {0xc0000000, 24},  // protocol assignments (and Oracle's metadata)
    {0xc0000200, 24},  // documentation
    {0xc0586300, 24},  // relays to IPv6
    {0xc0a80000, 16},  // private
    {0xc6120000, 15},  // benchmarks
    {0xc6336400, 24},  // documentation
    {0xcb007100, 24},  // documentation
    {0xe0000000, 3},   // multicast, reserved, broadcast
};

bool IsPublicV4(std::uint32_t address) {
  return std::none_of(std::begin(kNotPublicV4), std::end(kNotPublicV4), [&](const Block& block) {
    return ((address ^ block.base) >> (32 - block.bits)) == 0;
  });
}

bool IsPublicV6(const ip::address_v6::bytes_type& bytes) {
  const auto v4_at = [&](std::size_t i) {
    return std::uint32_t{bytes[i]} << 24U | std::uint32_t{bytes[i + 1]} << 16U |
           std::uint32_t{bytes[i + 2]} << 8U | std::uint32_t{bytes[i + 3]};
  };
  const std::uint32_t first = v4_at(0);
  const bool mapped = first == 0 && v4_at(4) == 0 && v4_at(8) == 0x0000ffff;
  const bool nat64 = first == 0x0064ff9b && v4_at(4) == 0 && v4_at(8) == 0;
  if (mapped || nat64) return IsPublicV4(v4_at(12));
  if (first >> 16U == 0x2002) return IsPublicV4(v4_at(2));  // 6to4
  return first >> 29U == 1                                  // 2000::/3, all that is given out
         && first >> 9U != 0x20010000 >> 9U                 // protocol assignments, Teredo
         && first != 0x20010db8                             // documentation
         && first >> 12U != 0x3fff0000 >> 12U;              // documentation
}

}  // namespace

bool IsPublicAddress(std::string_view literal) {
  const std::optional<ip::address> address = ParseIp(std::string(literal));
  if (!address) return false;
  if (address->is_v4()) return IsPublicV4(address->to_v4().to_uint());
  return IsPublicV6(address->to_v6().to_bytes());
}

bool IsLoopbackAddress(std::string_view literal) {
  const std::optional<ip::address> address = ParseIp(std::string(literal));
  if (!address) return false;
  if (address->is_v6() && address->to_v6().is_v4_mapped()) {
    return ip::make_address_v4(ip::v4_mapped, address->to_v6()).is_loopback();
  }
  return address->is_loopback();
}

bool ListenAddress::loopback() const { return !unix_path.empty() || IsLoopbackAddress(host); }

std::string ListenAddress::ToString() const {
  return unix_path.empty() ? Bracketed(host) + ":" + std::to_string(port) : "unix:" + unix_path;
}

Result<ListenAddress> ParseListenAddress(std::string_view text) {
  ListenAddress out;
  constexpr std::string_view kUnix = "unix:";
  if (text.starts_with(kUnix)) {
    out.unix_path = text.substr(kUnix.size());
    if (!IsUnixPath(out.unix_path)) {
      return InvalidArgument("listen", "a UNIX socket needs an absolute path of at most 107 bytes");
    }
    return out;
  }
  const std::optional<HostPort> parts = SplitHostPort(text);
  if (!parts || !parts->port) {
    return InvalidArgument("listen",
                           "'" + std::string(text) +
                               "' is not an address; write 127.0.0.1:11435, [::1]:11435 or "
                               "unix:/path/to.sock");
  }
  out.host = parts->host == "localhost" ? "127.0.0.1" : parts->host;
  out.port = *parts->port;
  if (!ParseIp(out.host)) {
    return InvalidArgument("listen",
                           "'" + parts->host + "' is not an IP address; listen on a literal one");
  }
  return out;
}

std::string Origin::ToString() const {
  if (scheme == Scheme::kUnix) return "unix:" + unix_path;
  return (scheme == Scheme::kHttps ? "https://" : "http://") + Bracketed(host) + ":" +
         std::to_string(port);
}

std::string Origin::HostField() const {
  if (scheme == Scheme::kUnix) return "localhost";
  const bool standard = port == (scheme == Scheme::kHttps ? kHttpsPort : kHttpPort);
  return standard ? Bracketed(host) : Bracketed(host) + ":" + std::to_string(port);
}

namespace {

Error BadUrl(std::string why) { return InvalidArgument("url", std::move(why)); }

// Behind "unix:": the socket's path, then perhaps ":" and the path of the URL.
Result<Url> ParseUnixUrl(std::string_view rest) {
  Url out;
  const std::size_t colon = rest.find(':');
  out.origin.scheme = Scheme::kUnix;
  out.origin.unix_path = rest.substr(0, colon);
  if (colon != std::string_view::npos) out.path = rest.substr(colon + 1);
  if (!IsUnixPath(out.origin.unix_path)) {
    return BadUrl("unix: needs an absolute socket path of at most 107 bytes");
  }
  if (!out.path.empty() && out.path[0] != '/') return BadUrl("the path of a URL begins with '/'");
  return out;
}

// Behind "http://" or "https://".
Result<Url> ParseTcpUrl(Scheme scheme, std::string_view rest) {
  Url out;
  const std::size_t slash = rest.find('/');
  const std::string_view authority = rest.substr(0, slash);
  if (slash != std::string_view::npos) out.path = rest.substr(slash);
  if (authority.find('@') != std::string_view::npos) {
    return BadUrl("a URL must not hold a user name; give the key with key = \"env:NAME\"");
  }
  const std::optional<HostPort> parts = SplitHostPort(authority);
  if (!parts || !(IsV6(parts->host) || IsHostName(parts->host))) {
    return BadUrl("the host of the URL is not valid");
  }
  if (parts->port == 0) return BadUrl("port 0 cannot be connected to");
  out.origin.scheme = scheme;
  out.origin.host = ToLower(parts->host);
  out.origin.port = parts->port.value_or(scheme == Scheme::kHttps ? kHttpsPort : kHttpPort);
  return out;
}

}  // namespace

Result<Url> ParseUrl(std::string_view text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= 0x20 || byte >= 0x7f || c == '\\') {
      return BadUrl("a URL holds printable ASCII only");
    }
  }
  constexpr std::string_view kUnix = "unix:", kHttp = "http://", kHttps = "https://";
  Result<Url> url = BadUrl("a URL begins with http://, https:// or unix:/");
  if (text.starts_with(kUnix)) url = ParseUnixUrl(text.substr(kUnix.size()));
  if (text.starts_with(kHttp)) url = ParseTcpUrl(Scheme::kHttp, text.substr(kHttp.size()));
  if (text.starts_with(kHttps)) url = ParseTcpUrl(Scheme::kHttps, text.substr(kHttps.size()));
  if (!url.ok()) return url;
  if (url->path.find_first_of("?#") != std::string::npos) {
    return BadUrl("a base URL has no query and no fragment");
  }
  while (url->path.ends_with('/')) url->path.pop_back();
  return url;
}

}  // namespace tidegate::net
