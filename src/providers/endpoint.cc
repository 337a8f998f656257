#include "providers/endpoint.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "base/ascii.h"

namespace tidegate::providers {
namespace {

constexpr std::size_t kHostBytesMax = 253;
constexpr std::size_t kUnixPathBytesMax = 107;  // sun_path without its NUL
constexpr std::uint16_t kHttpPort = 80;
constexpr std::uint16_t kHttpsPort = 443;

bool IsHostByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
}

// A name of dotted labels; also takes IPv4 addresses.
bool IsHostName(std::string_view host) {
  return !host.empty() && host.size() <= kHostBytesMax && host.front() != '.' &&
         host.front() != '-' && host.find("..") == std::string_view::npos &&
         std::all_of(host.begin(), host.end(), IsHostByte);
}

// The shape of an IPv6 address: what connects checks the rest.
bool IsIpv6(std::string_view host) {
  return host.size() >= 2 && host.size() <= 45 && host.find(':') != std::string_view::npos &&
         std::all_of(host.begin(), host.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || c == ':' || c == '.';
         });
}

std::optional<std::array<int, 4>> ParseIpv4(std::string_view host) {
  std::array<int, 4> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const std::size_t end = i + 1 < bytes.size() ? host.find('.') : host.size();
    if (end == std::string_view::npos || end == 0 || end > 3) return std::nullopt;
    const std::from_chars_result parsed = std::from_chars(host.data(), host.data() + end, bytes[i]);
    if (parsed.ec != std::errc() || parsed.ptr != host.data() + end || bytes[i] > 255)
      return std::nullopt;
    host.remove_prefix(std::min(end + 1, host.size()));
  }
  return bytes;
}

Reach ReachOfIpv4(const std::array<int, 4>& ip) {
  if (ip[0] == 127) return Reach::kLoopback;
  const bool is_private = ip[0] == 10 || (ip[0] == 172 && ip[1] >= 16 && ip[1] <= 31) ||
                          (ip[0] == 192 && ip[1] == 168) || (ip[0] == 169 && ip[1] == 254);
  return is_private ? Reach::kPrivate : Reach::kPublic;
}

Reach ReachOfIpv6(std::string_view host) {
  if (host == "::1") return Reach::kLoopback;
  if (host.starts_with("fe8") || host.starts_with("fe9") || host.starts_with("fea") ||
      host.starts_with("feb")) {
    return Reach::kPrivate;  // fe80::/10
  }
  const bool unique_local =
      host.size() > 4 && host[4] == ':' && (host.starts_with("fc") || host.starts_with("fd"));
  return unique_local ? Reach::kPrivate : Reach::kPublic;
}

// One URL being taken apart.
class UrlParser {
 public:
  UrlParser(std::string_view url, std::string_view path) : url_(url), path_(path) {}

  Result<Endpoint> Parse() {
    if (url_.empty() || url_.size() > kUrlBytesMax) return Refuse("is empty or too long");
    for (const char c : url_) {
      if (c <= ' ' || c >= 0x7F)
        return Refuse("contains white space, control or non-ASCII characters; escape them");
    }
    if (url_.find('#') != std::string_view::npos) return Refuse("must not have a fragment (#…)");
    if (url_.find('?') != std::string_view::npos) return Refuse("must not have a query (?…)");
    if (Take("unix:")) return ParseUnix();
    Endpoint endpoint;
    if (Take("https://")) {
      endpoint.scheme = Scheme::kHttps;
    } else if (Take("http://")) {
      endpoint.scheme = Scheme::kHttp;
    } else {
      return Refuse("must begin with https://, http:// or unix:");
    }
    const std::size_t slash = std::min(url_.find('/'), url_.size());
    TIDEGATE_TRY(ParseAuthority(url_.substr(0, slash), endpoint));
    return WithBasePath(std::move(endpoint), url_.substr(slash));
  }

 private:
  Error Refuse(std::string_view what) const {
    return InvalidArgument(std::string(path_),
                           "the URL " + std::string(what) + "; an example is https://host:8000/v1");
  }

  bool Take(std::string_view prefix) {
    if (!url_.starts_with(prefix)) return false;
    url_.remove_prefix(prefix.size());
    return true;
  }

