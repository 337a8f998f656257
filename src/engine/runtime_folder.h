// The folder of this process's sockets and keys: closed to others, short enough for a socket's
// address, gone when we are.
//
// Each model's process has a folder of its own in it for its socket, the only place where it may
// make and remove anything. What else lies here (the lock, the keys, the sockets of others) is out
// of its reach.
//
// Several gates of one user may run. Each has a folder `engine-XXXXXX` of its own inside the shared
// one and keeps a lock on it. The lock goes with the process however it ends, so a folder without a
// lock belongs to a dead one and is removed.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/unique_fd.h"

namespace tidegate::engine {

// Sockaddr_un on Linux, without the final NUL.
inline constexpr std::size_t kSocketPathBytesMax = 107;

// $XDG_RUNTIME_DIR/tidegate, or $XDG_STATE_HOME/tidegate/run, or ~/.local/state/tidegate/run.
// Errors: kInvalidArgument when none of the variables is set.
Result<std::string> DefaultRuntimeFolder();

// Move-only. Destroying it removes the folder and everything in it.
class RuntimeFolder {
 public:
  // Makes `base` (mode 0700) and a folder in it, and removes what dead processes left in `base`.
  // Errors: kPermissionDenied
  // (`base` belongs to somebody else or is no folder), kInvalidArgument (its path is too long for a
  // socket), kUnavailable.
  static Result<RuntimeFolder> Open(const std::string& base);
  RuntimeFolder(RuntimeFolder&&) noexcept = default;
  RuntimeFolder& operator=(RuntimeFolder&&) = delete;
  ~RuntimeFolder();

  const std::string& path() const { return path_; }
  // Where the child for `model` listens, in a folder of its own, and where its key lies. The names
  // tell nothing of the model's.
  std::string SocketPath(std::string_view model) const;
  std::string KeyPath(std::string_view model) const;
  // Makes the folder of that socket, or empties it: a child that was killed leaves its socket, and
  // that keeps the next one from listening. Errors: kUnavailable, kPermissionDenied.
  Result<void> MakeSocketFolder(std::string_view model) const;

 private:
  RuntimeFolder(std::string path, UniqueFd lock);
  std::string path_;
  UniqueFd lock_;
};

// Makes sure that `path` is a folder of ours that nobody else may enter. Errors: kPermissionDenied
// (it is somebody else's, or no folder), kUnavailable.
Result<void> MakePrivateFolder(const std::string& path);

// Writes `text` to a new file that only this user may read. Errors: kUnavailable.
Result<void> WritePrivateFile(const std::string& path, std::string_view text);

}  // namespace tidegate::engine
