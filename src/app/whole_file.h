// A file that is there under its name when it is whole, and not before.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/unique_fd.h"

namespace tidegate::app {

// Until then its bytes stand beside it, under the name + kUnfinished. Whoever dies leaves them
// there, and the next one who writes the same file begins with them anew. Move-only; one thread at
// a time. Destroying it without Finish removes what was written.
class WholeFile {
 public:
  static constexpr std::string_view kUnfinished = ".unfinished";

  // Errors: kConflict when there is such a file, or somebody is writing it; kUnavailable, kNotFound
  // and kPermissionDenied of the disk.
  static Result<WholeFile> Make(const std::string& path);
  WholeFile(WholeFile&&) noexcept = default;
  WholeFile& operator=(WholeFile&&) = delete;
  ~WholeFile();

  // Errors: those of the disk.
  Result<void> Write(std::string_view bytes);
  // Durably. Errors: kConflict when somebody has made such a file meanwhile; those of the disk.
  Result<void> Finish() &&;

 private:
  WholeFile(std::string path, std::string draft, UniqueFd file)
      : path_(std::move(path)), draft_(std::move(draft)), file_(std::move(file)) {}

  std::string path_, draft_;
  UniqueFd file_;  // holds the lock
};

}  // namespace tidegate::app
