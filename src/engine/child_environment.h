// Which variables of the environment reach llama-server.
//
// A process of ours inherits nothing: the environment of a gate holds its providers' keys. What
// says which graphics devices a driver shows, and as what, passes by name; what else an engine
// needs is named in the configuration, which may hold no secret.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tidegate::engine {

inline constexpr std::size_t kVariablesMax = 64;
inline constexpr std::size_t kVariableBytesMax = 4'096;

// What passes where it is set.
std::span<const std::string_view> PassedVariables();

// Of `configured`, each "NAME=value". Errors: kInvalidArgument for what is no variable, what the
// gate decides itself (with the setting that does), and what looks like a secret.
Result<void> CheckVariables(const std::vector<std::string>& configured);

// Those of PassedVariables that are set, then `configured`, of two with one name the last.
// REQUIRES: CheckVariables has found nothing.
std::vector<std::string> ChildEnvironment(const std::vector<std::string>& configured);

// The value of `name` in such a list; empty = it is not set.
std::string_view VariableIn(const std::vector<std::string>& environment, std::string_view name);

}  // namespace tidegate::engine
