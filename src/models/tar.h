// The part of the tar format (POSIX ustar, with pax records for files of 8 GiB and more) that an
// archive of a model needs: files, one after the other.
//
// Archives come from anywhere. Only plain files are read; links, folders, devices and names that
// could lead elsewhere are refused, and so is a header whose checksum is wrong. Nothing is
// allocated for a size that a header claims, and whoever reads decides how many entries to take.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tidegate::models {

inline constexpr std::size_t kTarBlockBytes = 512;
inline constexpr std::size_t kTarNameBytesMax = 99;
inline constexpr std::size_t kTarPaxBytesMax = 4'096;
inline constexpr std::uint64_t kTarFileBytesMax = std::uint64_t{1} << 43U;

// What stands in front of a file's bytes. REQUIRES: a name that TarReader takes, and the limits.
std::string TarHeader(std::string_view name, std::uint64_t size, std::int64_t modified_s);
// What stands behind them.
std::string TarPadding(std::uint64_t size);
// What ends an archive.
std::string TarEnd();

// Fills the beginning of the span and says how much of it: 0 only at the end of the input.
using ReadBytes = std::function<Result<std::size_t>(std::span<char>)>;

// Not thread-safe. After an error no more calls. Errors: kInvalidArgument with what is wrong with
// the archive; those of the source.
class TarReader {
 public:
  explicit TarReader(ReadBytes source) : source_(std::move(source)) {}

  struct Entry {
    std::string name;  // letters, digits and . _ - in parts that '/' divides; none begins with '.'
    std::uint64_t size = 0;
  };
  // The next file; nothing behind the last. REQUIRES: Read has returned 0 for the one before.
  Result<std::optional<Entry>> Next();
  // Its next bytes, however many; 0 behind the last.
  Result<std::size_t> Read(std::span<char> into);

 private:
  Result<void> Fill(std::span<char> into);
  Result<std::optional<std::uint64_t>> ReadPax(std::uint64_t size);

  ReadBytes source_;
  std::uint64_t left_ = 0;   // of the file
  std::size_t padding_ = 0;  // behind it
};

}  // namespace tidegate::models
