#include "models/gguf_source.h"

#include <cerrno>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <utility>

#include <sys/stat.h>

#include "base/unique_fd.h"

namespace tidegate::models {
namespace {

class FileSource : public ByteSource {
 public:
  FileSource(UniqueFd fd, std::uint64_t size) : fd_(std::move(fd)), size_(size) {}

  std::uint64_t size() const override { return size_; }
  Result<void> Read(std::uint64_t offset, std::span<char> into) override {
    while (!into.empty()) {
      const ssize_t got = pread(fd_.get(), into.data(), into.size(), static_cast<off_t>(offset));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return Unavailable(ErrorSource::kGateway, strerrordesc_np(errno));
      if (got == 0) {
        return InvalidArgument("gguf", "the model file became shorter while it was read");
      }
      offset += static_cast<std::uint64_t>(got);
      into = into.subspan(static_cast<std::size_t>(got));
    }
    return {};
  }

 private:
  const UniqueFd fd_;
  const std::uint64_t size_;
};

}  // namespace

Result<std::unique_ptr<ByteSource>> OpenModelFile(const std::string& path) {
  // Non-blocking, for a FIFO that calls itself a model.
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (fd.get() < 0) {
    Error error = NotFound("cannot open " + path + ": " + strerrordesc_np(errno));
    if (errno == EACCES) error.code = ErrorCode::kPermissionDenied;
    return error;
  }
  struct stat info {};
  if (fstat(fd.get(), &info) != 0 || !S_ISREG(info.st_mode)) {
    return InvalidArgument("gguf", path + " is no regular file");
  }
  return std::unique_ptr<ByteSource>(
      std::make_unique<FileSource>(std::move(fd), static_cast<std::uint64_t>(info.st_size)));
}

}  // namespace tidegate::models
