// What a model of this device says where its caller says nothing: it was made so, with a Modelfile.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/model_card.h"
#include "core/request.h"

namespace tidegate::core {

struct ModelDefaults {
  std::string system;                        // for conversations without a system message
  std::vector<ModelCard::Message> messages;  // in front of every conversation
  std::optional<double> temperature, top_p, presence_penalty, frequency_penalty;
  std::optional<double> min_p, typical_p, repeat_penalty;
  std::optional<std::int64_t> repeat_last_n, max_output_tokens, seed, top_k;
  std::vector<std::string> stop;

  friend bool operator==(const ModelDefaults&, const ModelDefaults&) = default;
  bool empty() const { return *this == ModelDefaults(); }
};

// The request as the model is to see it; a text that is continued or filled in stands alone. Its
// bytes no longer say all of it, so it is written anew.
// The result views `request` and `defaults`.
Request WithDefaults(const Request& request, const ModelDefaults& defaults);

}  // namespace tidegate::core
