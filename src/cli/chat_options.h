// What people type for the knobs of a chat, as JSON for the request: checked, so that a slip is
// answered at once and by name.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tidegate::cli {

// The names of Ollama's options, for help and advice.
const std::vector<std::string>& ParameterNames();
// `num_ctx` 4096, `stop` a b: the value as JSON of the parameter's type. Errors: kInvalidArgument
// for an unknown name (with the nearest one) and for a value of another type.
Result<std::string> ParameterJson(const std::string& name, const std::vector<std::string>& values);
// Whether each further value is added ("stop") instead of taking the place of the last.
bool ParameterAccumulates(std::string_view name);

// Seconds or a duration of Go's: "5m", "1h30m", "-1", "0". Errors: kInvalidArgument, reason
// "usage".
Result<std::string> KeepAliveJson(const std::string& text);
// "true", "false", "low", "medium", "high" or "max".
Result<std::string> ThinkJson(const std::string& text);
// "json", a JSON Schema, or the path of a file that holds one. Errors: kInvalidArgument (reason
// "usage"), kNotFound.
Result<std::string> FormatJson(const std::string& text);

// The words of a line; double quotes hold several together.
std::vector<std::string> SplitWords(std::string_view line);

}  // namespace tidegate::cli
