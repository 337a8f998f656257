#include "models/foreign_stores.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <set>
#include <utility>

#include "models/blobs.h"
#include "models/disk.h"
#include "models/manifest_files.h"
#include "models/model_files.h"
#include "models/stored_model.h"

namespace tidegate::models {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kRevisionBytesMax = 256;
constexpr std::string_view kRepositoryPrefix = "models--";
// Blobs of one model that are watched. Models in GGUF have a handful; those of safetensors, which
// are not run, thousands.
constexpr std::size_t kWatchedBlobsMax = 64;
constexpr std::string_view kRepositoryDivider = "--";

// --- where they are ---

class Places {
 public:
  explicit Places(const EnvironmentLookup& environment) : environment_(environment) {}

  // Empty where it is not set.
  std::string Variable(std::string_view name) const {
    return environment_(name).value_or(std::string());
  }
  std::string Home(std::string_view below) const {
    const std::string home = Variable("HOME");
    return home.empty() ? std::string() : home + "/" + std::string(below);
  }
  // Below a variable, or below a folder of the home directory where it is not set.
  std::string Under(std::string_view variable, std::string_view home_folder,
                    std::string_view below) const {
    std::string base = Variable(variable);
    if (base.empty()) base = Home(home_folder);
    return base.empty() ? base : base + "/" + std::string(below);
  }

  void Add(ModelOrigin kind, const std::string& path) {
    if (path.empty()) return;
    std::error_code ec;
    const bool there = fs::is_directory(path, ec);
    if (!there && ec != std::errc::permission_denied) return;
    const fs::path canonical = fs::weakly_canonical(path, ec);
    if (seen_.insert({kind, ec ? path : canonical.string()}).second)
      stores_.push_back({kind, path});
  }

  std::vector<ForeignStore> Finish() && { return std::move(stores_); }

