// The list of commands. To add one: its file here, with a function that returns its Command, and a
// line below. The order is that of `tidegate --help` within each group.
#pragma once

#include "cli/command.h"

#define TIDEGATE_COMMANDS(X) \
  X(Run)                     \
  X(Ask)                     \
  X(Launch)                  \
  X(Pull)                    \
  X(ListModels)              \
  X(Show)                    \
  X(Create)                  \
  X(Quantize)                \
  X(Cp)                      \
  X(Push)                    \
  X(Rm)                      \
  X(Stop)                    \
  X(Pin)                     \
  X(Unpin)                   \
  X(Bench)                   \
  X(Tune)                    \
  X(Verify)                  \
  X(Import)                  \
  X(Export)                  \
  X(Prune)                   \
  X(Models)                  \
  X(Ps)                      \
  X(Explain)                 \
  X(Spend)                   \
  X(Serve)                   \
  X(Doctor)                  \
  X(ConfigCheck)             \
  X(EngineInstall)           \
  X(EngineStatus)            \
  X(Demo)                    \
  X(Completions)             \
  X(Version)

namespace tidegate::cli::commands {

#define TIDEGATE_DECLARE(Name) Command Name();
TIDEGATE_COMMANDS(TIDEGATE_DECLARE)
#undef TIDEGATE_DECLARE

// Of commands that need no gate, and so read what one would.
inline Option ConfigOption() {
  return {"--config", "FILE", "the configuration (default: ~/.config/tidegate/config.toml)"};
}

}  // namespace tidegate::cli::commands
