// From words to a command and its arguments. The only user of the parsing library is arguments.cc.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "cli/command.h"

namespace tidegate::cli {

struct Parsed {
  const Command* command = nullptr;  // of the list given to Parse; nullptr = none was typed
  std::string topic;                 // "engine" when only the first word of several was typed
  bool help = false;
  Arguments arguments;
};

// `words` without the program's name. Errors: kInvalidArgument with reason "usage" and a message
// that says what to type instead.
Result<Parsed> Parse(const std::vector<Command>& commands, const std::vector<std::string>& words);

Error UsageError(std::string message);

// The candidate nearest to a mistyped word, or "" when none is near (at most two edits away).
std::string NearestWord(const std::string& word, const std::vector<std::string>& candidates);

}  // namespace tidegate::cli
