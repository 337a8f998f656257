#include "models/download_target.h"

#include <algorithm>
#include <utility>

#include "base/ascii.h"

namespace tidegate::models {
namespace {

constexpr std::string_view kHttps = "https://", kHttp = "http://";

bool IsPrintable(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return c > 0x20 && c < 0x7f && c != '\\'; });
}

// The fragment is nobody's business but the reader's.
std::string_view WithoutFragment(std::string_view text) { return text.substr(0, text.find('#')); }

}  // namespace

std::string DownloadTarget::ToString() const {
  return origin.ToString() + path.substr(0, path.find('?'));
}

Result<DownloadTarget> ParseTarget(std::string_view url, std::string field) {
  const std::string_view scheme = StartsWithIgnoreCase(url, kHttps)  ? kHttps
                                  : StartsWithIgnoreCase(url, kHttp) ? kHttp
                                                                     : std::string_view();
  if (scheme.empty()) {
    return InvalidArgument(std::move(field), "a URL to download from begins with https://");
  }
  if (url.size() > kTargetBytesMax || !IsPrintable(url)) {
    return InvalidArgument(std::move(field), "a URL holds at most 8 KiB of printable ASCII");
  }
  const std::string_view rest = WithoutFragment(url.substr(scheme.size()));
  const std::size_t end = std::min(rest.find_first_of("/?"), rest.size());
  Result<net::Url> parsed = net::ParseUrl(std::string(scheme) + std::string(rest.substr(0, end)));
  if (!parsed.ok()) return InvalidArgument(std::move(field), parsed.error().message);
  DownloadTarget target{std::move(parsed->origin), std::string(rest.substr(end))};
  if (!target.path.starts_with('/')) target.path.insert(0, 1, '/');
  return target;
}

Result<DownloadTarget> FollowLocation(const DownloadTarget& from, std::string_view location) {
  const auto refuse = [&](std::string_view why) {
    return Error{ErrorCode::kProtocol, ErrorSource::kUpstream, Retry::kNever,
                 from.origin.ToString() + " redirects to where nobody can go: " + std::string(why)};
  };
  const bool other_host = location.starts_with("//");
  if (location.starts_with('/') && !other_host) {
    if (location.size() > kTargetBytesMax || !IsPrintable(location)) {
      return refuse("a path holds at most 8 KiB of printable ASCII");
    }
    return DownloadTarget{from.origin, std::string(WithoutFragment(location))};
  }
  std::string url(location);
  if (other_host) {
    url = (from.origin.scheme == net::Scheme::kHttps ? "https:" : "http:") + url;
  }
  Result<DownloadTarget> target = ParseTarget(url, "location");
  if (!target.ok()) return refuse(target.error().message);
  return target;
}

}  // namespace tidegate::models
