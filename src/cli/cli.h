// The command line: `tidegate COMMAND …`.
//
// docs/cli.md lists the commands, the exit codes and the environment. The commands themselves are
// in commands/, one file each.
#pragma once

#include <string>
#include <vector>

#include "cli/console.h"
#include "cli/services.h"

namespace tidegate::cli {

// The whole program: parses, runs the command, returns the exit code. Uses the process's standard
// streams and environment.
int Run(int argc, char** argv, const LocalServices& services);

// The same on any console: `typed` are the arguments without the program's name.
int Run(const std::vector<std::string>& typed, Console& console, const LocalServices& services);

}  // namespace tidegate::cli
