// A model whose weights lie on this machine, wherever they came from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "models/digest.h"
#include "models/gguf.h"
#include "models/layer_texts.h"
#include "models/looked_at.h"
#include "models/manifest.h"

namespace tidegate::models {

inline constexpr std::size_t kLocalModelsMax = 4'096;
inline constexpr std::size_t kModelNameBytesMax = 240;
inline constexpr std::uint32_t kSplitFilesMax = 999;

// Who keeps the files.
enum class ModelOrigin : std::uint8_t {
  kFolder,  // *.gguf in a folder of models
  kStore,   // our own store
  kOllama,  // the others are only read
  kLmStudio,
  kGpt4All,
  kHuggingFace,  // the cache of its libraries
  kLlamaCpp,     // its own cache
};
std::string_view ToString(ModelOrigin origin);  // "folder", "store", "ollama", "lm_studio", …

struct LocalModel {
  // FOLDER/stem.gguf is "stem", FOLDER/name/tag.gguf is "name:tag"; a stored one has its short
  // name, "llama3:latest" or "hf.co/user/repo:Q4_K_M". See IsUsableName.
  std::string name;
  std::string path;              // absolute; of the file, or of the first file of a split model
  std::uint64_t size_bytes = 0;  // of all its files
  std::int64_t modified_s = 0;   // of the (first) file, or of the manifest; since 1970
  GgufMetadata metadata =
      {};  // of the first file; parameters and tensor_bytes are those of all files

  ModelOrigin origin = ModelOrigin::kFolder;
  // Files beside it, absolute; empty for none. They are not part of size_bytes.
  std::string projector_path = {};  // what turns images or sounds into tokens
  std::string draft_path = {};      // a smaller model that guesses ahead
  std::vector<std::string> adapter_paths = {};
  // What whoever made it wants of every chat; empty for nothing.
  std::string system = {};
  std::string go_template = {};  // Ollama's kind, as it was written
  bool own_template = false;     // see ModelConfig
  // What the engine is given in the place of the template in the weights, whose facts `metadata`
  // then has; empty: theirs is used. And why it is not made of `go_template`, though it should be.
  std::string jinja_template = {}, template_problem = {};
  // Ollama's: data here.
  std::string renderer = {}, parser = {}, required_version = {};
  ModelOptions parameters = {};
  std::vector<StoredMessage> messages = {};
  std::vector<std::string> licences = {};
  std::optional<Digest> manifest_digest = {};  // of a stored one: its id
  std::string parent = {};                     // of one that was made: the model it was made from
};

// A file that looks like a model and cannot be served, and why.
struct ModelProblem {
  std::string path;
  Error error;
};

// A model that cannot be had under its name, because another has that name.
struct ShadowedModel {
  std::string name, path;
  std::string by_path;
};

struct ModelScan {
  std::vector<LocalModel> models;  // sorted by name, names are unique
  std::vector<ModelProblem> problems;
  std::vector<ShadowedModel> shadowed;
  LookedAt looked_at = {};  // while none of it changes, another look would find the same
};

// Letters, digits and . _ - + : in parts that '/' divides; no part begins with '.' or '-', so that
// none can be taken for an option or for a way out of a folder.
bool IsUsableName(std::string_view name);

// Reads one model file, all parts when it is split. Blocks on the disk. Errors: those of
// ReadGgufFile; kInvalidArgument when its name cannot be used or a part is missing.
Result<LocalModel> ReadLocalModel(const std::string& path, std::string name);

// The files of the model that begins with this one: all parts when it is split, else it alone.
std::vector<std::string> FilesOfModel(const std::string& path);

// "X" of the stem "X-00002-of-00005", and nothing for a part after the first; the stem itself when
// it is no such name.
std::optional<std::string> StemOfModel(std::string_view stem);

}  // namespace tidegate::models
