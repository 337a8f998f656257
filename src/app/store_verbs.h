// `tidegate verify`, `import`, `export` and `prune`: work on the models of this device themselves,
// without a gate and safe beside one. SIGINT and SIGTERM end them in order: kCancelled, and nothing
// is left behind.
#pragma once

#include <vector>

#include "base/result.h"
#include "cli/services.h"

namespace tidegate::app {

// Reads every byte again of one model, or of all that our store holds. A model of Ollama's store is
// hashed where it lies; of files outside of stores, those of Hugging Face's cache have a digest to
// compare with, and the others are told theirs. Errors: kNotFound; those of the store.
Result<std::vector<cli::VerifiedBlob>> VerifyModels(const cli::VerifyOptions& options,
                                                    const cli::TransferFunction& progress);
// Errors: those of models::ImportModel and models::MakeManifest.
Result<cli::ImportedModel> ImportModelFile(const cli::ImportOptions& options,
                                           const cli::TransferFunction& progress);
// Any model that is listed. Errors: kConflict when there is such a file; those of
// models::ExportModel and ExportFiles.
Result<cli::ExportedModel> ExportModelFile(const cli::ExportOptions& options,
                                           const cli::TransferFunction& progress);
// Errors: those of models::ModelStore::Collect.
Result<cli::PruneReport> PruneStore(const cli::PruneOptions& options);

}  // namespace tidegate::app
