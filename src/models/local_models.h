// Which models lie on this machine.
//
// Today a folder of *.gguf files is the whole store: what is in it is served, under the name of the
// file. A store that pulls and records models yields the same LocalModel values, so whoever uses
// these need not know where they come from.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "models/gguf.h"

namespace tidegate::models {

inline constexpr std::size_t kLocalModelsMax = 4'096;
inline constexpr std::size_t kModelNameBytesMax = 128;
inline constexpr std::uint32_t kSplitFilesMax = 999;

struct LocalModel {
  // FOLDER/stem.gguf is "stem", FOLDER/name/tag.gguf is "name:tag". Letters, digits and . _ - +,
  // not starting with . or -
  std::string name;
  std::string path;              // absolute; of the file, or of the first file of a split model
  std::uint64_t size_bytes = 0;  // of all its files
  std::int64_t modified_s = 0;   // of the (first) file, since 1970
  GgufMetadata metadata =
      {};  // of the first file; parameters and tensor_bytes are those of all files
};

// A file that looks like a model and cannot be served, and why.
struct ModelProblem {
  std::string path;
  Error error;
};

struct ModelScan {
  std::vector<LocalModel> models;  // sorted by name, names are unique
  std::vector<ModelProblem> problems;
};

struct ModelFolders {
  std::vector<std::string>
      folders;  // each *.gguf in them and one level below; missing folders are no error
  std::vector<std::string>
      files;  // single model files, such as the one that ships with the program
};

// The folder where models lie when nothing else is configured: $XDG_DATA_HOME/tidegate/models, with
// ~/.local/share for an unset XDG_DATA_HOME. Errors: kInvalidArgument when HOME is not set either.
Result<std::string> DefaultModelFolder();

// Reads the header of every model file. Blocks on the disk. Of two files with one name the earlier
// listed wins, and the other is a problem. Projector files (mmproj-*) and later parts of split
// models belong to another file and are passed over.
ModelScan FindLocalModels(const ModelFolders& where);

// Reads one model file, all parts when it is split. Errors: those of ReadGgufFile; kInvalidArgument
// when its name cannot be used, it is no model, or a part is missing.
Result<LocalModel> ReadLocalModel(const std::string& path, std::string name);

}  // namespace tidegate::models
