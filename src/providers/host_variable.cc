#include "providers/host_variable.h"

namespace tidegate::providers {
namespace {

// Takes everything up to `mark` off the front, with the mark; nothing when there is no mark.
std::string_view TakeTo(std::string_view& text, std::string_view mark) {
  const std::size_t at = text.find(mark);
  if (at == std::string_view::npos) return {};
  const std::string_view taken = text.substr(0, at + mark.size());
  text.remove_prefix(taken.size());
  return taken;
}

// Where a port begins in "host:port", or the end.
std::size_t PortAt(std::string_view authority) {
  const std::size_t bracket = authority.rfind(']');
  const std::size_t colon = authority.find(':', bracket == std::string_view::npos ? 0 : bracket);
  return colon == std::string_view::npos ? authority.size() : colon;
}

// An IPv6 address without brackets has several colons.
bool IsBareIpv6(std::string_view authority) {
  return !authority.starts_with('[') && authority.find(':') != authority.rfind(':');
}

}  // namespace

std::string UrlOfHost(std::string_view value, std::string_view usual) {
  constexpr std::string_view kAround = " \t\"'";
  const std::size_t begin = value.find_first_not_of(kAround);
  if (begin == std::string_view::npos) return std::string(usual);
  value = value.substr(begin, value.find_last_not_of(kAround) - begin + 1);
  const std::string_view scheme = TakeTo(value, "://");
  const std::string_view usual_scheme = TakeTo(usual, "://");
  const std::string_view usual_authority = usual.substr(0, usual.find('/'));
  std::string_view authority = value.substr(0, value.find('/'));
  const std::string_view path = value.substr(authority.size());
  std::string bracketed;
  if (IsBareIpv6(authority)) {
    bracketed = '[' + std::string(authority) + ']';
    authority = bracketed;
  }
  std::string_view host = authority.substr(0, PortAt(authority));
  std::string_view port = authority.substr(host.size());
  if (host.empty()) host = usual_authority.substr(0, PortAt(usual_authority));
  if (host == "0.0.0.0") host = "127.0.0.1";
  if (host == "[::]") host = "[::1]";
  if (port.empty() && scheme.empty()) port = usual_authority.substr(PortAt(usual_authority));
  std::string url(scheme.empty() ? usual_scheme : scheme);
  url += host;
  url += port;
  url += path;
  while (url.ends_with('/')) url.pop_back();
  return url;
}

}  // namespace tidegate::providers
