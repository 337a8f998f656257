#include "models/blobs.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include <sys/file.h>
#include <sys/stat.h>

#include "models/disk.h"

namespace tidegate::models {
namespace {

constexpr std::string_view kPartial = "-partial";
constexpr std::size_t kReadBytes = std::size_t{1} << 20U;
constexpr std::size_t kNameBytes = 16;

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

Result<void> PartialBlob::Restart() {
  unlink(state_path().c_str());
  if (ftruncate(file_.get(), 0) != 0) return DiskError("write", path_, errno);
  stream_ = Sha256Stream();
  hashed_ = 0;
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
  unlink(state_path().c_str());
  file_.Close();  // unlocks the blob that it has become
  TIDEGATE_TRY(SyncFolder(folder_));
  return digest;
}

void PartialBlob::Discard() && {
  unlink(path_.c_str());
  unlink(state_path().c_str());
  file_.Close();
}

// --- Blobs ---

std::string Blobs::FileName(const Digest& digest) { return "sha256-" + digest.Hex(); }

std::string Blobs::PathOf(const Digest& digest) const { return folder_ + "/" + FileName(digest); }

std::optional<Digest> Blobs::DigestOf(std::string_view file_name) {
  const Result<Digest> digest = Digest::Parse(file_name, "");
  if (!digest.ok() || file_name != FileName(*digest)) return std::nullopt;
  return *digest;
}

Result<bool> Blobs::SetAside(const Digest& digest) const {
  const std::string path = PathOf(digest);
  TIDEGATE_ASSIGN(const UniqueFd file, OpenBlob(digest));
  if (flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return false;
    return DiskError("lock", path, errno);
  }
  const std::string aside = path + std::string(kSetAside);
  if (rename(path.c_str(), aside.c_str()) != 0) return DiskError("rename", path, errno);
  TIDEGATE_TRY(SyncFolder(folder_));
  return true;
}

std::optional<std::uint64_t> Blobs::SizeOf(const Digest& digest) const {
  struct stat status {};
  if (lstat(PathOf(digest).c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  return static_cast<std::uint64_t>(status.st_size);
}

Result<UniqueFd> Blobs::OpenBlob(const Digest& digest) const {
  const std::string path = PathOf(digest);
  UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file.valid()) return DiskError("open", path, errno);
  return file;
}

Result<void> Blobs::Hold(const Digest& digest, Pin& pin) const {
  const std::string path = PathOf(digest);
  UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file.valid() && errno != ENOENT && errno != ELOOP) return DiskError("open", path, errno);
  // Whoever removes one holds it exclusively, for an instant.
  while (file.valid() && flock(file.get(), LOCK_SH) != 0) {
    if (errno != EINTR) return DiskError("lock", path, errno);
  }
  struct stat opened {};
  struct stat named {};
  const bool there = file.valid() && fstat(file.get(), &opened) == 0 &&
                     lstat(path.c_str(), &named) == 0 && opened.st_ino == named.st_ino;
  if (!there) {
    Error error{ErrorCode::kConflict, ErrorSource::kGateway, Retry::kNever,
                digest.ToString() + " is not in the store; pull the model again"};
    error.reason = "blob_missing";
    return error;
  }
  pin.locks_.push_back(std::move(file));
  return {};
}

Result<std::string> Blobs::Read(const Digest& digest, std::size_t bytes_max) const {
  const std::string path = PathOf(digest);
  TIDEGATE_ASSIGN(const UniqueFd file, OpenBlob(digest));
  TIDEGATE_ASSIGN(std::string bytes, ReadWhole(file, path, bytes_max));
  if (Digest(ComputeSha256(bytes)) == digest) return bytes;
  Error error{ErrorCode::kConflict, ErrorSource::kGateway, Retry::kNever,
              path +
                  " is damaged: its bytes have another digest; `tidegate verify --repair` sets it "
                  "aside, then pull the model again"};
  error.reason = "blob_damaged";
  return error;
}

Result<Digest> Blobs::Put(std::string_view text) {
  TIDEGATE_ASSIGN(PartialBlob partial, Create());
  const Result<void> written = partial.Append(text);
  if (written.ok()) return std::move(partial).Commit(text.size(), std::nullopt);
  std::move(partial).Discard();
  return written.error();
}

Result<PartialBlob> Blobs::Create() {
  TIDEGATE_TRY(MakeFolders(folder_));
  std::string path = folder_ + "/upload-" + RandomHex(kNameBytes) + std::string(kPartial);
  UniqueFd file(open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (!file.valid()) return DiskError("make", path, errno);
  if (flock(file.get(), LOCK_EX | LOCK_NB) != 0) return DiskError("lock", path, errno);
  return PartialBlob(folder_, std::move(path), std::move(file));
}

Result<PartialBlob> Blobs::Continue(const Digest& digest) {
  return Open(PathOf(digest) + std::string(kPartial), digest.ToString());
}

Result<PartialBlob> Blobs::ContinueFrom(std::string_view url) {
  const std::string name = "/url-" + ToHex(ComputeSha256(url));
  return Open(folder_ + name + std::string(kPartial), "what this URL names");
}

Result<PartialBlob> Blobs::Open(std::string path, const std::string& what) {
  TIDEGATE_TRY(MakeFolders(folder_));
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
                 what + " is being received by another process; wait for it"};
  }
  return PartialBlob(folder_, std::move(path), std::move(file));
}

}  // namespace tidegate::models
