// A disk for tests that fails, tears or stops where it is told, so that every step of a commit can
// be the last one.
//
// It is a file layer of SQLite over the real one. Tests of other modules use it through
// DatabaseOptions::vfs, which keeps SQLite inside this folder.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace tidegate::store {

enum class DiskOperation : std::uint8_t { kWrite, kSync, kTruncate };

enum class DiskFault : std::uint8_t {
  kNone,
  kFull,       // ENOSPC; nothing is written
  kIo,         // EIO; nothing is written
  kTornWrite,  // half of the bytes are written, then EIO
};

// Asked before each operation, on the thread that does it. May end the process.
using DiskScript = std::function<DiskFault(DiskOperation)>;

struct FaultyDiskState;

// Registered under name() from construction to destruction. REQUIRES: no Database uses it any more
// when it dies.
class FaultyDisk {
 public:
  explicit FaultyDisk(std::string name);
  ~FaultyDisk();
  FaultyDisk(const FaultyDisk&) = delete;
  FaultyDisk& operator=(const FaultyDisk&) = delete;

  const std::string& name() const;
  // Thread-safe; an operation that has begun keeps the script it began with. An empty script is a
  // healthy disk.
  void SetScript(DiskScript script);

 private:
  std::unique_ptr<FaultyDiskState> state_;
};

}  // namespace tidegate::store
