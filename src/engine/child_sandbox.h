// What a llama-server child may see and do: see process/sandbox.h for how that is kept.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/command_line.h"
#include "engine/locator.h"
#include "models/local_models.h"
#include "process/child.h"

namespace tidegate::engine {

// What any program of the engine needs that reads files and computes: its own libraries, those of
// the system, and a few facts about the machine. Reads the program's folder; blocks.
// `environment`: what it is run with, which may name folders of libraries.
process::SandboxOptions SandboxFor(const std::string& program,
                                   const std::vector<std::string>& environment);

// A child reads the model's files, the engine's libraries and a few facts about the machine, makes
// its socket in the folder that is its own, writes to the files for its slots, of which it can make
// no more, and has no network, no home and no other file. Plain data.
struct ChildProtection {
  bool enabled = true;
  // The nodes of graphics devices, where there are any, and what their drivers read.
  bool gpu = true;
  // Of what it may write to, weights that are mapped from the file not counted. Unset: by what the
  // model needs (runner.cc).
  std::optional<std::uint64_t> data_bytes_max = std::nullopt;

  // Adds it to `options`, whose argv is complete. Reads the engine's folder; blocks.
  void Apply(const EngineBinary& binary, const models::LocalModel& model, const ChildFiles& files,
             process::SpawnOptions& options) const;
};

}  // namespace tidegate::engine
