#include "models/manifest_files.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <fcntl.h>
#include <optional>
#include <set>
#include <span>
#include <unistd.h>
#include <utility>
#include <variant>

#include <sys/stat.h>

#include "models/disk.h"

namespace tidegate::models {
namespace {

constexpr std::size_t kFolderDepth = 3;  // host, namespace, model
constexpr std::array kTrees = {kLinkedManifestsFolder, kManifestsFolder};

Error NoSuchModel(const ModelName& name) {
  return NotFound("model '" + name.Short() + "' not found");
}

Digest DigestOf(std::string_view bytes) { return Digest(ComputeSha256(bytes)); }

// The names below one tree, each folder read once.
class TreeWalk {
 public:
  TreeWalk(const std::string& root, std::string_view tree, StoreListing& found)
      : root_(root), path_{std::string(tree)}, found_(found) {}

  // Adds to `names`, up to kStoredModelsMax of them.
  void Walk(std::set<ModelName>& names) {
    const std::string path = PathText();
    found_.looked_at.Add(path);
    const Result<UniqueFd> folder = OpenFolder(root_, path_);
    if (!folder.ok()) {
      if (path_.size() == 1 && folder.error().code == ErrorCode::kNotFound) return;
      return Report(path, folder.error());
    }
    const Result<std::vector<FolderEntry>> entries = ListEntries(*folder, path, kStoredModelsMax);
    if (!entries.ok()) return Report(path, entries.error());
    for (const FolderEntry& entry : *entries) {
      if (entry.name.starts_with('.')) continue;  // .DS_Store and the like
      Enter(entry, names);
    }
  }

 private:
  void Enter(const FolderEntry& entry, std::set<ModelName>& names) {
    path_.push_back(entry.name);
    if (path_.size() <= kFolderDepth + 1) {
      if (entry.kind == FolderEntry::Kind::kFolder) {
        Walk(names);
      } else {
        Report(PathText(), InvalidArgument("store", "a folder belongs here; nothing was read"));
      }
    } else {
      found_.looked_at.Add(PathText());
      Add(names);
    }
    path_.pop_back();
  }

  void Add(std::set<ModelName>& names) {
    Result<ModelName> name =
        ModelName::Parse(path_[1] + "/" + path_[2] + "/" + path_[3] + ":" + path_[4], "store");
    if (!name.ok()) return Report(PathText(), name.error());
    if (names.size() >= kStoredModelsMax) {
      return Report(PathText(), InvalidArgument("store", "is one model too many"));
    }
    names.insert(*std::move(name));
  }

  std::string PathText() const {
    std::string text = root_;
    for (const std::string& part : path_) text += "/" + part;
    return text;
  }
  void Report(std::string path, Error error) {
    found_.problems.push_back({std::move(path), std::move(error)});
  }

