#include "models/model_store.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <fcntl.h>
#include <mutex>
#include <set>
#include <thread>
#include <unistd.h>
#include <utility>
#include <variant>

#include <sys/file.h>
#include <sys/stat.h>

#include "base/check.h"
#include "models/disk.h"
#include "models/licence.h"

namespace tidegate::models {
namespace {

constexpr std::string_view kProvenanceFolder = "provenance";
constexpr std::string_view kDamaged = "blob_damaged";
constexpr std::string_view kLockName = "tidegate.lock";
constexpr std::chrono::milliseconds kLockPause{10};

using Parts = std::array<std::string, 5>;

Parts PartsOf(std::string_view tree, const ModelName& name) {
  return {std::string(tree), name.host, name.space, name.model, name.tag};
}

Error BlobError(const Digest& digest, std::string_view reason, const std::string& why) {
  Error error{ErrorCode::kConflict, ErrorSource::kGateway, Retry::kNever,
              digest.ToString() + " " + why + "; pull the model again" +
                  (reason == kDamaged ? " after `tidegate verify --repair`" : "")};
  error.reason = reason;
  return error;
}

}  // namespace

struct ModelStore::Released {
  std::mutex mutex;
  std::set<Digest> wanted;  // that should have gone, and were held
};

ModelStore::ModelStore(std::string root)
    : root_(std::move(root)),
      blobs_(root_ + "/blobs"),
      files_(root_),
      released_(std::make_unique<Released>()) {}
ModelStore::ModelStore(ModelStore&&) noexcept = default;
ModelStore::~ModelStore() = default;

std::string ModelStore::LockPath() const { return root_ + "/" + std::string(kLockName); }

Result<UniqueFd> ModelStore::Lock() {
  TIDEGATE_TRY(MakeFolders(root_));
  const std::string path = LockPath();
  UniqueFd file(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644));
  if (!file.valid()) return DiskError("open", path, errno);
  for (std::int64_t waited = 0; flock(file.get(), LOCK_EX | LOCK_NB) != 0;
       waited += kLockPause.count()) {
    if (errno != EWOULDBLOCK && errno != EINTR) return DiskError("lock", path, errno);
    if (waited >= kStoreLockWaitMillis) {
      return Error{ErrorCode::kConflict, ErrorSource::kGateway, Retry::kSameTarget,
                   "another process has been changing the store for " +
                       std::to_string(kStoreLockWaitMillis / 1000) + " seconds; try again later"};
    }
    std::this_thread::sleep_for(kLockPause);
  }
  // Whoever holds it is about to change names: others see by its time that they should look again.
  (void)futimens(file.get(), nullptr);
  return file;
}

// --- reading ---

Result<StoredModel> ModelStore::Find(const ModelName& name) const {
  TIDEGATE_ASSIGN(const ManifestFiles::File file, files_.Read(name));
  return files_.Interpret(file);
}

Result<std::string> ModelStore::ManifestBytes(const ModelName& name) const {
  TIDEGATE_ASSIGN(ManifestFiles::File file, files_.Read(name));
  return std::move(file.bytes);
}

Result<std::optional<Provenance>> ModelStore::ProvenanceOf(const ModelName& name) const {
  TIDEGATE_ASSIGN(const ManifestFiles::File manifest, files_.Read(name));
  const Parts parts = PartsOf(kProvenanceFolder, name);
  const std::string path = root_ + "/" + parts[0] + "/" + name.Path();
  const Result<UniqueFd> folder = OpenFolder(root_, std::span(parts).first(parts.size() - 1));
  Result<UniqueFd> file = folder.ok() ? OpenEntry(*folder, name.tag) : folder.error();
  if (!file.ok() && file.error().code == ErrorCode::kNotFound) return std::optional<Provenance>();
  if (!file.ok()) return std::move(file).TakeError();
  if (!file->valid()) return InvalidArgument("store", path + " is a link and was not followed");
  TIDEGATE_ASSIGN(const std::string bytes, ReadWhole(*file, path, kProvenanceBytesMax));
  TIDEGATE_ASSIGN(Provenance provenance, ParseProvenance(bytes));
  // Another program may have changed what the name means since.
  if (provenance.manifest != manifest.digest) return std::optional<Provenance>();
  return std::optional<Provenance>(std::move(provenance));
}

// --- changing names ---

Result<void> ModelStore::CheckBlobs(const Manifest& manifest) const {
  for (const Layer& layer : manifest.Blobs()) {
    const std::optional<std::uint64_t> size = blobs_.SizeOf(layer.digest);
    if (!size) return BlobError(layer.digest, "blob_missing", "is not in the store");
    if (*size != layer.size) {
      return BlobError(
          layer.digest, kDamaged,
          "has " + std::to_string(*size) + " bytes and should have " + std::to_string(layer.size));
    }
  }
  return {};
}

Result<void> ModelStore::WriteLocked(const ModelName& name, std::string_view bytes,
                                     Provenance provenance) {
  std::vector<Digest> before;
  if (const Result<ManifestFiles::File> old = files_.Read(name); old.ok()) {
    Result<std::vector<Digest>> digests = files_.References(*old);
    if (digests.ok()) before = *std::move(digests);
  }
  provenance.manifest = Digest(ComputeSha256(bytes));
  // First: one without its manifest says nothing, a manifest without its own would be unknown.
  TIDEGATE_TRY(WriteDurably(root_, PartsOf(kProvenanceFolder, name), WriteProvenance(provenance)));
  TIDEGATE_TRY(WriteDurably(root_, PartsOf(kManifestsFolder, name), bytes));
  // Ollama would go on believing the one there.
  TIDEGATE_TRY(RemoveDurably(root_, PartsOf(kLinkedManifestsFolder, name)));
  // The name has changed, whatever becomes of this: what stays is collected another time.
  (void)DropLocked(before);
  return {};
}

