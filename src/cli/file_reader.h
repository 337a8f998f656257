// Reading whole files that a person named.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

namespace tidegate::cli {

// Opens a regular file: a pipe or a device would make us wait for ever. Errors: kNotFound,
// kPermissionDenied, kInvalidArgument (no regular file), each naming `path`.
struct OpenedFile {
  UniqueFd fd;
  std::int64_t bytes = 0;
};
Result<OpenedFile> OpenFile(const std::string& path);

// At most `size` bytes from where the file stands; fewer only at its end.
Result<std::string> ReadSome(const OpenedFile& file, std::size_t size, const std::string& path);

// All of it. Errors: those of OpenFile; kTooLarge beyond `bytes_max`.
Result<std::string> ReadFile(const std::string& path, std::size_t bytes_max);
// The same, which must be UTF-8; a byte-order mark is left out.
Result<std::string> ReadTextFile(const std::string& path, std::size_t bytes_max);

// "~" and "~/x" as a path of this user; others as they are.
std::string ExpandHome(const std::string& path, const std::string& home);

}  // namespace tidegate::cli
