// Of ModelStore: clearing away what nobody needs, and looking for what a disk did to the rest.
#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <map>
#include <unistd.h>
#include <utility>

#include <sys/file.h>
#include <sys/stat.h>

#include "models/disk.h"
#include "models/model_store.h"

namespace tidegate::models {
namespace {

constexpr std::string_view kPartial = "-partial";
constexpr std::string_view kUpload = "upload-", kUrl = "url-";
constexpr std::size_t kReadBytes = std::size_t{1} << 20U;

// The digest that a blob file is named after; only the one spelling that PathOf makes.
std::optional<Digest> DigestOfFile(const std::string& name) {
  const Result<Digest> digest = Digest::Parse(name, "");
  if (!digest.ok() || name != "sha256-" + digest->Hex()) return std::nullopt;
  return *digest;
}

// The partial file that an entry is or belongs to, as its state does; empty for anything else.
std::string PartialOf(const std::string& name) {
  const std::size_t at = name.find(kPartial);
  const bool ours =
      name.starts_with("sha256-") || name.starts_with(kUpload) || name.starts_with(kUrl);
  return at != std::string::npos && ours ? name.substr(0, at + kPartial.size()) : std::string();
}

bool IsLocked(const UniqueFd& folder, const std::string& name) {
  const Result<UniqueFd> file = OpenEntry(folder, name);
  if (!file.ok() || !file->valid()) return false;
  return flock(file->get(), LOCK_EX | LOCK_NB) != 0;  // closing it unlocks it again
}

std::optional<FileFacts> FactsOfEntry(const UniqueFd& folder, const std::string& name) {
  const Result<UniqueFd> file = OpenEntry(folder, name);
  return file.ok() && file->valid() ? FactsOf(*file) : std::nullopt;
}

bool IsOld(std::int64_t since_s, std::int64_t now_s, std::int64_t keep_s) {
  return since_s <= now_s - keep_s;
}

Result<void> RemovePartial(const UniqueFd& folder, const std::string& name,
                           const std::string& partial, std::int64_t now_s, CollectReport& report) {
  const std::optional<FileFacts> facts = FactsOfEntry(folder, name);
  if (!facts || !IsOld(facts->modified_s, now_s, kPartialKeepSeconds)) return {};
  if (IsLocked(folder, partial)) {
    ++report.in_use;
    return {};
  }
  if (unlinkat(folder.get(), name.c_str(), 0) != 0) {
    if (errno != ENOENT) return DiskError("remove", name, errno);
    return {};
  }
  ++report.partials;
  report.bytes += facts->size;
  return {};
}

// What WriteDurably left behind when its process died.
Result<void> RemoveDrafts(const std::string& root, std::int64_t now_s) {
  TIDEGATE_ASSIGN(const UniqueFd folder, OpenFolder(root, {}));
  TIDEGATE_ASSIGN(const std::vector<FolderEntry> entries, ListEntries(folder, root, kBlobFilesMax));
  for (const FolderEntry& entry : entries) {
    if (entry.kind != FolderEntry::Kind::kFile || !entry.name.starts_with(kDraftPrefix)) continue;
    const std::optional<FileFacts> facts = FactsOfEntry(folder, entry.name);
    if (!facts || !IsOld(facts->modified_s, now_s, kFreshBlobSeconds)) continue;
    if (unlinkat(folder.get(), entry.name.c_str(), 0) != 0 && errno != ENOENT) {
      return DiskError("remove", root + "/" + entry.name, errno);
    }
  }
  return {};
}

class Verification {
 public:
  Verification(const std::string& blob_folder,
               const std::function<void(const VerifyProgress&)>& progress,
               const std::stop_token& stop)
      : folder_path_(blob_folder), progress_(progress), stop_(stop), buffer_(kReadBytes, '\0') {}

  void Expect(const StoredModel& model) {
    ++report_.models;
    for (const Layer& layer : model.manifest.Blobs()) {
      Needed& needed = needed_.try_emplace(layer.digest, Needed{layer.size, {}}).first->second;
      needed.models.push_back(model.name);
      // Two manifests that state two sizes for one digest: the bytes decide who is right.
      if (needed.size != layer.size) needed.size.reset();
    }
  }
  // A manifest that is a blob, or a blob of a form that other programs run.
  void Spare(const Digest& digest) { needed_.try_emplace(digest, Needed{}); }

  void AddProblems(std::vector<StoreProblem> problems) { report_.manifests = std::move(problems); }

  Result<VerifyReport> Run() && {
    Result<UniqueFd> folder = OpenFolder(folder_path_, {});
    if (folder.ok()) {
      TIDEGATE_ASSIGN(const std::vector<FolderEntry> entries,
                      ListEntries(*folder, folder_path_, kBlobFilesMax));
      for (const FolderEntry& entry : entries) {
        if (entry.kind != FolderEntry::Kind::kFile || !DigestOfFile(entry.name)) continue;
        if (const auto facts = FactsOfEntry(*folder, entry.name)) state_.bytes_total += facts->size;
      }
      for (const FolderEntry& entry : entries) {
        if (entry.kind == FolderEntry::Kind::kFile) TIDEGATE_TRY(CheckEntry(*folder, entry.name));
      }
    } else if (folder.error().code != ErrorCode::kNotFound) {
      return std::move(folder).TakeError();
    }
    for (auto& [digest, needed] : needed_) {
      if (!needed.found && !needed.models.empty()) {
        report_.missing.push_back({digest, std::move(needed.models)});
      }
    }
    return std::move(report_);
  }

