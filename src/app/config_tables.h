// The tables of the configuration: [providers.<id>], [policies.<name>], [keys.<name>].
#pragma once

#include <string_view>

#include <toml++/toml.h>

#include "app/config.h"

namespace tidegate::app {

// Whether a member of the root is one of the tables that ReadTables reads.
bool IsTableName(std::string_view name);
Result<void> ReadTables(const toml::table& root, const Environment& environment, Config& config);

}  // namespace tidegate::app
