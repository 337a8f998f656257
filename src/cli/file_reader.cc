#include "cli/file_reader.h"

#include <cerrno>
#include <fcntl.h>
#include <system_error>

#include <sys/stat.h>

#include "base/utf8.h"
#include "cli/display_text.h"
#include "cli/units.h"

namespace tidegate::cli {
namespace {

Error FileError(const std::string& path, int error) {
  const ErrorCode code = error == ENOENT || error == ENOTDIR ? ErrorCode::kNotFound
                         : error == EACCES || error == EPERM ? ErrorCode::kPermissionDenied
                                                             : ErrorCode::kUnavailable;
  return Error{code, ErrorSource::kCaller, Retry::kNever,
               "'" + path + "': " + std::generic_category().message(error)};
}

}  // namespace

Result<OpenedFile> OpenFile(const std::string& path) {
  // Not blocking: opening a pipe would wait for its writer.
  OpenedFile file;
  file.fd = UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.fd.valid()) return FileError(path, errno);
  struct stat about {};
  if (::fstat(file.fd.get(), &about) != 0) return FileError(path, errno);
  if (!S_ISREG(about.st_mode)) return InvalidArgument("", "'" + path + "' is no file");
  file.bytes = about.st_size;
  return file;
}

Result<std::string> ReadSome(const OpenedFile& file, std::size_t size, const std::string& path) {
  std::string out(size, '\0');
  std::size_t filled = 0;
  while (filled < size) {
    const ssize_t got = ::read(file.fd.get(), out.data() + filled, size - filled);
    if (got == 0) break;
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return FileError(path, errno);
    filled += static_cast<std::size_t>(got);
  }
  out.resize(filled);
  return out;
}

Result<std::string> ReadFile(const std::string& path, std::size_t bytes_max) {
  TIDEGATE_ASSIGN(const OpenedFile file, OpenFile(path));
  const auto size = static_cast<std::size_t>(file.bytes);
  if (size > bytes_max) {
    return Error{
        ErrorCode::kTooLarge, ErrorSource::kCaller, Retry::kNever,
        "'" + path + "' is larger than " + FormatBytes(static_cast<std::int64_t>(bytes_max))};
  }
  return ReadSome(file, size, path);
}

Result<std::string> ReadTextFile(const std::string& path, std::size_t bytes_max) {
  TIDEGATE_ASSIGN(std::string text, ReadFile(path, bytes_max));
  constexpr std::string_view kMark = "\xEF\xBB\xBF";
  if (text.starts_with(kMark)) text.erase(0, kMark.size());
  if (!IsUtf8(text)) return InvalidArgument("", "'" + path + "' is not UTF-8 text");
  return text;
}

std::string ExpandHome(const std::string& path, const std::string& home) {
  const bool own = path == "~" || path.starts_with("~/");
  return own && !home.empty() ? home + path.substr(1) : path;
}

}  // namespace tidegate::cli
