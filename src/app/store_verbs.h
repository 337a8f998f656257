// `tidegate verify`, `import` and `export`: work on the store of models itself, without a gate.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "cli/services.h"

namespace tidegate::app {

// Reads every byte of the store again. `model` empty = what every model needs; else only the blobs
// of that one are told. Errors: kNotFound; those of the store.
Result<std::vector<cli::VerifiedBlob>> VerifyModels(const std::string& model,
                                                    const cli::TransferFunction& progress);
// Errors: those of models::ImportModel and models::MakeManifest.
Result<cli::ImportedModel> ImportModelFile(const cli::ImportOptions& options,
                                           const cli::TransferFunction& progress);
// Errors: kConflict when there is such a file; those of models::ExportModel.
Result<cli::ExportedModel> ExportModelFile(const cli::ExportOptions& options,
                                           const cli::TransferFunction& progress);

}  // namespace tidegate::app
