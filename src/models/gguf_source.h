// Where the bytes of a model file come from.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/result.h"

namespace tidegate::models {

class ByteSource {
 public:
  virtual ~ByteSource() = default;
  virtual std::uint64_t size() const = 0;
  // Fills `into` from `offset`. REQUIRES: offset + into.size() <= size(). Errors: kUnavailable (it
  // cannot be read); kInvalidArgument (it became shorter meanwhile).
  virtual Result<void> Read(std::uint64_t offset, std::span<char> into) = 0;
};

// A regular file. Errors: kNotFound and kPermissionDenied, of opening; kInvalidArgument when it is
// a folder, a pipe or a device.
Result<std::unique_ptr<ByteSource>> OpenModelFile(const std::string& path);

}  // namespace tidegate::models
