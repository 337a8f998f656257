#include "models/blobs.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <unistd.h>
#include <utility>
#include <vector>

#include <sys/file.h>
#include <sys/stat.h>

namespace tidegate::models {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPartial = "-partial";
constexpr std::string_view kState = "-partial-state";
constexpr std::size_t kReadBytes = std::size_t{1} << 20U;
constexpr std::size_t kNameBytes = 16;

Error DiskError(const std::string& what, const std::string& path, int code) {
  std::string message = "cannot " + what + " " + path + ": " + std::strerror(code);
  if (code == ENOSPC || code == EDQUOT) message += "; free some room and try again";
  Error error = Unavailable(ErrorSource::kGateway, std::move(message));
  if (code == ENOSPC || code == EDQUOT) error.reason = "disk_full";
  return error;
}

Result<void> SyncFolder(const std::string& folder) {
  const UniqueFd fd(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid()) return DiskError("open", folder, errno);
  if (fsync(fd.get()) != 0) return DiskError("write", folder, errno);
  return {};
}

}  // namespace

// --- PartialBlob ---

Result<void> PartialBlob::WriteAt(std::uint64_t offset, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written =
        pwrite(file_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return DiskError("write", path_, errno);
    offset += static_cast<std::uint64_t>(written);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

Result<void> PartialBlob::Append(std::string_view bytes) {
  TIDEGATE_TRY(WriteAt(hashed_, bytes));
  stream_.Update(bytes);
  hashed_ += bytes.size();
  return {};
}

Result<void> PartialBlob::HashUpTo(std::uint64_t offset) {
  std::vector<char> buffer(static_cast<std::size_t>(
      std::min<std::uint64_t>(kReadBytes, offset > hashed_ ? offset - hashed_ : 0)));
  while (hashed_ < offset) {
    const auto wanted =
        static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), offset - hashed_));
    const ssize_t got = pread(file_.get(), buffer.data(), wanted, static_cast<off_t>(hashed_));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return DiskError("read", path_, errno);
    if (got == 0) return DiskError("read", path_, EIO);  // shorter than was promised
    stream_.Update({buffer.data(), static_cast<std::size_t>(got)});
    hashed_ += static_cast<std::uint64_t>(got);
  }
  return {};
}

Result<void> PartialBlob::Sync() {
  if (fdatasync(file_.get()) != 0) return DiskError("write", path_, errno);
  return {};
}

Result<Digest> PartialBlob::Commit(std::uint64_t size, const std::optional<Digest>& expected) && {
  struct stat status {};
  if (fstat(file_.get(), &status) != 0) return DiskError("read", path_, errno);
  // A file that was set aside whole before its bytes came may be too long, never too short.
  if (static_cast<std::uint64_t>(status.st_size) != size &&
      ftruncate(file_.get(), static_cast<off_t>(size)) != 0) {
    return DiskError("write", path_, errno);
  }
  TIDEGATE_TRY(HashUpTo(size));
  const Digest digest(stream_.Finish());
  if (expected && digest != *expected) {
    std::move(*this).Discard();
    Error error{ErrorCode::kProtocol, ErrorSource::kUpstream, Retry::kSameTarget,
                "digest mismatch: want " + expected->ToString() + ", got " + digest.ToString() +
                    "; what was received has been removed"};
    error.reason = "digest_mismatch";
    return error;
  }
  TIDEGATE_TRY(Sync());
  const std::string path = Blobs(folder_).PathOf(digest);
  if (rename(path_.c_str(), path.c_str()) != 0) return DiskError("rename", path_, errno);
  unlink(Blobs(folder_).StatePathOf(digest).c_str());
  TIDEGATE_TRY(SyncFolder(folder_));
  return digest;
}

void PartialBlob::Discard() && {
  unlink(path_.c_str());
  if (path_.ends_with(kPartial)) {
    const std::string stem = path_.substr(0, path_.size() - kPartial.size());
    unlink((stem + std::string(kState)).c_str());
  }
  file_.Close();
}

// --- Blobs ---

std::string Blobs::PathOf(const Digest& digest) const {
  return folder_ + "/sha256-" + digest.Hex();
}

std::string Blobs::StatePathOf(const Digest& digest) const {
  return PathOf(digest) + std::string(kState);
}

std::optional<std::uint64_t> Blobs::SizeOf(const Digest& digest) const {
  struct stat status {};
  if (stat(PathOf(digest).c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  return static_cast<std::uint64_t>(status.st_size);
}

Result<void> Blobs::MakeFolder() const {
  std::error_code ec;
  fs::create_directories(folder_, ec);
  if (ec) return DiskError("make", folder_, ec.value());
  return {};
}

Result<PartialBlob> Blobs::Create() {
  TIDEGATE_TRY(MakeFolder());
  std::string path = folder_ + "/upload-" + RandomHex(kNameBytes) + std::string(kPartial);
  UniqueFd file(open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (!file.valid()) return DiskError("make", path, errno);
  if (flock(file.get(), LOCK_EX | LOCK_NB) != 0) return DiskError("lock", path, errno);
  return PartialBlob(folder_, std::move(path), std::move(file));
}

Result<PartialBlob> Blobs::Continue(const Digest& digest) {
  TIDEGATE_TRY(MakeFolder());
  std::string path = PathOf(digest) + std::string(kPartial);
  UniqueFd file(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644));
  if (!file.valid()) return DiskError("open", path, errno);
  struct stat opened {};
  struct stat named {};
  const bool locked = flock(file.get(), LOCK_EX | LOCK_NB) == 0;
  // Whoever held the lock before may have renamed the file away since it was opened.
  const bool same = locked && fstat(file.get(), &opened) == 0 && stat(path.c_str(), &named) == 0 &&
                    opened.st_ino == named.st_ino;
  if (!same) {
    return Error{ErrorCode::kConflict, ErrorSource::kGateway, Retry::kSameTarget,
                 digest.ToString() + " is being received by another process; wait for it"};
  }
  return PartialBlob(folder_, std::move(path), std::move(file));
}

}  // namespace tidegate::models
