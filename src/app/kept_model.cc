#include "app/kept_model.h"

#include <filesystem>
#include <memory>
#include <utility>

#include "app/config.h"
#include "app/model_places.h"
#include "base/clock.h"
#include "models/library.h"

namespace tidegate::app {
namespace {

namespace fs = std::filesystem;

constexpr const char* kField = "MODEL";

// Which of the stores of Ollama a file is in.
std::optional<models::ModelStore> StoreOf(const models::ModelFolders& where,
                                          const std::string& path) {
  const fs::path folder = fs::path(path).parent_path();
  for (const models::ForeignStore& foreign : where.foreign) {
    if (foreign.kind != models::ModelOrigin::kOllama) continue;
    models::ModelStore store(foreign.path);
    std::error_code ec;
    if (fs::equivalent(folder, store.blobs().folder(), ec) && !ec) return store;
  }
  return std::nullopt;
}

}  // namespace

Result<models::ModelFolders> KeptPlaces(const std::string& config_path) {
  const Environment environment = ProcessEnvironment();
  TIDEGATE_ASSIGN(const Config config, LoadConfig(config_path, environment));
  return ModelPlaces(config.settings, environment);
}

Result<KeptModel> FindKept(const models::ModelFolders& where, const std::string& name) {
  const Result<models::ModelName> parsed = models::ModelName::Parse(name, kField);
  if (parsed.ok()) {
    models::ModelStore ours(where.store);
    const Result<models::StoredModel> found = ours.Find(*parsed);
    if (found.ok() || found.error().code != ErrorCode::kNotFound) {
      return KeptModel{*parsed, std::move(ours), true};
    }
  }
  const models::Library library(models::LibraryOptions{where}, SystemClock());
  const std::shared_ptr<const models::LocalModel> model = library.Find(name);
  if (model == nullptr) {
    if (!parsed.ok()) return parsed.error();
    return NotFound("model '" + name + "' not found; `tidegate list` shows what there is");
  }
  TIDEGATE_ASSIGN(models::ModelName known, models::ModelName::Parse(model->name, kField));
  if (model->origin == models::ModelOrigin::kStore) {
    return KeptModel{std::move(known), models::ModelStore(where.store), true};
  }
  if (model->origin == models::ModelOrigin::kOllama) {
    if (std::optional<models::ModelStore> store = StoreOf(where, model->path)) {
      return KeptModel{std::move(known), std::move(store)};
    }
  }
  return KeptModel{std::move(known), std::nullopt, false, *model};
}

}  // namespace tidegate::app
