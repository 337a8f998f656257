#include "engine/child_environment.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace tidegate::engine {
namespace {

constexpr std::string_view kField = "engine.environment";

// Which devices there are, and as what. Nothing here loads code or names a file.
constexpr std::string_view kPassed[] = {
    "CUDA_VISIBLE_DEVICES",     "CUDA_DEVICE_ORDER",         "NVIDIA_VISIBLE_DEVICES",
    "HIP_VISIBLE_DEVICES",      "ROCR_VISIBLE_DEVICES",      "GPU_DEVICE_ORDINAL",
    "HSA_OVERRIDE_GFX_VERSION", "HSA_ENABLE_SDMA",           "GGML_VK_VISIBLE_DEVICES",
    "MUSA_VISIBLE_DEVICES",     "ASCEND_RT_VISIBLE_DEVICES", "ONEAPI_DEVICE_SELECTOR",
    "ZE_AFFINITY_MASK",         "GGML_SYCL_DEVICE",
};

bool IsNameByte(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

std::string_view NameOf(std::string_view variable) {
  return variable.substr(0, std::min(variable.find('='), variable.size()));
}

bool LooksLikeASecret(std::string_view name) {
  std::string upper(name);
  std::transform(upper.begin(), upper.end(), upper.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  for (const std::string_view word :
       {"_KEY", "TOKEN", "SECRET", "PASSWORD", "PASSWD", "CREDENTIALS"}) {
    if (upper.ends_with(word)) return true;
  }
  return false;
}

Result<void> CheckVariable(std::string_view variable) {
  const std::string_view name = NameOf(variable);
  if (name.size() == variable.size() || name.empty() ||
      !std::all_of(name.begin(), name.end(), IsNameByte) || (name[0] >= '0' && name[0] <= '9') ||
      variable.find('\0') != variable.npos || variable.size() > kVariableBytesMax) {
    return InvalidArgument(std::string(kField),
                           "\"" + std::string(variable.substr(0, 64)) +
                               "\" is no variable; write NAME=value, as \"GGML_CUDA_NO_PINNED=1\"");
  }
  if (name.starts_with("LLAMA_ARG_") || name.starts_with("LLAMA_LOG_") || name == "LLAMA_API_KEY") {
    return InvalidArgument(std::string(kField),
                           std::string(name) +
                               " is decided by the gate itself, which would not know of it; remove "
                               "it, and use the settings in [engine] or a Modelfile's PARAMETER");
  }
  if (LooksLikeASecret(name)) {
    return InvalidArgument(std::string(kField),
                           std::string(name) +
                               " looks like a secret, and a model's process must not have any; "
                               "remove it: models are fetched by the gate");
  }
  return {};
}

void Set(std::vector<std::string>& environment, std::string variable) {
  const std::string_view name = NameOf(variable);
  std::erase_if(environment, [&](const std::string& other) { return NameOf(other) == name; });
  environment.push_back(std::move(variable));
}

}  // namespace

std::span<const std::string_view> PassedVariables() { return kPassed; }

Result<void> CheckVariables(const std::vector<std::string>& configured) {
  if (configured.size() > kVariablesMax) {
    return InvalidArgument(std::string(kField),
                           "more than " + std::to_string(kVariablesMax) + " variables");
  }
  for (const std::string& variable : configured) TIDEGATE_TRY(CheckVariable(variable));
  return {};
}

std::vector<std::string> ChildEnvironment(const std::vector<std::string>& configured) {
  std::vector<std::string> environment;
  for (const std::string_view name : kPassed) {
    const char* const value = std::getenv(std::string(name).c_str());
    if (value == nullptr) continue;
    environment.push_back(std::string(name) + "=" + value);
  }
  for (const std::string& variable : configured) Set(environment, variable);
  return environment;
}

std::string_view VariableIn(const std::vector<std::string>& environment, std::string_view name) {
  for (const std::string_view variable : environment) {
    if (NameOf(variable) == name && name.size() < variable.size()) {
      return variable.substr(name.size() + 1);
    }
  }
  return {};
}

}  // namespace tidegate::engine
