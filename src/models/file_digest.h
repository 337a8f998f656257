// The digest of a file of any size, wherever it lies.
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>

#include "base/result.h"
#include "models/digest.h"

namespace tidegate::models {

struct FileDigest {
  Digest digest;
  std::uint64_t size = 0;
};

// How many bytes have been read more.
using TellRead = std::function<void(std::uint64_t bytes)>;

// Reads all of it, a MiB at a time; links are followed. Blocks. Errors: kInvalidArgument for what
// is no regular file; kCancelled after `stop`; those of the disk.
Result<FileDigest> DigestOfFile(const std::string& path, const TellRead& tell,
                                const std::stop_token& stop);

}  // namespace tidegate::models
