// Taking a model out of the gate's memory.
#pragma once

#include <string>

#include "base/result.h"
#include "cli/gate_client.h"

namespace tidegate::cli {

// Errors: kNotFound when there is no such model; those of GateClient.
Result<void> UnloadModel(GateClient& client, const std::string& model);

}  // namespace tidegate::cli
