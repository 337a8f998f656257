// `tidegate demo`: a gate with a clearly labelled emulated cloud (or the real providers whose keys
// are here), and a tour of requests that shows where each one ran and why.
#pragma once

#include "app/config.h"
#include "cli/console.h"
#include "cli/services.h"

namespace tidegate::app {

// Returns the exit code. With a terminal it keeps serving after the tour until it is interrupted.
int RunDemo(cli::Console& console, const cli::LocalServices& services,
            const Environment& environment);

}  // namespace tidegate::app
