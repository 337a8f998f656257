// Creating a model at a gate: the files that a Modelfile names are hashed and sent where the gate
// does not have them, then the recipe itself.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/command.h"
#include "cli/gate_client.h"
#include "cli/modelfile.h"
#include "cli/transfer.h"

namespace tidegate::cli {

// A file of the model: what the recipe calls it, and where it is.
struct ModelFile {
  std::string name, path;
};

// The recipe with its paths found: what FROM, ADAPTER and DRAFT name is a file, a folder of files,
// or (FROM only) a model that the gate has.
struct ModelRecipe {
  Modelfile file;
  std::string from;  // a model; empty when it is made of files
  std::vector<ModelFile> files, adapters, drafts;
  std::string draft_from;  // a model; empty when the draft is a file, or there is none
};

// `folder`: where relative paths begin. Errors: kNotFound, kInvalidArgument, naming the path.
Result<ModelRecipe> FindModelFiles(Modelfile file, const std::string& folder,
                                   const std::string& home);

// The body of POST /api/create. `digests`: of each path.
std::string CreateBody(const std::string& model, const std::string& quantize,
                       const ModelRecipe& recipe,
                       const std::map<std::string, std::string>& digests);

// Hashes, sends, creates. Errors: those of files, of GateClient, of RunTransfer.
Result<void> CreateModel(Console& console, GateClient& client, const std::string& model,
                         const std::string& quantize, const ModelRecipe& recipe,
                         TransferOutput output);

}  // namespace tidegate::cli
