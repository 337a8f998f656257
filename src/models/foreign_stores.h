// Models that other programs keep on this machine. They are read where they lie and never changed.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "models/local_model.h"

namespace tidegate::models {

inline constexpr std::string_view kOllamaServiceFolder = "/usr/share/ollama/.ollama/models";

struct ForeignStore {
  ModelOrigin kind = ModelOrigin::kOllama;
  std::string path;
  friend bool operator==(const ForeignStore&, const ForeignStore&) = default;
};

// The value of a variable, if it is set.
using EnvironmentLookup = std::function<std::optional<std::string>(std::string_view name)>;

// Those that are there, where each program looks for its own:
//   Ollama        $OLLAMA_MODELS; ~/.ollama/models; `ollama_service`, where its service keeps them
//   LM Studio     ~/.lmstudio/models; ~/.cache/lm-studio/models, where it kept them before
//   GPT4All       $XDG_DATA_HOME/nomic.ai/GPT4All
//   Hugging Face  $HF_HUB_CACHE, else $HUGGINGFACE_HUB_CACHE, else $HF_HOME/hub,
//                 else $XDG_CACHE_HOME/huggingface/hub
//   llama.cpp     $LLAMA_CACHE, else $XDG_CACHE_HOME/llama.cpp
// with the usual places for unset XDG variables. A folder that may not be entered is among them, so
// that reading it says so. Blocks on the disk.
std::vector<ForeignStore> FindForeignStores(const EnvironmentLookup& environment,
                                            std::string_view ollama_service = kOllamaServiceFolder);

// Its models, by names that each program uses or that say where they are from:
//   Ollama        its own
//   LM Studio     PUBLISHER/REPO/file.gguf is "PUBLISHER/REPO:Q4_K_M"
//   Hugging Face  models--USER--REPO/snapshots/<what refs/main says>/file.gguf is
//                 "hf.co/USER/REPO:Q4_K_M", which is also what pulling it is called
//   GPT4All, llama.cpp   the file's name without ".gguf"
// The tag is the quantisation, or the file's name where two files have the same one. Links in the
// cache of Hugging Face are followed inside of it. Blocks on the disk. What cannot be read is a
// problem and hides nothing else; names may repeat, nothing is shadowed.
ModelScan ReadForeignStore(const ForeignStore& store);

}  // namespace tidegate::models
