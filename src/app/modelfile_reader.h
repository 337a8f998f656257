// A Modelfile as the command line wants it, read as the rest of the program reads one.
#pragma once

#include <string_view>

#include "base/result.h"
#include "cli/modelfile.h"

namespace tidegate::app {

// Errors: kInvalidArgument that begins with the line, "Modelfile line 3: …"; kTooLarge.
Result<cli::Modelfile> ReadModelfile(std::string_view text);

}  // namespace tidegate::app
