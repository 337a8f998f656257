// A Modelfile as a request: Ollama's server takes fields and files, so whoever creates a model
// reads the recipe. Only reading is here; hashing and sending is in model_upload.h.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

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
};

// Errors: kInvalidArgument that begins with the line: "Modelfile line 3: …".
Result<Modelfile> ParseModelfile(std::string_view text);

}  // namespace tidegate::cli
