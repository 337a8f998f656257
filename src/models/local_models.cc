#include "models/local_models.h"

#include <cstdlib>
#include <filesystem>
#include <map>
#include <optional>
#include <utility>

#include "models/model_files.h"
#include "models/model_name.h"

namespace tidegate::models {
namespace {

namespace fs = std::filesystem;

class Scanner {
 public:
  void AddStore(const ForeignStore& store) {
    ModelScan scan = ReadForeignStore(store);
    scan_.looked_at.Add(scan.looked_at);
    for (ModelProblem& problem : scan.problems) Refuse(std::move(problem));
    for (LocalModel& model : scan.models) Add(std::move(model));
  }

  void AddFolder(const std::string& folder, FolderOf what) {
    ModelFileList list = ListModelFiles(folder, what);
    scan_.looked_at.Add(list.looked_at);
    for (ModelProblem& problem : list.problems) Refuse(std::move(problem));
    const std::string prefix =
        what == FolderOf::kOneModel ? fs::path(folder).filename().string() + ":" : std::string();
    for (const ModelFile& file : list.files) AddFile(file, prefix + file.stem);
    if (what == FolderOf::kOneModel) return;
    for (const std::string& below : list.folders) AddFolder(below, FolderOf::kOneModel);
  }

  // Where a model may appear.
  void Watch(std::string path) { scan_.looked_at.Add(std::move(path)); }

  void AddSingleFile(const std::string& path) {
    for (std::string& file : FilesOfModel(path)) scan_.looked_at.Add(std::move(file));
    const std::optional<std::string> stem = StemOfModel(fs::path(path).stem().string());
    if (stem) AddFile(ModelFile{path, *stem}, *stem);
  }

  ModelScan Finish() && {
    std::map<std::string, LocalModel> by_name;
    for (auto& [identity, model] : models_) by_name.emplace(model.name, std::move(model));
    for (auto& [name, model] : by_name) scan_.models.push_back(std::move(model));
    return std::move(scan_);
  }

 private:
  void Refuse(ModelProblem problem) { scan_.problems.push_back(std::move(problem)); }

  void AddFile(const ModelFile& file, std::string name) {
    Result<std::optional<LocalModel>> model = ReadModelFile(file, std::move(name));
    if (!model.ok()) return Refuse({file.path, std::move(model).error()});
    if (*model) Add(**std::move(model));
  }

  void Add(LocalModel model) {
    const std::string identity = CanonicalName(model.name);
    const auto at = models_.find(identity);
    if (at != models_.end()) {
      if (at->second.path != model.path) {
        scan_.shadowed.push_back({std::move(model.name), std::move(model.path), at->second.path});
      }
    } else if (models_.size() >= kLocalModelsMax) {
      Refuse({model.path, InvalidArgument("model", model.path + " is one model too many")});
    } else {
      models_.emplace(identity, std::move(model));
    }
  }

  std::map<std::string, LocalModel> models_;  // by identity
  ModelScan scan_;
};

}  // namespace

Result<std::string> DefaultModelFolder() {
  const char* data = std::getenv("XDG_DATA_HOME");
  if (data != nullptr && *data != '\0') return std::string(data) + "/tidegate/models";
  const char* home = std::getenv("HOME");
  if (home == nullptr || *home == '\0') {
    return InvalidArgument("HOME",
                           "neither XDG_DATA_HOME nor HOME is set; configure model folders");
  }
  return std::string(home) + "/.local/share/tidegate/models";
}

ModelScan FindLocalModels(const ModelFolders& where) {
  Scanner scanner;
  std::error_code ec;  // the first write makes it
  if (!where.store.empty() && std::filesystem::exists(where.store, ec)) {
    scanner.AddStore({ModelOrigin::kStore, where.store});
  } else if (!where.store.empty()) {
    scanner.Watch(where.store);
  }
  for (const std::string& folder : where.folders) scanner.AddFolder(folder, FolderOf::kManyModels);
  for (const std::string& file : where.files) scanner.AddSingleFile(file);
  for (const ForeignStore& store : where.foreign) scanner.AddStore(store);
  return std::move(scanner).Finish();
}

}  // namespace tidegate::models
