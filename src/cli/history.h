// What was typed before, kept in a file that only its owner can read: prompts are private.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tidegate::cli {

inline constexpr std::size_t kHistoryEntriesMax = 1'000;
inline constexpr std::size_t kHistoryFileBytesMax = 8U << 20U;
inline constexpr std::size_t kHistoryEntryBytesMax = 64U << 10U;  // longer ones are not kept

// One process writes at a time; another's entries are not seen, and appending loses none.
class History {
 public:
  // In memory only, until Load.
  History() = default;
  // Reads `path`, one entry a line, and appends to it from now on. A missing file is an empty
  // history. Errors: kUnavailable or kPermissionDenied with the path; the history works in memory.
  Result<void> Load(std::string path);
  // The entry is remembered, and written to the file if there is one; a repetition of the last and
  // an empty one are not. Errors: of the file; the entry is remembered all the same.
  Result<void> Add(std::string_view entry);
  const std::vector<std::string>& entries() const { return entries_; }

 private:
  Result<void> Append(std::string_view entry) const;
  std::vector<std::string> entries_;  // the newest last
  std::string path_;
};

}  // namespace tidegate::cli