 private:
  const EnvironmentLookup& environment_;
  std::set<std::pair<ModelOrigin, std::string>> seen_;
  std::vector<ForeignStore> stores_;
};

std::string HuggingFaceCache(const Places& places) {
  for (const std::string_view name : {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"}) {
    if (std::string path = places.Variable(name); !path.empty()) return path;
  }
  if (const std::string home = places.Variable("HF_HOME"); !home.empty()) return home + "/hub";
  return places.Under("XDG_CACHE_HOME", ".cache", "huggingface/hub");
}

// --- what is in them ---

class ForeignReader {
 public:
  explicit ForeignReader(ModelOrigin kind) : kind_(kind) {}

  void ReadOllama(const std::string& root) {
    const Result<UniqueFd> folder = OpenFolder(root, {});
    scan_.looked_at.Add(root);
    if (!folder.ok()) return Report(root, folder.error());
    const Blobs blobs(root + "/blobs");
    StoreListing listing = ManifestFiles(root).List();
    scan_.looked_at.Add(listing.looked_at);
    for (StoreProblem& problem : listing.problems)
      Report(std::move(problem.path), std::move(problem.error));
    for (const StoredModel& stored : listing.models) {
      const std::vector<Layer> pieces = stored.manifest.Blobs();
      for (std::size_t i = 0; i < std::min(pieces.size(), kWatchedBlobsMax); ++i) {
        scan_.looked_at.Add(blobs.PathOf(pieces[i].digest));
      }
      Result<LocalModel> model = MakeLocalModel(blobs, stored, kind_);
      if (model.ok()) {
        Add(*std::move(model));
      } else {
        Report(root + "/" + std::string(kManifestsFolder) + "/" + stored.name.Path(),
               std::move(model).error());
      }
    }
  }

  void ReadFlat(const std::string& folder) {
    for (const ModelFile& file : List(folder, FolderOf::kManyModels).files) {
      if (std::optional<LocalModel> model = Read(file, file.stem)) Add(*std::move(model));
    }
  }

  void ReadLmStudio(const std::string& root) {
    for (const std::string& publisher : List(root, FolderOf::kManyModels).folders) {
      const std::string publisher_name = fs::path(publisher).filename().string();
      for (const std::string& repository : List(publisher, FolderOf::kManyModels).folders) {
        ReadRepository(List(repository, FolderOf::kOneModel).files,
                       publisher_name + "/" + fs::path(repository).filename().string());
      }
    }
  }

  void ReadHuggingFace(const std::string& root) {
    std::error_code ec;
    inside_ = fs::canonical(root, ec);
    scan_.looked_at.Add(root);
    if (ec) return Report(root, Unreadable(root, ec));
    for (const std::string& repository : List(root, FolderOf::kManyModels).folders) {
      std::string name = fs::path(repository).filename().string();
      if (!name.starts_with(kRepositoryPrefix)) continue;  // data sets, spaces, locks
      name.erase(0, kRepositoryPrefix.size());
      if (const std::size_t divider = name.find(kRepositoryDivider); divider != std::string::npos) {
        name.replace(divider, kRepositoryDivider.size(), "/");
      }
      ReadSnapshot(repository, "hf.co/" + name);
    }
  }

  ModelScan Finish() && { return std::move(scan_); }

 private:
  static Error Unreadable(const std::string& path, const std::error_code& ec) {
    return Unavailable(ErrorSource::kGateway, "cannot read " + path + ": " + ec.message());
  }

  void Report(std::string path, Error error) {
    scan_.problems.push_back({std::move(path), std::move(error)});
  }

  void Add(LocalModel model) {
    model.origin = kind_;
    if (scan_.models.size() < kLocalModelsMax) return scan_.models.push_back(std::move(model));
    Report(model.path, InvalidArgument("model", model.path + " is one model file too many"));
  }

  ModelFileList List(const std::string& folder, FolderOf what) {
    ModelFileList list = ListModelFiles(folder, what);
    for (ModelProblem& problem : list.problems) scan_.problems.push_back(std::move(problem));
    scan_.looked_at.Add(list.looked_at);
    return list;
  }

  // Whether it is in the folder that was asked for, wherever links lead.
  bool IsInside(const std::string& path) {
    if (inside_.empty() || path.empty()) return true;
    std::error_code ec;
    const fs::path target = fs::canonical(path, ec);
    if (!ec && std::mismatch(inside_.begin(), inside_.end(), target.begin(), target.end()).first ==
                   inside_.end()) {
      return true;
    }
    Report(path, ec ? Unreadable(path, ec)
                    : InvalidArgument("model", path + " leads out of the cache and was not read"));
    return false;
  }

  std::optional<LocalModel> Read(const ModelFile& file, std::string name) {
    if (!IsInside(file.path) || !IsInside(file.projector_path) || !IsInside(file.draft_path)) {
      return std::nullopt;
    }
    Result<std::optional<LocalModel>> model = ReadModelFile(file, std::move(name));
    if (model.ok()) return *std::move(model);
    Report(file.path, std::move(model).error());
    return std::nullopt;
  }

  // One model in several quantisations.
  void ReadRepository(const std::vector<ModelFile>& files, const std::string& name) {
    std::vector<std::pair<LocalModel, const ModelFile*>> found;
    std::map<std::string, int> quantisations;
    for (const ModelFile& file : files) {
      std::optional<LocalModel> model = Read(file, name + ":" + file.stem);
      if (!model) continue;
      ++quantisations[model->metadata.quantisation];
      found.emplace_back(*std::move(model), &file);
    }
    for (auto& [model, file] : found) {
      const std::string& quantisation = model.metadata.quantisation;
      std::string short_name = name + ":" + quantisation;
      if (quantisation != "unknown" && quantisations[quantisation] == 1 &&
          IsUsableName(short_name)) {
        model.name = std::move(short_name);
      }
      Add(std::move(model));
    }
  }

  void ReadSnapshot(const std::string& repository, const std::string& name) {
    const std::string snapshot = SnapshotOf(repository);
    if (snapshot.empty() || !IsInside(snapshot)) return;
    ModelFileList list = List(snapshot, FolderOf::kOneModel);
    // Large quantisations come as folders of parts.
    for (const std::string& folder : list.folders) {
      if (!IsInside(folder)) continue;
      for (ModelFile& file : List(folder, FolderOf::kOneModel).files) {
        list.files.push_back(std::move(file));
      }
    }
    ReadRepository(list.files, name);
  }

  // The files of the branch "main"; where it is not known, the snapshot that came last.
  std::string SnapshotOf(const std::string& repository) {
    const std::array<std::string, 1> refs = {"refs"};
    scan_.looked_at.Add(repository + "/refs/main");
    const Result<UniqueFd> folder = OpenFolder(repository, refs);
    const Result<UniqueFd> file = folder.ok() ? OpenEntry(*folder, "main") : folder.error();
    if (file.ok() && file->valid()) {
      const Result<std::string> read =
          ReadWhole(*file, repository + "/refs/main", kRevisionBytesMax);
      const std::string revision = read.ok() ? read->substr(0, read->find('\n')) : std::string();
      std::error_code ec;
      const std::string path = repository + "/snapshots/" + revision;
      // A revision is a name: what else it might be would lead elsewhere.
      if (IsUsableName(revision) && revision.find('/') == std::string::npos) {
        if (fs::is_directory(path, ec)) return path;
        scan_.looked_at.Add(path);  // it may come yet
      }
    }
    std::string newest;
    fs::file_time_type newest_time;
    const std::string snapshots = repository + "/snapshots";
    scan_.looked_at.Add(snapshots);
    for (const std::string& snapshot : ListModelFiles(snapshots, FolderOf::kManyModels).folders) {
      scan_.looked_at.Add(snapshot);
      std::error_code ec;
      const fs::file_time_type time = fs::last_write_time(snapshot, ec);
      if (ec || (!newest.empty() && time <= newest_time)) continue;
      newest = snapshot;
      newest_time = time;
    }
    return newest;
  }

  const ModelOrigin kind_;
  fs::path inside_;  // empty for anywhere
  ModelScan scan_;
};

}  // namespace

std::vector<ForeignStore> FindForeignStores(const EnvironmentLookup& environment,
                                            std::string_view ollama_service) {
  Places places(environment);
  places.Add(ModelOrigin::kOllama, places.Variable("OLLAMA_MODELS"));
  places.Add(ModelOrigin::kOllama, places.Home(".ollama/models"));
  places.Add(ModelOrigin::kOllama, std::string(ollama_service));
  places.Add(ModelOrigin::kLmStudio, places.Home(".lmstudio/models"));
  places.Add(ModelOrigin::kLmStudio, places.Home(".cache/lm-studio/models"));
  places.Add(ModelOrigin::kGpt4All,
             places.Under("XDG_DATA_HOME", ".local/share", "nomic.ai/GPT4All"));
  places.Add(ModelOrigin::kHuggingFace, HuggingFaceCache(places));
  const std::string cache = places.Variable("LLAMA_CACHE");
  places.Add(ModelOrigin::kLlamaCpp,
             cache.empty() ? places.Under("XDG_CACHE_HOME", ".cache", "llama.cpp") : cache);
  return std::move(places).Finish();
}

ModelScan ReadForeignStore(const ForeignStore& store) {
  ForeignReader reader(store.kind);
  switch (store.kind) {
    case ModelOrigin::kStore:
    case ModelOrigin::kOllama:
      reader.ReadOllama(store.path);
      break;
    case ModelOrigin::kLmStudio:
      reader.ReadLmStudio(store.path);
      break;
    case ModelOrigin::kHuggingFace:
      reader.ReadHuggingFace(store.path);
      break;
    case ModelOrigin::kFolder:
    case ModelOrigin::kGpt4All:
    case ModelOrigin::kLlamaCpp:
      reader.ReadFlat(store.path);
      break;
  }
  return std::move(reader).Finish();
}

}  // namespace tidegate::models
