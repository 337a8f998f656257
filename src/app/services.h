// What the command line is given from the layers above it.
#pragma once

#include "cli/services.h"

namespace tidegate::app {

// Refers to itself (the demo runs commands), so it stays where it was made.
void FillServices(cli::LocalServices& services);

}  // namespace tidegate::app
