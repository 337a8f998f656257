// Where a stored model came from: what is known besides its bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "models/digest.h"

namespace tidegate::models {

inline constexpr std::size_t kProvenanceBytesMax = std::size_t{64} << 10U;

struct Provenance {
  std::string source;  // the URL that it was fetched from, "file:NAME", or "ollama:NAME" of
                       // another's store; empty when it was made here
  std::optional<Digest> manifest;  // of the manifest's bytes: what this was said about
  std::int64_t time_s = 0;         // when it came, since 1970
  std::string licence = {};        // its name, as "Apache-2.0", where the model says it
  std::string signer = {};         // who signed it, as whoever brought it here says
  // Where its weights were quantised here: of which blob, and by which program.
  std::optional<Digest> quantised_from = {};
  std::string quantised_by = {};
  friend bool operator==(const Provenance&, const Provenance&) = default;
};

// Errors: kInvalidArgument with the path of the member at fault; kTooLarge.
Result<Provenance> ParseProvenance(std::string_view bytes);
std::string WriteProvenance(const Provenance& provenance);

}  // namespace tidegate::models
