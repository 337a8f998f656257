#include "models/file_digest.h"

#include <cerrno>
#include <cstddef>
#include <fcntl.h>
#include <string_view>
#include <unistd.h>

#include "base/unique_fd.h"
#include "models/disk.h"

namespace tidegate::models {
namespace {

constexpr std::size_t kPieceBytes = std::size_t{1} << 20U;

}  // namespace

Result<FileDigest> DigestOfFile(const std::string& path, const TellRead& tell,
                                const std::stop_token& stop) {
  const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.valid()) return DiskError("open", path, errno);
  if (!FactsOf(file)) return InvalidArgument("file", path + " is no regular file");
  Sha256Stream stream;
  std::string piece(kPieceBytes, '\0');
  std::uint64_t size = 0;
  while (true) {
    if (stop.stop_requested()) {
      return Error{ErrorCode::kCancelled, ErrorSource::kCaller, Retry::kNever, "it was stopped"};
    }
    const ssize_t got = read(file.get(), piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return DiskError("read", path, errno);
    if (got == 0) return FileDigest{Digest(stream.Finish()), size};
    stream.Update(std::string_view(piece).substr(0, static_cast<std::size_t>(got)));
    size += static_cast<std::uint64_t>(got);
    if (tell) tell(static_cast<std::uint64_t>(got));
  }
}

}  // namespace tidegate::models
