// Where one request of a download goes, and where an answer may send it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"
#include "net/address.h"

namespace tidegate::models {

inline constexpr std::size_t kTargetBytesMax = 8 * 1024;

struct DownloadTarget {
  net::Origin origin;
  std::string path;  // with its query, as it stands in the request line

  // Without the query, which may hold a signature: for messages and records.
  std::string ToString() const;
  friend bool operator==(const DownloadTarget&, const DownloadTarget&) = default;
};

// "https://host/path?query" or with http. Errors: kInvalidArgument with `field`.
Result<DownloadTarget> ParseTarget(std::string_view url, std::string field);

// What the Location field of an answer from `from` means: a whole URL, "//host/path" or "/path".
// Errors: kProtocol, the answer is at fault.
Result<DownloadTarget> FollowLocation(const DownloadTarget& from, std::string_view location);

}  // namespace tidegate::models
