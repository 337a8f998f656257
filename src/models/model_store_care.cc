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
constexpr std::string_view kBlob = "sha256-", kUpload = "upload-", kUrl = "url-";
constexpr std::size_t kReadBytes = std::size_t{1} << 20U;

// The partial file that an entry is or belongs to, as its state does; empty for anything else.
std::string PartialOf(const std::string& name) {
  const std::size_t at = name.find(kPartial);
  const bool ours = name.starts_with(kBlob) || name.starts_with(kUpload) || name.starts_with(kUrl);
  return at != std::string::npos && ours ? name.substr(0, at + kPartial.size()) : std::string();
}

// Whether Ollama made the partial file: the states of its parts lie beside it, by number.
bool IsOthers(const std::string& partial, const std::vector<FolderEntry>& entries) {
  const std::string prefix = partial + "-";
  const auto first = std::lower_bound(
      entries.begin(), entries.end(), prefix + "0",
      [](const FolderEntry& entry, const std::string& name) { return entry.name < name; });
  return first != entries.end() && first->name.starts_with(prefix) &&
         first->name[prefix.size()] <= '9';
}

bool IsSetAside(std::string_view name) {
  return name.ends_with(kSetAside) &&
         Blobs::DigestOf(name.substr(0, name.size() - kSetAside.size())).has_value();
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

// Clears away what lies in the folder of blobs.
class Sweep {
 public:
  Sweep(const UniqueFd& folder, const std::vector<FolderEntry>& entries, std::int64_t now_s,
        const CollectRules& rules, CollectReport& report)
      : folder_(folder), entries_(entries), now_s_(now_s), rules_(rules), report_(report) {}

  // `partial`: what the entry is or belongs to.
  Result<void> TakePartial(const std::string& name, const std::string& partial) {
    const std::optional<FileFacts> facts = FactsOfEntry(folder_, name);
    std::int64_t keep_s =
        IsOthers(partial, entries_) ? rules_.others_partials_keep_s : rules_.partials_keep_s;
    if (name.starts_with(kUpload)) keep_s = std::min(keep_s, kUploadKeepSeconds);
    if (!facts || !IsOld(facts->modified_s, now_s_, keep_s)) return {};
    if (IsLocked(folder_, partial)) {
      ++report_.in_use;
      return {};
    }
    return Remove(LeftoverKind::kPartial, name, facts->size);
  }

  Result<void> TakeSetAside(const std::string& name) {
    const std::optional<FileFacts> facts = FactsOfEntry(folder_, name);
    // `changed` is when it was set aside.
    if (!facts || !IsOld(facts->changed_s, now_s_, rules_.partials_keep_s)) return {};
    return Remove(LeftoverKind::kDamaged, name, facts->size);
  }

 private:
  Result<void> Remove(LeftoverKind kind, const std::string& name, std::uint64_t size) {
    if (!rules_.only_tell && unlinkat(folder_.get(), name.c_str(), 0) != 0) {
      if (errno != ENOENT) return DiskError("remove", name, errno);
      return {};
    }
    ++report_.partials;
    report_.bytes += size;
    report_.removed.push_back({kind, name, size});
    return {};
  }

  const UniqueFd& folder_;
  const std::vector<FolderEntry>& entries_;
  const std::int64_t now_s_;
  const CollectRules& rules_;
  CollectReport& report_;
};

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
  // A manifest that is a blob, or a blob of a form that other programs run: it may be missing.
  void Spare(const Digest& digest, const ModelName& model) {
    Needed& needed = needed_.try_emplace(digest, Needed{}).first->second;
    if (needed.models.empty()) needed.users.push_back(model);
  }
  // Only the blobs of this model.
  void Keep(const ModelName& only) {
    std::erase_if(needed_, [&](const auto& entry) {
      const std::vector<ModelName>& models = entry.second.models;
      const std::vector<ModelName>& users = entry.second.users;
      return std::find(models.begin(), models.end(), only) == models.end() &&
             std::find(users.begin(), users.end(), only) == users.end();
    });
    only_needed_ = true;
  }

  void AddProblems(std::vector<StoreProblem> problems) { report_.manifests = std::move(problems); }

  Result<VerifyReport> Run() && {
    Result<UniqueFd> folder = OpenFolder(folder_path_, {});
    if (folder.ok()) {
      TIDEGATE_ASSIGN(const std::vector<Digest> digests, ListDigests(*folder));
      for (const Digest& digest : digests) TIDEGATE_TRY(Check(*folder, digest));
    } else if (folder.error().code != ErrorCode::kNotFound) {
      return std::move(folder).TakeError();
    }
    for (auto& [digest, needed] : needed_) {
      if (!needed.found && !needed.models.empty()) {
        report_.missing.push_back({digest, std::move(needed.models), needed.size.value_or(0)});
      }
    }
    return std::move(report_);
  }

 private:
  struct Needed {
    std::optional<std::uint64_t> size;
    std::vector<ModelName> models;      // that cannot do without
    std::vector<ModelName> users = {};  // that may name it, where none needs it
    bool found = false;
  };

  // Those to read.
  Result<std::vector<Digest>> ListDigests(const UniqueFd& folder) {
    TIDEGATE_ASSIGN(const std::vector<FolderEntry> entries,
                    ListEntries(folder, folder_path_, kBlobFilesMax));
    std::vector<Digest> digests;
    for (const FolderEntry& entry : entries) {
      const std::optional<Digest> digest = Blobs::DigestOf(entry.name);
      if (entry.kind != FolderEntry::Kind::kFile || !digest) continue;
      if (only_needed_ && !needed_.contains(*digest)) continue;
      digests.push_back(*digest);
      if (const auto facts = FactsOfEntry(folder, entry.name)) state_.bytes_total += facts->size;
    }
    return digests;
  }

  Result<void> Check(const UniqueFd& folder, const Digest& digest) {
    const std::string name = Blobs::FileName(digest);
    Result<UniqueFd> file = OpenEntry(folder, name);
    if (!file.ok()) {
      // Removed since the folder was read: if it is needed, it is missing.
      if (file.error().code == ErrorCode::kNotFound) return {};
      return std::move(file).TakeError();
    }
    const std::optional<FileFacts> facts = file->valid() ? FactsOf(*file) : std::nullopt;
    if (!facts) return {};
    ++report_.blobs;
    TIDEGATE_ASSIGN(const bool intact, Hashes(*file, name, digest));
    const auto needed = needed_.find(digest);
    VerifyReport::Fault fault{digest, {}, facts->size};
    if (needed == needed_.end()) {
      if (intact) {
        report_.unreferenced.push_back(digest);
      } else {
        report_.damaged.push_back(std::move(fault));
      }
      return {};
    }
    needed->second.found = true;
    fault.models = needed->second.models.empty() ? needed->second.users : needed->second.models;
    fault.misstated = intact && needed->second.size && *needed->second.size != facts->size;
    (intact && !fault.misstated ? report_.intact : report_.damaged).push_back(std::move(fault));
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
  bool only_needed_ = false;
  VerifyProgress state_;
  VerifyReport report_;
};

}  // namespace

