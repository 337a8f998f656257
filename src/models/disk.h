// Files of the model folders: read whole within a bound, written whole or not at all, and never
// through a link.
//
// A folder of models is shared with other programs, and what lies in it may have been put there by
// anybody who can write to it. A link in it could make us read, serve or remove a file elsewhere.
// So paths inside are opened one part after the other, and none of the parts may be a link.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace tidegate::models {

// "cannot <what> <path>: <why>", from an errno: kUnavailable, with reason "disk_full" and the
// remedy when that is it; kNotFound and kPermissionDenied for what these say.
Error DiskError(const std::string& what, const std::string& path, int code);

// Left for everybody else on a disk that models are written to.
inline constexpr std::uint64_t kDiskRoomKeptBytes = 64 * 1024 * 1024;
// Whether so many bytes more have room where `path` is. Errors: kUnavailable with reason
// "disk_full".
Result<void> CheckRoom(const std::string& path, std::uint64_t wanted);

Result<void> MakeFolders(const std::string& path);
// What was renamed or removed in the folder stays so over a power loss.
Result<void> SyncFolder(const std::string& path);

// The folder `root`/parts[0]/parts[1]/…, of which none below root is a link. Errors: kNotFound,
// and those of DiskError. REQUIRES: no part is empty, "." or ".." or has a '/'.
Result<UniqueFd> OpenFolder(const std::string& root, std::span<const std::string> parts);

struct FileFacts {
  std::uint64_t size = 0;
  std::int64_t modified_s = 0, changed_s = 0;  // since 1970; `changed` also by a rename
};

// What an open file is; nothing unless it is a regular file.
std::optional<FileFacts> FactsOf(const UniqueFd& file);

// An entry of an open folder, for reading. An invalid descriptor when it is a link; otherwise it
// may be anything: ask FactsOf. Errors: those of DiskError.
Result<UniqueFd> OpenEntry(const UniqueFd& folder, const std::string& name);

// All of an open regular file. Errors: kTooLarge; those of DiskError. `path` is for messages.
Result<std::string> ReadWhole(const UniqueFd& file, const std::string& path, std::size_t bytes_max);

struct FolderEntry {
  std::string name;
  enum class Kind { kFile, kFolder, kLink, kOther } kind;
};

// What is in an open folder, sorted by name, without "." and "..". Errors: kTooLarge with more than
// `entries_max`; those of DiskError. `path` is for messages.
Result<std::vector<FolderEntry>> ListEntries(const UniqueFd& folder, const std::string& path,
                                             std::size_t entries_max);

// `parts.back()` in the folder of the parts before it gets these bytes, whole and durably; missing
// folders are made. The bytes stand under `root`/.tidegate-<random> before they get their name.
// Errors: those of DiskError, and then what was there before still is.
Result<void> WriteDurably(const std::string& root, std::span<const std::string> parts,
                          std::string_view bytes);
// How the names of those files begin, for whoever clears away what a crash left of them.
inline constexpr std::string_view kDraftPrefix = ".tidegate-";

// Removes it, and then the folders above it, up to root, that are empty. False when it was not
// there. Errors: those of DiskError.
Result<bool> RemoveDurably(const std::string& root, std::span<const std::string> parts);

}  // namespace tidegate::models
