#include "net/host_check.h"

#include <algorithm>
#include <charconv>

#include "base/ascii.h"

namespace tidegate::net {
namespace {

Error Refused(std::string message) {
  Error error{ErrorCode::kPermissionDenied, ErrorSource::kCaller, Retry::kNever,
              std::move(message)};
  error.reason = "host_not_allowed";
  return error;
}

// "name" of "name:digits" or "name"; empty when the rest is not a port.
std::string_view WithoutPort(std::string_view host) {
  const std::size_t bracket = host.rfind(']');
  const std::size_t colon = host.find(':', bracket == std::string_view::npos ? 0 : bracket);
  if (colon == std::string_view::npos) return host;
  const std::string_view port = host.substr(colon + 1);
  std::uint16_t number = 0;
  const auto parsed = std::from_chars(port.data(), port.data() + port.size(), number);
  if (parsed.ec != std::errc() || parsed.ptr != port.data() + port.size()) return {};
  return host.substr(0, colon);
}

}  // namespace

HostCheck::HostCheck(std::vector<std::string> names, std::vector<std::string> origins)
    : names_(std::move(names)), origins_(std::move(origins)) {
  std::erase(names_, "");
  std::erase(origins_, "");
  for (const char* name : {"localhost", "127.0.0.1", "[::1]"}) names_.emplace_back(name);
}

bool HostCheck::HostAllowed(std::string_view host) const {
  const std::string_view name = WithoutPort(host);
  return std::any_of(names_.begin(), names_.end(),
                     [&](const std::string& allowed) { return EqualsIgnoreCase(name, allowed); });
}

Result<void> HostCheck::Check(const HttpHead& head, bool over_unix) const {
  std::string_view host, origin;
  int hosts = 0, origins = 0;
  for (std::size_t i = 0; i < head.fields();
       ++i) {  // once over the fields: this runs on every request
    const std::string_view name = head.name(i);
    if (EqualsIgnoreCase(name, "host")) {
      ++hosts;
      host = head.value(i);
    } else if (EqualsIgnoreCase(name, "origin")) {
      ++origins;
      origin = head.value(i);
    }
  }
  const bool old = hosts == 0 && head.version_minor() == 0;  // HTTP/1.0; no browser sends it
  if (hosts != 1 && !old) {
    Error error = InvalidArgument("Host", "a request carries exactly one Host field");
    error.reason = "malformed_http";
    return error;
  }
  if (!over_unix && !old && !HostAllowed(host)) {
    return Refused(
        "this Host is not served here; add it to hosts = [...] in the configuration if it is "
        "yours");
  }
  if (origins > 1) return Refused("a request carries at most one Origin field");
  if (origins == 1 && std::find(origins_.begin(), origins_.end(), origin) == origins_.end()) {
    return Refused(
        "web pages may not call this server; add the page's origin to origins = [...] to allow "
        "it");
  }
  return {};
}

}  // namespace tidegate::net
