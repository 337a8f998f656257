#include "store/key_file.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <optional>
#include <unistd.h>
#include <utility>

#include <sys/stat.h>

#include "base/digest.h"
#include "base/unique_fd.h"
#include "store/database.h"

namespace tidegate::store {
namespace {

constexpr std::size_t kKeyTextBytes = 2 * kKeyBytes + 1;  // hexadecimal digits and a newline

Error FileError(const std::string& what, const std::string& path) {
  return Internal(what + " " + path + ": " + std::strerror(errno));
}

// Nothing when there is no such file.
Result<std::optional<Secret>> Load(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (file.get() < 0) {
    if (errno == ENOENT) return std::optional<Secret>();
    return FileError("cannot open the key file", path);
  }
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return FileError("cannot inspect the key file", path);
  if (!S_ISREG(status.st_mode)) return Internal("the key file " + path + " is not a plain file");
  if ((status.st_mode & 077) != 0) {
    return Internal("the key file " + path + " can be read by others: run chmod 600 on it");
  }
  std::array<char, kKeyTextBytes + 1> text{};
  const ssize_t got = ::read(file.get(), text.data(), text.size());
  if (got < 0) return FileError("cannot read the key file", path);
  std::string_view digits(text.data(), static_cast<std::size_t>(got));
  if (digits.ends_with('\n')) digits.remove_suffix(1);
  const std::optional<Sha256> bytes = ParseSha256(digits);
  if (!bytes) {
    return Internal("the key file " + path +
                    " is damaged: it must hold 64 hexadecimal digits; restore it from a backup");
  }
  Secret key(std::string(reinterpret_cast<const char*>(bytes->data()), bytes->size()));
  return std::optional<Secret>(std::move(key));
}

Result<void> WriteDurably(const std::string& path, std::string_view text) {
  const UniqueFd file(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (file.get() < 0) return FileError("cannot create", path);
  const ssize_t written = ::write(file.get(), text.data(), text.size());
  if (written != static_cast<ssize_t>(text.size())) {
    if (written >= 0) errno = ENOSPC;
    return FileError("cannot write", path);
  }
  if (::fsync(file.get()) != 0) return FileError("cannot sync", path);
  return {};
}

Result<void> SyncDirectoryOf(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const UniqueFd handle(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (handle.get() < 0 || ::fsync(handle.get()) != 0) {
    return FileError("cannot sync the directory", directory);
  }
  return {};
}

}  // namespace

Result<Secret> LoadOrCreateKey(const std::string& path) {
  TIDEGATE_ASSIGN(std::optional<Secret> existing, Load(path));
  if (existing) return *std::move(existing);
  const Secret text(RandomHex(kKeyBytes) + "\n");
  const std::string draft = path + "." + RandomHex(8);
  const Result<void> written = WriteDurably(draft, text.Reveal());
  // link, unlike rename, never replaces a key that another process has just made.
  const bool linked = written.ok() && ::link(draft.c_str(), path.c_str()) == 0;
  const int link_error = errno;
  ::unlink(draft.c_str());
  TIDEGATE_TRY(written);
  if (!linked && link_error != EEXIST) {
    errno = link_error;
    return FileError("cannot create the key file", path);
  }
  TIDEGATE_TRY(SyncDirectoryOf(path));
  TIDEGATE_ASSIGN(std::optional<Secret> made, Load(path));
  if (!made) return Internal("the key file " + path + " vanished while it was made");
  return *std::move(made);
}

}  // namespace tidegate::store