  const std::string& root_;
  std::vector<std::string> path_;
  StoreListing& found_;
};

}  // namespace

ManifestFiles::ManifestFiles(std::string root) : root_(std::move(root)), blobs_(root_ + "/blobs") {}

Result<ManifestFiles::File> ManifestFiles::ReadIn(std::string_view tree,
                                                  const ModelName& name) const {
  const std::array<std::string, kFolderDepth + 1> parts = {std::string(tree), name.host, name.space,
                                                           name.model};
  TIDEGATE_ASSIGN(const UniqueFd folder, OpenFolder(root_, parts));
  const std::string path = root_ + "/" + std::string(tree) + "/" + name.Path();
  Result<UniqueFd> file = OpenEntry(folder, name.tag);
  if (!file.ok()) return std::move(file).TakeError();
  if (file->valid()) {
    TIDEGATE_ASSIGN(std::string bytes, ReadWhole(*file, path, kManifestBytesMax));
    const Digest digest = DigestOf(bytes);
    return File{name, path, std::move(bytes), digest, FactsOf(*file)->modified_s};
  }
  std::string target(PATH_MAX, '\0');
  const ssize_t size = readlinkat(folder.get(), name.tag.c_str(), target.data(), target.size());
  if (size < 0) return DiskError("read", path, errno);
  target.resize(static_cast<std::size_t>(size));
  const Result<Digest> digest = Digest::Parse(target.substr(target.rfind('/') + 1), "store");
  if (!digest.ok()) {
    return InvalidArgument("store", path +
                                        " is a link to something else than a blob and was not "
                                        "followed");
  }
  Result<std::string> bytes = blobs_.Read(*digest, kManifestBytesMax);
  if (!bytes.ok()) {
    Error error = std::move(bytes).error();
    // Not the same as no model: its layers may be there.
    if (error.code == ErrorCode::kNotFound) error.code = ErrorCode::kConflict;
    return error;
  }
  struct stat link {};
  if (fstatat(folder.get(), name.tag.c_str(), &link, AT_SYMLINK_NOFOLLOW) != 0) {
    return DiskError("read", path, errno);
  }
  return File{name, path, *std::move(bytes), *digest, link.st_mtim.tv_sec};
}

Result<ManifestFiles::File> ManifestFiles::Read(const ModelName& name) const {
  for (const std::string_view tree : kTrees) {
    Result<File> file = ReadIn(tree, name);
    if (file.ok() || file.error().code != ErrorCode::kNotFound) return file;
  }
  return NoSuchModel(name);
}

Result<StoredModel> ManifestFiles::Interpret(const File& file) const {
  TIDEGATE_ASSIGN(auto parsed, ParseManifest(file.bytes));
  StoredModel model{file.name, file.digest, file.modified_s, Manifest{Layer{"", file.digest}}};
  if (Manifest* manifest = std::get_if<Manifest>(&parsed)) {
    model.manifest = std::move(*manifest);
    return model;
  }
  const auto* form = ChooseForm(std::get<ManifestList>(parsed));
  if (form == nullptr) {
    return NotFound("model '" + file.name.Short() +
                    "' has no form that llama.cpp runs; pull one in GGUF");
  }
  if (const Manifest* manifest = std::get_if<Manifest>(form)) {
    model.manifest = *manifest;
    return model;
  }
  TIDEGATE_ASSIGN(const std::string bytes,
                  blobs_.Read(std::get<ManifestReference>(*form).digest, kManifestBytesMax));
  TIDEGATE_ASSIGN(auto chosen, ParseManifest(bytes));
  Manifest* manifest = std::get_if<Manifest>(&chosen);
  if (manifest == nullptr) return InvalidArgument("manifests", "a list may not name another list");
  model.manifest = std::move(*manifest);
  return model;
}

Result<std::vector<Digest>> ManifestFiles::References(const File& file) const {
  TIDEGATE_ASSIGN(const auto parsed, ParseManifest(file.bytes));
  std::vector<Digest> digests = {file.digest};  // the manifest itself, where it is a blob
  const auto add = [&](const Manifest& manifest) {
    for (const Layer& layer : manifest.Blobs()) digests.push_back(layer.digest);
  };
  if (const Manifest* manifest = std::get_if<Manifest>(&parsed)) {
    add(*manifest);
    return digests;
  }
  for (const auto& form : std::get<ManifestList>(parsed).manifests) {
    if (const Manifest* manifest = std::get_if<Manifest>(&form)) {
      add(*manifest);
      continue;
    }
    const Digest& digest = std::get<ManifestReference>(form).digest;
    digests.push_back(digest);
    // The manifest of a form that was not fetched is not here, and then its blobs are not either.
    if (!blobs_.SizeOf(digest)) continue;
    TIDEGATE_ASSIGN(const std::string bytes, blobs_.Read(digest, kManifestBytesMax));
    TIDEGATE_ASSIGN(const auto named, ParseManifest(bytes));
    if (const Manifest* manifest = std::get_if<Manifest>(&named)) add(*manifest);
  }
  return digests;
}

void ManifestFiles::ForEach(StoreListing& found,
                            const std::function<void(const File&)>& visit) const {
  std::set<ModelName> names;
  for (const std::string_view tree : kTrees) TreeWalk(root_, tree, found).Walk(names);
  for (const ModelName& name : names) {
    Result<File> file = Read(name);
    if (file.ok()) {
      visit(*file);
    } else if (file.error().code != ErrorCode::kNotFound) {  // otherwise it has just been removed
      found.problems.push_back({root_ + "/" + std::string(kManifestsFolder) + "/" + name.Path(),
                                std::move(file).error()});
    }
  }
}

StoreListing ManifestFiles::List() const {
  StoreListing listing;
  ForEach(listing, [&](const File& file) {
    Result<StoredModel> model = Interpret(file);
    if (model.ok()) {
      listing.models.push_back(*std::move(model));
    } else {
      listing.problems.push_back({file.path, std::move(model).error()});
    }
  });
  return listing;
}

Result<std::vector<Digest>> ManifestFiles::References() const {
  StoreListing found;
  std::vector<StoreProblem>& problems = found.problems;
  std::set<Digest> all;
  ForEach(found, [&](const File& file) {
    const Result<std::vector<Digest>> digests = References(file);
    if (digests.ok()) {
      all.insert(digests->begin(), digests->end());
    } else {
      problems.push_back({file.path, digests.error()});
    }
  });
  if (!problems.empty()) {
    Error error{ErrorCode::kConflict, ErrorSource::kGateway, Retry::kNever,
                "files that no model may need were left: " + problems.front().path +
                    " cannot be read, so nobody knows which of them it needs (" +
                    problems.front().error.message +
                    "); repair or remove it, then `tidegate prune` removes them"};
    error.reason = "manifest_unreadable";
    return error;
  }
  return std::vector<Digest>(all.begin(), all.end());
}

}  // namespace tidegate::models
