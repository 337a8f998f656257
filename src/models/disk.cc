#include "models/disk.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <filesystem>
#include <memory>
#include <unistd.h>
#include <utility>

#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/digest.h"
#include "base/write_all.h"

namespace tidegate::models {
namespace {

constexpr std::size_t kDraftNameBytes = 8;
constexpr int kFolderFlags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;

std::string Join(const std::string& root, std::span<const std::string> parts) {
  std::string path = root;
  for (const std::string& part : parts) path += "/" + part;
  return path;
}

// OpenFolder that makes what is missing.
Result<UniqueFd> OpenOrMakeFolder(const std::string& root, std::span<const std::string> parts) {
  TIDEGATE_TRY(MakeFolders(root));
  UniqueFd folder(open(root.c_str(), kFolderFlags));
  for (std::size_t i = 0; folder.valid() && i < parts.size(); ++i) {
    if (mkdirat(folder.get(), parts[i].c_str(), 0755) != 0 && errno != EEXIST) {
      return DiskError("make", Join(root, parts.first(i + 1)), errno);
    }
    folder = UniqueFd(openat(folder.get(), parts[i].c_str(), kFolderFlags | O_NOFOLLOW));
  }
  if (!folder.valid()) return DiskError("open", Join(root, parts), errno);
  return folder;
}

FolderEntry::Kind KindOf(const UniqueFd& folder, const char* name) {
  struct stat status {};
  if (fstatat(folder.get(), name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
    return FolderEntry::Kind::kOther;
  }
  if (S_ISREG(status.st_mode)) return FolderEntry::Kind::kFile;
  if (S_ISDIR(status.st_mode)) return FolderEntry::Kind::kFolder;
  return S_ISLNK(status.st_mode) ? FolderEntry::Kind::kLink : FolderEntry::Kind::kOther;
}

}  // namespace

Error DiskError(const std::string& what, const std::string& path, int code) {
  std::string message = "cannot " + what + " " + path + ": " + std::strerror(code);
  const bool full = code == ENOSPC || code == EDQUOT;
  if (full) message += "; free some room and try again";
  Error error = Unavailable(ErrorSource::kGateway, std::move(message));
  if (full) error.reason = "disk_full";
  if (code == ENOENT || code == ENOTDIR) error.code = ErrorCode::kNotFound;
  if (code == EACCES || code == EPERM) error.code = ErrorCode::kPermissionDenied;
  return error;
}

Result<void> CheckRoom(const std::string& path, std::uint64_t wanted) {
  struct statvfs disk {};
  if (statvfs(path.c_str(), &disk) != 0) return {};  // writing will tell
  const std::uint64_t room = std::uint64_t{disk.f_bavail} * disk.f_frsize;
  if (room >= kDiskRoomKeptBytes && room - kDiskRoomKeptBytes >= wanted) return {};
  Error error =
      Unavailable(ErrorSource::kGateway,
                  "no room for " + std::to_string(wanted) + " more bytes at " + path + " (" +
                      std::to_string(room) + " are free); free some room and try again");
  error.reason = "disk_full";
  return error;
}

Result<void> MakeFolders(const std::string& path) {
  std::error_code ec;
  std::filesystem::create_directories(path, ec);
  if (!ec) return {};
  Error error = DiskError("make", path, ec.value());
  error.code = ErrorCode::kUnavailable;  // nobody looked for anything
  return error;
}

Result<void> SyncFolder(const std::string& path) {
  const UniqueFd fd(open(path.c_str(), kFolderFlags));
  if (!fd.valid()) return DiskError("open", path, errno);
  if (fsync(fd.get()) != 0) return DiskError("write", path, errno);
  return {};
}

Result<UniqueFd> OpenFolder(const std::string& root, std::span<const std::string> parts) {
  UniqueFd folder(open(root.c_str(), kFolderFlags));
  for (const std::string& part : parts) {
    if (!folder.valid()) break;
    folder = UniqueFd(openat(folder.get(), part.c_str(), kFolderFlags | O_NOFOLLOW));
  }
  if (!folder.valid()) return DiskError("open", Join(root, parts), errno);
  return folder;
}

std::optional<FileFacts> FactsOf(const UniqueFd& file) {
  struct stat status {};
  if (fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  return FileFacts{static_cast<std::uint64_t>(status.st_size), status.st_mtim.tv_sec,
                   status.st_ctim.tv_sec};
}

Result<UniqueFd> OpenEntry(const UniqueFd& folder, const std::string& name) {
  // Non-blocking, for a FIFO that lies where a file should.
  UniqueFd file(openat(folder.get(), name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file.valid() && errno != ELOOP) return DiskError("open", name, errno);
  return file;
}

Result<std::string> ReadWhole(const UniqueFd& file, const std::string& path,
                              std::size_t bytes_max) {
  const std::optional<FileFacts> facts = FactsOf(file);
  if (!facts) return InvalidArgument("file", path + " is no regular file");
  std::string bytes;
  if (facts->size <= bytes_max) {
    bytes.resize(static_cast<std::size_t>(facts->size));
    std::size_t filled = 0;
    while (filled < bytes.size()) {
      const ssize_t got = pread(file.get(), bytes.data() + filled, bytes.size() - filled,
                                static_cast<off_t>(filled));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return DiskError("read", path, errno);
      if (got == 0) return DiskError("read", path, EIO);  // it became shorter
      filled += static_cast<std::size_t>(got);
    }
    return bytes;
  }
  return Error{ErrorCode::kTooLarge, ErrorSource::kGateway, Retry::kNever,
               path + " has " + std::to_string(facts->size) + " bytes and may have " +
                   std::to_string(bytes_max)};
}

Result<std::vector<FolderEntry>> ListEntries(const UniqueFd& folder, const std::string& path,
                                             std::size_t entries_max) {
  // A descriptor of its own: reading moves the place of the folder, and closing closes it.
  UniqueFd own(openat(folder.get(), ".", kFolderFlags));
  if (!own.valid()) return DiskError("read", path, errno);
  const auto close_folder = [](DIR* open) { closedir(open); };
  const std::unique_ptr<DIR, decltype(close_folder)> listing(fdopendir(own.get()), close_folder);
  if (!listing) return DiskError("read", path, errno);
  own.Release();
  std::vector<FolderEntry> entries;
  errno = 0;
  while (const dirent* entry = readdir(listing.get())) {
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    if (entries.size() == entries_max) {
      return Error{ErrorCode::kTooLarge, ErrorSource::kGateway, Retry::kNever,
                   path + " holds more than " + std::to_string(entries_max) + " entries"};
    }
    entries.push_back({std::string(name), KindOf(folder, entry->d_name)});
    errno = 0;
  }
  if (errno != 0) return DiskError("read", path, errno);
  std::sort(entries.begin(), entries.end(),
            [](const FolderEntry& a, const FolderEntry& b) { return a.name < b.name; });
  return entries;
}

Result<void> WriteDurably(const std::string& root, std::span<const std::string> parts,
                          std::string_view bytes) {
  TIDEGATE_ASSIGN(const UniqueFd folder, OpenOrMakeFolder(root, parts.first(parts.size() - 1)));
  const std::string draft = root + "/" + std::string(kDraftPrefix) + RandomHex(kDraftNameBytes);
  UniqueFd file(open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644));
  if (!file.valid()) return DiskError("make", draft, errno);
  Result<void> done;
  if (!WriteAll(file.get(), bytes) || fsync(file.get()) != 0) {
    done = DiskError("write", draft, errno);
  }
  if (done.ok() && renameat(AT_FDCWD, draft.c_str(), folder.get(), parts.back().c_str()) != 0) {
    done = DiskError("write", Join(root, parts), errno);
  }
  if (!done.ok()) {
    unlink(draft.c_str());
    return done;
  }
  // The new folders have to stay as well: each is an entry of the one above.
  for (std::size_t depth = 0; depth < parts.size(); ++depth) {
    TIDEGATE_TRY(SyncFolder(Join(root, parts.first(depth))));
  }
  return {};
}

Result<bool> RemoveDurably(const std::string& root, std::span<const std::string> parts) {
  for (std::size_t depth = parts.size(); depth > 0; --depth) {
    const std::string path = Join(root, parts.first(depth));
    Result<UniqueFd> folder = OpenFolder(root, parts.first(depth - 1));
    if (!folder.ok()) {
      if (folder.error().code == ErrorCode::kNotFound && depth == parts.size()) return false;
      return std::move(folder).TakeError();
    }
    const bool is_file = depth == parts.size();
    if (unlinkat(folder->get(), parts[depth - 1].c_str(), is_file ? 0 : AT_REMOVEDIR) != 0) {
      if (is_file && errno == ENOENT) return false;
      if (!is_file && (errno == ENOTEMPTY || errno == EEXIST)) return true;
      return DiskError("remove", path, errno);
    }
    if (fsync(folder->get()) != 0) return DiskError("write", path, errno);
  }
  return true;
}

}  // namespace tidegate::models