Result<void> ModelStore::Put(const ModelName& name, std::string_view manifest_bytes,
                             Provenance provenance) {
  TIDEGATE_ASSIGN(const auto parsed, ParseManifest(manifest_bytes));
  const Manifest* manifest = std::get_if<Manifest>(&parsed);
  if (manifest == nullptr) {
    return InvalidArgument("manifests", "a list of manifests is no model; store one of them");
  }
  if (provenance.licence.empty()) provenance.licence = LicenceName(blobs_, *manifest);
  TIDEGATE_ASSIGN(const UniqueFd lock, Lock());
  TIDEGATE_TRY(CheckBlobs(*manifest));
  return WriteLocked(name, manifest_bytes, std::move(provenance));
}

Result<void> ModelStore::Copy(const ModelName& from, const ModelName& to) {
  TIDEGATE_ASSIGN(const UniqueFd lock, Lock());
  TIDEGATE_ASSIGN(const ManifestFiles::File file, files_.Read(from));
  if (from == to) return {};
  TIDEGATE_ASSIGN(const StoredModel model, files_.Interpret(file));
  TIDEGATE_TRY(CheckBlobs(model.manifest));
  TIDEGATE_ASSIGN(const std::optional<Provenance> provenance, ProvenanceOf(from));
  return WriteLocked(to, file.bytes, provenance.value_or(Provenance{}));
}

Result<CollectReport> ModelStore::Remove(const ModelName& name) {
  TIDEGATE_ASSIGN(const UniqueFd lock, Lock());
  std::vector<Digest> digests;
  const Result<ManifestFiles::File> file = files_.Read(name);
  if (!file.ok() && file.error().code == ErrorCode::kNotFound) return file.error();
  if (file.ok()) {
    Result<std::vector<Digest>> needed = files_.References(*file);
    if (needed.ok()) digests = *std::move(needed);
  }
  TIDEGATE_TRY(RemoveDurably(root_, PartsOf(kLinkedManifestsFolder, name)));
  TIDEGATE_TRY(RemoveDurably(root_, PartsOf(kManifestsFolder, name)));
  TIDEGATE_TRY(RemoveDurably(root_, PartsOf(kProvenanceFolder, name)));
  Result<CollectReport> dropped = DropLocked(digests);
  if (dropped.ok()) return dropped;
  // The model is gone all the same.
  CollectReport report;
  report.held_back = std::move(dropped).error();
  return report;
}

// --- blobs ---

Result<Pin> ModelStore::PinBlobs(std::span<const Digest> digests) const {
  CHECK(digests.size() <= kPinnedBlobsMax);
  Pin pin;
  for (const Digest& digest : digests) TIDEGATE_TRY(blobs_.Hold(digest, pin));
  return pin;
}

Result<bool> ModelStore::RemoveBlob(const std::string& file_name, CollectReport& report,
                                    bool only_tell) {
  const std::string path = blobs_.folder() + "/" + file_name;
  const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file.valid()) {
    if (errno == ENOENT) return true;
    return DiskError("open", path, errno);
  }
  const std::optional<FileFacts> facts = FactsOf(file);
  if (!facts) return true;  // no blob, whatever it is
  if (flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return DiskError("lock", path, errno);
    ++report.in_use;
    return false;
  }
  if (!only_tell && unlink(path.c_str()) != 0 && errno != ENOENT)
    return DiskError("remove", path, errno);
  report.bytes += facts->size;
  return true;
}

Result<CollectReport> ModelStore::DropLocked(std::span<const Digest> digests) {
  CollectReport report;
  if (digests.empty()) return report;
  TIDEGATE_ASSIGN(const std::vector<Digest> references, files_.References());
  for (const Digest& digest : std::set<Digest>(digests.begin(), digests.end())) {
    if (std::binary_search(references.begin(), references.end(), digest)) continue;
    if (!blobs_.SizeOf(digest)) continue;
    TIDEGATE_ASSIGN(const bool removed, RemoveBlob(Blobs::FileName(digest), report));
    if (removed) {
      ++report.blobs;
      continue;
    }
    const std::lock_guard lock(released_->mutex);
    released_->wanted.insert(digest);
  }
  return report;
}

Result<CollectReport> ModelStore::DropReleased() {
  std::vector<Digest> wanted;
  {
    const std::lock_guard lock(released_->mutex);
    if (released_->wanted.empty()) return CollectReport{};
    wanted.assign(released_->wanted.begin(), released_->wanted.end());
  }
  TIDEGATE_ASSIGN(const UniqueFd file, Lock());
  {
    const std::lock_guard lock(released_->mutex);
    released_->wanted.clear();  // those that are still held come back
  }
  return DropLocked(wanted);
}

Result<SetAsideReport> ModelStore::SetAside(std::span<const Digest> digests) {
  TIDEGATE_ASSIGN(const UniqueFd lock, Lock());
  SetAsideReport report;
  for (const Digest& digest : digests) {
    TIDEGATE_ASSIGN(const bool moved, blobs_.SetAside(digest));
    (moved ? report.moved : report.in_use).push_back(digest);
  }
  return report;
}

Result<CollectReport> ModelStore::DropUnused(std::span<const Digest> digests) {
  TIDEGATE_ASSIGN(const UniqueFd lock, Lock());
  return DropLocked(digests);
}

}  // namespace tidegate::models
