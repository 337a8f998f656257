#include "engine/runtime_folder.h"

#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <string.h>
#include <utility>

#include <sys/file.h>
#include <sys/stat.h>

#include "base/digest.h"
#include "base/write_all.h"

namespace tidegate::engine {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kFolderPrefix = "engine-";
constexpr std::string_view kLockName = "lock";
constexpr std::size_t kFileNameBytes = 16;  // of the model's digest, in hexadecimal digits
constexpr std::string_view kSocketName = "/s.sock";
constexpr mode_t kPrivateFolder = 0700;
constexpr mode_t kPrivateFile = 0600;

Error SystemError(const std::string& what, int error) {
  return Unavailable(ErrorSource::kGateway, what + ": " + strerrordesc_np(error));
}

// An open file with its lock, or an invalid descriptor when somebody else holds the lock.
Result<UniqueFd> LockFile(const std::string& path, bool wait) {
  UniqueFd file(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, kPrivateFile));
  if (!file.valid()) return SystemError("cannot open " + path, errno);
  while (flock(file.get(), wait ? LOCK_EX : LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return UniqueFd();
    if (errno != EINTR) return SystemError("cannot lock " + path, errno);
  }
  return file;
}

// REQUIRES: the lock of `base` is held, so that no folder is between its making and its lock.
Result<void> RemoveDeadFolders(const std::string& base) {
  std::error_code ec;
  for (fs::directory_iterator it(base, ec), end; !ec && it != end; it.increment(ec)) {
    const fs::path path = it->path();
    if (!path.filename().string().starts_with(kFolderPrefix)) continue;
    TIDEGATE_ASSIGN(const UniqueFd lock, LockFile((path / kLockName).string(), false));
    if (!lock.valid()) continue;  // its process lives
    fs::remove_all(path, ec);
  }
  if (ec) return SystemError("cannot clear " + base, ec.value());
  return {};
}

std::string FileName(std::string_view model) {
  return ToHex(ComputeSha256(model)).substr(0, kFileNameBytes);
}

}  // namespace

Result<void> MakePrivateFolder(const std::string& path) {
  std::error_code parents;
  fs::create_directories(fs::path(path).parent_path(), parents);
  if (mkdir(path.c_str(), kPrivateFolder) != 0 && errno != EEXIST) {
    return SystemError("cannot make " + path, errno);
  }
  const UniqueFd folder(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat info {};
  if (!folder.valid() || fstat(folder.get(), &info) != 0 || info.st_uid != geteuid()) {
    return Error{
        ErrorCode::kPermissionDenied, ErrorSource::kGateway, Retry::kNever,
        path + " is not a folder that belongs to this user; remove it or configure another"};
  }
  if (fchmod(folder.get(), kPrivateFolder) != 0) {
    return SystemError("cannot close " + path + " to others", errno);
  }
  return {};
}

Result<std::string> DefaultRuntimeFolder() {
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value == nullptr ? "" : value);
  };
  if (const std::string runtime = variable("XDG_RUNTIME_DIR"); !runtime.empty()) {
    return runtime + "/tidegate";
  }
  if (const std::string state = variable("XDG_STATE_HOME"); !state.empty()) {
    return state + "/tidegate/run";
  }
  const std::string home = variable("HOME");
  if (home.empty()) {
    return InvalidArgument("HOME", "none of XDG_RUNTIME_DIR, XDG_STATE_HOME and HOME is set");
  }
  return home + "/.local/state/tidegate/run";
}

Result<RuntimeFolder> RuntimeFolder::Open(const std::string& base) {
  std::string path = base + "/" + std::string(kFolderPrefix) + "XXXXXX";
  if (path.size() + 1 + kFileNameBytes + kSocketName.size() > kSocketPathBytesMax) {
    return InvalidArgument("runtime_folder", base + " is too long for a socket's address (" +
                                                 std::to_string(kSocketPathBytesMax) +
                                                 " bytes with the socket's own name)");
  }
  TIDEGATE_TRY(MakePrivateFolder(base));
  TIDEGATE_ASSIGN(const UniqueFd base_lock, LockFile(base + "/" + std::string(kLockName), true));
  TIDEGATE_TRY(RemoveDeadFolders(base));
  if (mkdtemp(path.data()) == nullptr) return SystemError("cannot make a folder in " + base, errno);
  TIDEGATE_ASSIGN(UniqueFd lock, LockFile(path + "/" + std::string(kLockName), true));
  return RuntimeFolder(std::move(path), std::move(lock));
}

RuntimeFolder::RuntimeFolder(std::string path, UniqueFd lock)
    : path_(std::move(path)), lock_(std::move(lock)) {}

RuntimeFolder::~RuntimeFolder() {
  if (!lock_.valid()) return;  // moved from
  std::error_code ignored;     // what is left here is removed by the next start
  fs::remove_all(path_, ignored);
}

std::string RuntimeFolder::SocketPath(std::string_view model) const {
  return path_ + "/" + FileName(model) + std::string(kSocketName);
}

Result<void> RuntimeFolder::MakeSocketFolder(std::string_view model) const {
  const std::string folder = path_ + "/" + FileName(model);
  std::error_code ec;
  fs::remove_all(folder, ec);  // links in it are removed, not followed
  if (ec) return SystemError("cannot clear " + folder, ec.value());
  return MakePrivateFolder(folder);
}

std::string RuntimeFolder::KeyPath(std::string_view model) const {
  return path_ + "/" + FileName(model) + ".key";
}

Result<void> WritePrivateFile(const std::string& path, std::string_view text) {
  unlink(path.c_str());  // O_EXCL below refuses whatever is still there
  const UniqueFd file(
      open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, kPrivateFile));
  if (!file.valid()) return SystemError("cannot make " + path, errno);
  if (!WriteAll(file.get(), text)) return SystemError("cannot write " + path, errno);
  return {};
}

}  // namespace tidegate::engine
