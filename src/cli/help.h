// The help pages, from the table of commands.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/ink.h"

namespace tidegate::cli {

// `tidegate --help`: what it is, how to begin, the commands by group.
std::string OverviewHelp(const std::vector<Command>& commands, const Paint& paint);
// `tidegate engine --help`: the commands that begin with that word.
std::string TopicHelp(const std::vector<Command>& commands, const std::string& topic,
                      const Paint& paint);
std::string CommandHelp(const Command& command, std::size_t columns, const Paint& paint);

}  // namespace tidegate::cli