 private:
  struct Needed {
    std::optional<std::uint64_t> size;
    std::vector<ModelName> models;
    bool found = false;
  };

  Result<void> CheckEntry(const UniqueFd& folder, const std::string& name) {
    const std::optional<Digest> digest = DigestOfFile(name);
    if (!digest) return {};
    Result<UniqueFd> file = OpenEntry(folder, name);
    if (!file.ok()) {
      // Removed since the folder was read: if it is needed, it is missing.
      if (file.error().code == ErrorCode::kNotFound) return {};
      return std::move(file).TakeError();
    }
    const std::optional<FileFacts> facts = file->valid() ? FactsOf(*file) : std::nullopt;
    if (!facts) return {};
    ++report_.blobs;
    const auto needed = needed_.find(*digest);
    TIDEGATE_ASSIGN(const bool intact, Hashes(*file, name, *digest));
    const bool as_stated =
        needed == needed_.end() || !needed->second.size || *needed->second.size == facts->size;
    if (needed != needed_.end()) needed->second.found = true;
    if (!intact || !as_stated) {
      report_.damaged.push_back(
          {*digest, needed == needed_.end() ? std::vector<ModelName>() : needed->second.models});
    } else if (needed == needed_.end()) {
      report_.unreferenced.push_back(*digest);
    }
    return {};
  }

  // Whether the bytes have this digest. A disk that cannot read them has damaged them.
  Result<bool> Hashes(const UniqueFd& file, const std::string& name, const Digest& digest) {
    Sha256Stream stream;
    for (off_t offset = 0;;) {
      if (stop_.stop_requested()) {
        return Error{ErrorCode::kCancelled, ErrorSource::kCaller, Retry::kNever,
                     "the check was stopped"};
      }
      const ssize_t got = pread(file.get(), buffer_.data(), buffer_.size(), offset);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0 && errno == EIO) return false;
      if (got < 0) return DiskError("read", folder_path_ + "/" + name, errno);
      if (got == 0) break;
      stream.Update(std::string_view(buffer_).substr(0, static_cast<std::size_t>(got)));
      offset += got;
      report_.bytes += static_cast<std::uint64_t>(got);
      state_.bytes_done = report_.bytes;
      if (progress_) progress_(state_);
    }
    return Digest(stream.Finish()) == digest;
  }

  const std::string folder_path_;
  const std::function<void(const VerifyProgress&)>& progress_;
  const std::stop_token& stop_;
  std::string buffer_;
  std::map<Digest, Needed> needed_;
  VerifyProgress state_;
  VerifyReport report_;
};

}  // namespace

Result<CollectReport> ModelStore::Collect(std::int64_t now_s) {
  TIDEGATE_ASSIGN(const UniqueFd lock, Lock());
  TIDEGATE_ASSIGN(const std::vector<Digest> references, files_.References());
  CollectReport report;
  TIDEGATE_TRY(RemoveDrafts(root_, now_s));
  Result<UniqueFd> folder = OpenFolder(blobs_.folder(), {});
  if (!folder.ok()) {
    if (folder.error().code == ErrorCode::kNotFound) return report;
    return std::move(folder).TakeError();
  }
  TIDEGATE_ASSIGN(const std::vector<FolderEntry> entries,
                  ListEntries(*folder, blobs_.folder(), kBlobFilesMax));
  for (const FolderEntry& entry : entries) {
    const std::optional<Digest> digest = DigestOfFile(entry.name);
    const std::string partial = PartialOf(entry.name);
    if (entry.kind != FolderEntry::Kind::kFile || (!digest && partial.empty())) {
      report.unknown.push_back(entry.name);
    } else if (!digest) {
      TIDEGATE_TRY(RemovePartial(*folder, entry.name, partial, now_s, report));
    } else if (!std::binary_search(references.begin(), references.end(), *digest)) {
      const std::optional<FileFacts> facts = FactsOfEntry(*folder, entry.name);
      // `changed` is when it got its name; its bytes may have been written long before.
      if (!facts || !IsOld(facts->changed_s, now_s, kFreshBlobSeconds)) continue;
      TIDEGATE_ASSIGN(const bool removed, RemoveBlob(entry.name, report));
      if (removed) ++report.blobs;
    }
  }
  return report;
}

Result<VerifyReport> ModelStore::Verify(const std::function<void(const VerifyProgress&)>& progress,
                                        const std::stop_token& stop) const {
  StoreListing listing = files_.List();
  Verification verification(blobs_.folder(), progress, stop);
  for (const StoredModel& model : listing.models) {
    verification.Expect(model);
    const Result<ManifestFiles::File> file = files_.Read(model.name);
    if (!file.ok()) continue;  // removed meanwhile
    const Result<std::vector<Digest>> digests = files_.References(*file);
    if (!digests.ok()) {
      listing.problems.push_back({file->path, digests.error()});
      continue;
    }
    for (const Digest& digest : *digests) verification.Spare(digest);
  }
  verification.AddProblems(std::move(listing.problems));
  return std::move(verification).Run();
}

}  // namespace tidegate::models
