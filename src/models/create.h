// Making a model of another one, or of files that were sent: new layers, then the manifest that
// names all of them.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/result.h"
#include "models/blobs.h"
#include "models/local_model.h"
#include "models/model_work.h"

namespace tidegate::models {

using Steps = std::function<void(Progress)>;

// How far it is: `done` of `of` tensors.
using Portion = std::function<void(std::uint64_t done, std::uint64_t of)>;

// Writes the weights in `from` anew in another type ("Q4_K_M") to `to`, which exists; returns which
// program did it. Blocks. Errors: kCancelled after `stop` was asked for; kUnavailable with what the
// machine lacks.
using Quantizer = std::function<Result<std::string>(const std::string& from, const std::string& to,
                                                    const std::string& type, const Portion& portion,
                                                    const std::stop_token& stop)>;

struct MadeModel {
  std::string manifest;
  Pin pin;  // of all its blobs, until the manifest has its name
  // Where weights were quantised: of which blob, and by what.
  std::optional<Digest> quantised_from = {};
  std::string quantised_by = {};
};

// The models that a CreateSpec names; nothing where it names none.
struct CreateSources {
  std::optional<LocalModel> from = {}, draft = {};
};

// A manifest whose blobs are all there. Blocks: files that are not blobs yet are copied. Errors:
// kInvalidArgument with the field of `spec` at fault; kCancelled; those of the disk and of the
// quantizer.
Result<MadeModel> MakeManifest(Blobs& blobs, const Quantizer& quantizer, const CreateSpec& spec,
                               const CreateSources& sources, const Steps& steps,
                               const std::stop_token& stop);

// What is answered to weights of safetensors, which Ollama would convert.
Error NotConverted(std::string field);

// What weights can be quantised to.
struct QuantisationLevel {
  std::string_view name;  // as it is written in files
  double bits;            // of a weight; a little more than it usually takes
};
// The smallest first.
std::span<const QuantisationLevel> QuantisationLevels();
// The level that a text means, in any case: "q4_K_M" and "Q4_K" are "Q4_K_M". Errors:
// kInvalidArgument with `field`, listing them.
Result<QuantisationLevel> ParseQuantisation(std::string_view text, std::string field);

}  // namespace tidegate::models
