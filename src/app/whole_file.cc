#include "app/whole_file.h"

#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <filesystem>
#include <unistd.h>
#include <utility>

#include <sys/file.h>
#include <sys/stat.h>

#include "base/write_all.h"
#include "models/disk.h"

namespace tidegate::app {
namespace {

Error FileError(const std::string& what, const std::string& path) {
  Error error = models::DiskError(what, path, errno);
  error.source = ErrorSource::kCaller;
  return error;
}

Error ThereAlready(const std::string& path) {
  return Error{ErrorCode::kConflict, ErrorSource::kCaller, Retry::kNever,
               path + " is there already; name another file, or remove it"};
}

bool IsThere(const std::string& path) {
  struct stat status {};
  return lstat(path.c_str(), &status) == 0;
}

// Gives the draft its name, and never that of another file.
Result<void> Name(const std::string& draft, const std::string& path) {
  if (renameat2(AT_FDCWD, draft.c_str(), AT_FDCWD, path.c_str(), RENAME_NOREPLACE) == 0) return {};
  if (errno == EEXIST) return ThereAlready(path);
  // Some file systems, as those of cards and of networks, do not know how to do it in one step.
  if (errno != EINVAL && errno != ENOSYS) return FileError("write", path);
  if (IsThere(path)) return ThereAlready(path);
  if (rename(draft.c_str(), path.c_str()) != 0) return FileError("write", path);
  return {};
}

}  // namespace

Result<WholeFile> WholeFile::Make(const std::string& path) {
  if (IsThere(path)) return ThereAlready(path);
  std::string draft = path + std::string(kUnfinished);
  UniqueFd file(open(draft.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644));
  if (!file.valid()) return FileError("make", draft);
  struct stat opened {};
  struct stat named {};
  const bool locked = flock(file.get(), LOCK_EX | LOCK_NB) == 0;
  // Whoever held the lock before may have renamed the file away since it was opened.
  if (!locked || fstat(file.get(), &opened) != 0 || lstat(draft.c_str(), &named) != 0 ||
      opened.st_ino != named.st_ino) {
    return Error{ErrorCode::kConflict, ErrorSource::kCaller, Retry::kSameTarget,
                 path + " is being written by another process; wait for it"};
  }
  WholeFile whole(path, std::move(draft), std::move(file));
  if (ftruncate(whole.file_.get(), 0) != 0) return FileError("write", whole.draft_);
  return whole;
}

WholeFile::~WholeFile() {
  if (file_.valid()) unlink(draft_.c_str());
}

Result<void> WholeFile::Write(std::string_view bytes) {
  if (!WriteAll(file_.get(), bytes)) return FileError("write", draft_);
  return {};
}

Result<void> WholeFile::Finish() && {
  if (fsync(file_.get()) != 0) return FileError("write", draft_);
  TIDEGATE_TRY(Name(draft_, path_));
  file_.Close();
  std::error_code ec;
  const std::filesystem::path folder = std::filesystem::absolute(path_, ec).parent_path();
  return models::SyncFolder(folder.string());
}

}  // namespace tidegate::app
