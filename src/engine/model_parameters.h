// The parameters that a model was made with (PARAMETER in a Modelfile): what they say of answers,
// and what of the process that gives them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "core/model_card.h"
#include "core/model_defaults.h"

namespace tidegate::engine {

struct ModelParameters {
  core::ModelDefaults defaults;
  // Of the process; nothing = as the gate decides.
  std::optional<std::int64_t> context_tokens, threads, gpu_layers, batch_tokens, draft_tokens;
  std::optional<bool> memory_map;
  std::vector<std::string> ignored;  // names that mean nothing to this engine any more
};

// `facts`: names of Ollama's options, each with its value as JSON text. Errors: kInvalidArgument
// with `parameters.<name>` for a name that nobody knows and for a value of a wrong type or out of
// range.
Result<ModelParameters> ReadModelParameters(const core::ModelCard::Facts& facts);

}  // namespace tidegate::engine
