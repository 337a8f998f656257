// A request for embeddings and its answer, whatever protocol they came in.
#pragma once

#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/envelope.h"
#include "core/usage.h"

namespace tidegate::core {

// What the vectors are for: models that know several ways of embedding choose by it, all others
// have none to choose.
enum class EmbedPurpose : std::uint8_t {
  kUnset,
  kDocument,
  kQuery,
  kClassification,
  kClustering,
  kSimilarity,
};

// What becomes of a text that is too long.
enum class Truncate : std::uint8_t { kUnset, kNone, kStart, kEnd };

struct EmbedRequest : Envelope {
  // One vector for each. Fewer than `inputs` where some are no texts (token numbers, images): those
  // only the caller's own protocol can carry.
  std::vector<std::string_view> texts;
  std::int64_t inputs = 0;
  EmbedPurpose purpose = EmbedPurpose::kUnset;
  Truncate truncate = Truncate::kUnset;
  // Of texts that were cut: the numbers of the tokens that are left, in the vocabulary of the model
  // that is asked. Empty, or one for each text, and those of a whole text are empty.
  std::vector<std::vector<std::int64_t>> cut_tokens;
  std::optional<std::int64_t> dimensions;
  // How the vectors are wanted: as lists of numbers, as base64 of 32-bit floats, or both.
  bool as_numbers = true;
  bool as_base64 = false;
  std::string_view user;
  std::vector<Span> models;  // where the body names the model again, for each input
};

// One vector in the form or forms in which it came; an empty one did not come.
struct Embedding {
  std::string_view numbers;  // a JSON array of numbers
  std::string_view base64;   // of 32-bit floats, lowest byte first
};

// Views live as long as the body that was read, and `arena`.
struct EmbedAnswer {
  std::string_view id, model;
  std::vector<Embedding> embeddings;  // in the order of the inputs
  std::optional<Usage> usage;
  // Until the request was sent on, loading included, and until this came; 0 = nobody measured.
  std::int64_t load_nanos = 0, total_nanos = 0;
  std::list<std::string> arena;
};

}  // namespace tidegate::core
