// A Modelfile as a request: Ollama's server takes fields and files, so whoever creates a model
// reads the recipe (LocalServices::read_modelfile). Hashing and sending is in model_upload.h.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace tidegate::cli {

inline constexpr std::size_t kModelfileBytesMax = 8U << 20U;

struct Modelfile {
  std::vector<std::string> from;      // models or paths, as written
  std::vector<std::string> adapters;  // paths
  std::vector<std::string> drafts;    // paths
  std::vector<std::string> licenses;
  std::string model_template, system, renderer, parser, requires_version;
  std::map<std::string, std::string> parameters_json;
  std::vector<std::pair<std::string, std::string>> messages;  // role, text
  std::vector<std::string> warnings;  // of what is accepted and has no effect
};

}  // namespace tidegate::cli
