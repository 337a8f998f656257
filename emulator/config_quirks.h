// The keys of a model's configuration that say by what its vendor differs.
#pragma once

#include <string_view>

#include <toml++/toml.h>

#include "emulator/model.h"

namespace tidegate::emulator {

// Reads the value of `key` if it is one of these keys; false = it is not. Errors: kInvalidArgument
// with a message that says what was expected.
Result<bool> ReadQuirk(std::string_view key, const toml::node& node, Model& model);

}  // namespace tidegate::emulator
