// The command line of one llama-server child.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/locator.h"
#include "models/local_models.h"

namespace tidegate::engine {

inline constexpr std::int64_t kContextTokensDefault = 8'192;
// Llama-server's own default is 8 GiB beside weights and context.
inline constexpr int kPromptCacheMibDefault = 256;

struct ChildSettings {
  // The most that one request may use; a model with less trained context gets that. Memory is set
  // aside for so much in every slot, so that requests beside each other cannot push one another
  // out.
  std::int64_t context_tokens_max = kContextTokensDefault;
  int threads = 0;  // 0 = EngineThreads()
  int prompt_cache_mib = kPromptCacheMibDefault;
};

// Worker threads for generating: the physical cores that this process may use, but one logical core
// is left to everybody else. llama.cpp's threads wait for each other by spinning, so one too many
// costs most of the speed.
int EngineThreads();

// The context that one request to `model` may use.
std::int64_t ContextTokens(const models::LocalModel& model, const ChildSettings& settings);

struct ChildFiles {
  std::string socket_path;  // ends in ".sock"
  std::string api_key_path;
};

// Options that this version does not list are left out where it can serve without them. Errors:
// kUnavailable with reason "engine_too_old", naming the version and the option, for one without
// which it would be unsafe or of no use.
Result<std::vector<std::string>> MakeCommandLine(const EngineBinary& binary,
                                                 const models::LocalModel& model,
                                                 const ChildSettings& settings, int slots,
                                                 const ChildFiles& files);

}  // namespace tidegate::engine
