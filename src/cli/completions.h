// Shell completions, from the table of commands.
#pragma once

#include <string>
#include <vector>

#include "cli/command.h"

namespace tidegate::cli {

// A script for the shell to read. Words of the table hold no quotes that the shells would read
// differently (a test looks).
std::string BashCompletions(const std::vector<Command>& commands);
std::string ZshCompletions(const std::vector<Command>& commands);
std::string FishCompletions(const std::vector<Command>& commands);

}  // namespace tidegate::cli
