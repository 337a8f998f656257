// Long jobs of the gate that tell of their progress: pull, push, create.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "cli/command.h"
#include "cli/gate_client.h"

namespace tidegate::cli {

// What is shown of the lines: their meaning, on standard error, or the lines, on standard output,
// or nothing.
enum class TransferOutput : std::uint8_t { kProgress, kLines, kNothing };
inline TransferOutput TransferOutputOf(const Context& context) {
  return context.json ? TransferOutput::kLines : TransferOutput::kProgress;
}

// POSTs and shows the progress until {"status":"success"}. Errors: those of GateClient; what the
// gate reports in the stream; kProtocol when it ends before success. `what`: "pull", for the
// message.
Result<void> RunTransfer(Console& console, GateClient& client, std::string path, std::string body,
                         const std::string& what, TransferOutput output);

// The same for what may be done at once: an answer without lines, as Ollama gives, is its success,
// and success alone is not shown.
Result<void> RunShortTransfer(Console& console, GateClient& client, std::string path,
                              std::string body, const std::string& what, TransferOutput output);

// {"model":…,"insecure"?,"destination"?}: for pull and push.
std::string TransferBody(const std::string& model, bool insecure, const std::string& name = "");

// Pulls a model; a file at a URL as `name`, unless that is empty.
Result<void> PullModel(Console& console, GateClient& client, const std::string& model,
                       bool insecure, TransferOutput output, const std::string& name = "");
// For a model that the gate does not have, as `why` says: pulls it, if its name may be one of a
// registry. Errors: `why`, also when no registry has it; those of PullModel.
Result<void> PullMissing(Console& console, GateClient& client, const std::string& model,
                         bool insecure, const Error& why);

}  // namespace tidegate::cli
