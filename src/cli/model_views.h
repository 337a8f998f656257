// What Ollama's API says of models, as the tables that its users know: those of `list` and `ps`.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "cli/console.h"

namespace tidegate::cli {

// The answers of GET /api/tags and GET /api/ps as tables; `prefix`: only names that begin so,
// whatever their letter case. Errors: kProtocol.
Result<std::string> ListText(std::string_view answer, const std::string& prefix, std::int64_t now_s,
                             const Console& console);
Result<std::string> LoadedText(std::string_view answer, std::int64_t now_s, const Console& console);

// Whether pulling that name from a registry may make sense: "llama3.2", "hf.co/user/repo:Q4_K_M";
// not a choice of the gate's own ("auto:fast").
bool IsRegistryName(std::string_view name);

}  // namespace tidegate::cli