  Result<Endpoint> ParseUnix() {
    Endpoint endpoint;
    endpoint.scheme = Scheme::kUnix;
    const std::size_t colon = std::min(url_.find(':'), url_.size());
    endpoint.unix_path = url_.substr(0, colon);
    if (!endpoint.unix_path.starts_with('/') || endpoint.unix_path.size() < 2 ||
        endpoint.unix_path.size() > kUnixPathBytesMax) {
      return Refuse("names no socket: write unix: and an absolute path of at most 107 bytes");
    }
    return WithBasePath(std::move(endpoint), url_.substr(std::min(colon + 1, url_.size())));
  }

  Result<void> ParseAuthority(std::string_view authority, Endpoint& endpoint) const {
    if (authority.find('@') != std::string_view::npos) {
      return Refuse("must not contain a user or password; put the key into `key`");
    }
    std::string_view port;
    if (authority.starts_with('[')) {
      const std::size_t end = authority.find(']');
      if (end == std::string_view::npos) return Refuse("has '[' without ']'");
      endpoint.host = ToLower(authority.substr(1, end - 1));
      if (!IsIpv6(endpoint.host)) return Refuse("has a malformed IPv6 address");
      port = authority.substr(end + 1);
      if (!port.empty() && !port.starts_with(':'))
        return Refuse("has something other than a port behind ']'");
    } else {
      const std::size_t colon = std::min(authority.find(':'), authority.size());
      endpoint.host = ToLower(authority.substr(0, colon));
      if (!IsHostName(endpoint.host)) return Refuse("has a missing or malformed host");
      port = authority.substr(colon);
    }
    if (port.empty()) {
      endpoint.port = endpoint.scheme == Scheme::kHttps ? kHttpsPort : kHttpPort;
      return {};
    }
    port.remove_prefix(1);
    const std::from_chars_result parsed =
        std::from_chars(port.data(), port.data() + port.size(), endpoint.port);
    if (parsed.ec != std::errc() || parsed.ptr != port.data() + port.size() || endpoint.port == 0) {
      return Refuse("has a malformed port (1 to 65535)");
    }
    return {};
  }

  Result<Endpoint> WithBasePath(Endpoint endpoint, std::string_view path) const {
    while (path.ends_with('/')) path.remove_suffix(1);
    if (!path.empty() && !path.starts_with('/'))
      return Refuse("has a path without a leading slash");
    if (path.find("//") != std::string_view::npos || path.find("/.") != std::string_view::npos) {
      return Refuse("has an empty or dotted path segment");
    }
    endpoint.base_path = path;
    return endpoint;
  }

  std::string_view url_;
  std::string_view path_;
};

}  // namespace

std::string Endpoint::ToString() const {
  if (scheme == Scheme::kUnix)
    return "unix:" + unix_path + (base_path.empty() ? "" : ":" + base_path);
  const bool ipv6 = host.find(':') != std::string::npos;
  std::string url = scheme == Scheme::kHttps ? "https://" : "http://";
  url += ipv6 ? "[" + host + "]" : host;
  if (port != (scheme == Scheme::kHttps ? kHttpsPort : kHttpPort))
    url += ":" + std::to_string(port);
  return url + base_path;
}

Result<Endpoint> ParseUrl(std::string_view url, std::string_view path) {
  return UrlParser(url, path).Parse();
}

Reach ReachOf(const Endpoint& endpoint) {
  if (endpoint.scheme == Scheme::kUnix) return Reach::kLoopback;
  const std::string_view host = endpoint.host;
  if (host.find(':') != std::string_view::npos) return ReachOfIpv6(host);
  if (const std::optional<std::array<int, 4>> ip = ParseIpv4(host)) return ReachOfIpv4(*ip);
  if (host == "localhost") return Reach::kLoopback;
  constexpr std::array<std::string_view, 4> kPrivateSuffixes = {".local", ".lan", ".internal",
                                                                ".home.arpa"};
  const bool is_private =
      std::any_of(kPrivateSuffixes.begin(), kPrivateSuffixes.end(),
                  [&](std::string_view suffix) { return host.ends_with(suffix); });
  return is_private ? Reach::kPrivate : Reach::kPublic;
}

}  // namespace tidegate::providers
