// Which models lie on this machine: those of our own store, loose files, and those that other
// programs keep. All are LocalModel values, so whoever uses these need not know where they come
// from.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "models/foreign_stores.h"
#include "models/local_model.h"

namespace tidegate::models {

struct ModelFolders {
  std::vector<std::string>
      folders;  // each *.gguf in them and one level below; missing folders are no error
  std::vector<std::string>
      files;               // single model files, such as the one that ships with the program
  std::string store = {};  // the root of our own store, see model_store.h; empty for none
  std::vector<ForeignStore> foreign = {};
};

// The folder where models lie when nothing else is configured: $XDG_DATA_HOME/tidegate/models, with
// ~/.local/share for an unset XDG_DATA_HOME. Errors: kInvalidArgument when HOME is not set either.
Result<std::string> DefaultModelFolder();

// Reads the header of every model file. Blocks on the disk. Of two models with one name the earlier
// wins: the store before folders, folders before files, files before foreign ones, each in the
// order given. "x" and "x:latest" are one name, as is "library/x". The same file twice is one
// model. Later parts of split models and what lies beside models (model_files.h) are no models.
ModelScan FindLocalModels(const ModelFolders& where);

}  // namespace tidegate::models
