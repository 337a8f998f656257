// Which bytes of a download are there: the parts that it is fetched in, and how to go on later.
//
// A state file is believed only where it fits what is being downloaded, and bytes stand in it only
// once they are on the disk (download.h sees to that), so that a machine that loses its power loses
// work and never correctness.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tidegate::models {

inline constexpr std::uint64_t kDownloadPartBytes = 64 * 1024 * 1024;
inline constexpr std::size_t kDownloadPartsMax = 16'384;  // larger files have larger parts
inline constexpr std::size_t kDownloadStateBytesMax = 1024 * 1024;
inline constexpr std::size_t kEtagBytesMax = 256;

// Not thread-safe. Part i is the bytes begin(i) … end(i), of which the first are there up to
// next(i).
class DownloadParts {
 public:
  DownloadParts(std::uint64_t size, std::uint64_t part_bytes);
  // What ToJson wrote of a download of `size` bytes; nothing when it is no such text.
  static std::optional<DownloadParts> Parse(std::string_view json, std::uint64_t size);
  std::string ToJson() const;

  std::uint64_t size() const { return size_; }
  std::uint64_t begin(std::size_t part) const { return part * part_bytes_; }
  std::uint64_t end(std::size_t part) const;
  std::uint64_t next(std::size_t part) const { return begin(part) + written_[part]; }
  // The first part that is neither complete nor taken, taken now.
  std::optional<std::size_t> Take();
  void Release(std::size_t part) { taken_[part] = false; }
  bool HasFree() const { return FindFree().has_value(); }
  // REQUIRES: they end in the part.
  void Wrote(std::size_t part, std::uint64_t bytes);

  std::uint64_t written() const { return written_total_; }
  // Bytes from the beginning without a hole.
  std::uint64_t contiguous();
  bool complete() const { return written_total_ == size_; }

  // The version of the file that the parts are of, as the server calls it; or empty.
  std::string etag;

 private:
  std::optional<std::size_t> FindFree() const;
  std::uint64_t size_, part_bytes_;
  std::vector<std::uint64_t> written_;
  std::vector<bool> taken_;
  std::uint64_t written_total_ = 0;
  std::size_t complete_parts_ = 0;  // at the beginning
};

// The state file's text; nothing when there is none. Blocks on the disk. Errors: kUnavailable.
Result<std::optional<std::string>> ReadDownloadState(const std::string& path);
// Replaces it as a whole. Blocks on the disk. Errors: kUnavailable.
Result<void> WriteDownloadState(const std::string& path, std::string_view text);

// "bytes 0-99/1000" of a 206.
struct ContentRange {
  std::uint64_t first = 0, last = 0, total = 0;
};
std::optional<ContentRange> ParseContentRange(std::string_view text);

}  // namespace tidegate::models