Result<CollectReport> ModelStore::Collect(std::int64_t now_s, const CollectRules& rules) {
  TIDEGATE_ASSIGN(const UniqueFd lock, Lock());
  CollectReport report;
  std::vector<Digest> references;
  Result<std::vector<Digest>> known = files_.References();
  if (known.ok()) {
    references = *std::move(known);
  } else {
    report.held_back = std::move(known).error();
  }
  if (!rules.only_tell) TIDEGATE_TRY(RemoveDrafts(root_, now_s));
  Result<UniqueFd> folder = OpenFolder(blobs_.folder(), {});
  if (!folder.ok()) {
    if (folder.error().code == ErrorCode::kNotFound) return report;
    return std::move(folder).TakeError();
  }
  TIDEGATE_ASSIGN(const std::vector<FolderEntry> entries,
                  ListEntries(*folder, blobs_.folder(), kBlobFilesMax));
  Sweep sweep(*folder, entries, now_s, rules, report);
  for (const FolderEntry& entry : entries) {
    const std::optional<Digest> digest = Blobs::DigestOf(entry.name);
    const std::string partial = PartialOf(entry.name);
    const bool aside = IsSetAside(entry.name);
    if (entry.kind != FolderEntry::Kind::kFile || (!digest && !aside && partial.empty())) {
      report.unknown.push_back(entry.name);
    } else if (aside) {
      TIDEGATE_TRY(sweep.TakeSetAside(entry.name));
    } else if (!digest) {
      TIDEGATE_TRY(sweep.TakePartial(entry.name, partial));
    } else if (!report.held_back &&
               !std::binary_search(references.begin(), references.end(), *digest)) {
      const std::optional<FileFacts> facts = FactsOfEntry(*folder, entry.name);
      // `changed` is when it got its name; its bytes may have been written long before.
      if (!facts || !IsOld(facts->changed_s, now_s, rules.blobs_keep_s)) continue;
      TIDEGATE_ASSIGN(const bool removed, RemoveBlob(entry.name, report, rules.only_tell));
      if (!removed) continue;
      ++report.blobs;
      report.removed.push_back({LeftoverKind::kBlob, entry.name, facts->size});
    }
  }
  return report;
}

Result<VerifyReport> ModelStore::Verify(const TellVerified& progress, const std::stop_token& stop,
                                        const std::optional<ModelName>& only) const {
  if (only) {
    const Result<ManifestFiles::File> file = files_.Read(*only);
    if (!file.ok() && file.error().code == ErrorCode::kNotFound) return file.error();
  }
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
    for (const Digest& digest : *digests) verification.Spare(digest, model.name);
  }
  if (only) {
    verification.Keep(*only);
    // Those of other models are not what was asked for.
    std::erase_if(listing.problems, [&](const StoreProblem& problem) {
      return !problem.path.ends_with("/" + only->Path());
    });
  }
  verification.AddProblems(std::move(listing.problems));
  return std::move(verification).Run();
}

}  // namespace tidegate::models
