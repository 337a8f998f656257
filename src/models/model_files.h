// Model files in a folder, each with what lies beside it and belongs to it.
//
// A projector (mmproj-*) or a draft (mtp-*) says by its name whose it is: "mmproj-NAME-f16.gguf"
// and "…_mmproj-….gguf" belong to the models whose names begin with NAME or …. In a folder that
// holds one model in several quantisations the first such file belongs to each that has none of its
// own.
#pragma once

#include <string>
#include <vector>

#include "models/local_model.h"

namespace tidegate::models {

struct ModelFile {
  std::string path;
  std::string stem;  // of the name, without the number of a split model's part
  std::string projector_path = {}, draft_path = {};
};

struct ModelFileList {
  std::vector<ModelFile> files;      // sorted by path: the same on every file system
  std::vector<std::string> folders;  // paths of the folders in it, sorted
  std::vector<ModelProblem> problems;
  LookedAt looked_at = {};  // the folder, and every file in it that is or belongs to a model
};

enum class FolderOf { kManyModels, kOneModel };

// Blocks on the disk. A folder that is missing holds nothing; one that cannot be read is a problem.
ModelFileList ListModelFiles(const std::string& folder, FolderOf what);

// The model of a file, or nothing when the file is an adapter, a projector or the like: part of
// something else. Errors: those of ReadLocalModel.
Result<std::optional<LocalModel>> ReadModelFile(const ModelFile& file, std::string name);

}  // namespace tidegate::models
