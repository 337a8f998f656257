// Making a model of another one, or of files that were sent: new layers, then the manifest that
// names all of them.
#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <string>

#include "base/result.h"
#include "models/blobs.h"
#include "models/local_model.h"
#include "models/model_work.h"

namespace tidegate::models {

using Steps = std::function<void(Progress)>;

// Writes the weights in `from` anew in another type ("Q4_K_M") to `to`, which exists. Blocks.
// Errors: kInvalidArgument for a type that there is not; kCancelled after `stop` was asked for.
using Quantizer = std::function<Result<void>(const std::string& from, const std::string& to,
                                             const std::string& type, const Steps& steps,
                                             const std::stop_token& stop)>;

// The manifest's bytes, whose blobs are all there. Blocks: files that are not blobs yet are copied.
// `base` is what `spec.from` names. Errors: kInvalidArgument with the field of `spec` at fault;
// kCancelled; those of the disk.
Result<std::string> MakeManifest(Blobs& blobs, const Quantizer& quantizer, const CreateSpec& spec,
                                 const std::optional<LocalModel>& base, const Steps& steps,
                                 const std::stop_token& stop);

}  // namespace tidegate::models
