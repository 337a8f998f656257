// Where a model that `tidegate list` shows is kept, for the commands that work on its files without
// a gate.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "models/local_model.h"
#include "models/local_models.h"
#include "models/model_name.h"
#include "models/model_store.h"

namespace tidegate::app {

// By the configuration at `config_path`; empty = the default place.
Result<models::ModelFolders> KeptPlaces(const std::string& config_path);

struct KeptModel {
  models::ModelName name;
  // Our store or one of Ollama's; without it the model is files that lie somewhere.
  std::optional<models::ModelStore> store = {};
  bool ours = false;
  std::optional<models::LocalModel> files = {};  // without a store
};

// Blocks on the disk. A name of our store is found even where its model is damaged. Errors:
// kNotFound; kInvalidArgument for what is no name.
Result<KeptModel> FindKept(const models::ModelFolders& where, const std::string& name);

}  // namespace tidegate::app
