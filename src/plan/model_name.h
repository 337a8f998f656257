// What a caller's `model` means.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "core/constraints.h"
#include "core/deployment.h"

namespace tidegate::plan {

inline constexpr std::array<std::string_view, 5> kAutoNames = {"auto", "auto:fast", "auto:cheap",
                                                               "auto:best", "auto:private"};

// Ollama's convention: a name without a tag means this one.
inline constexpr std::string_view kDefaultTag = ":latest";

// "m" for "m" and "m:latest". Views `name`.
std::string_view WithoutDefaultTag(std::string_view name);

// Views the asked name.
struct ModelName {
  bool automatic = false;   // "auto…", or no name at all
  bool local_only = false;  // "auto:private"
  core::Prefer prefer = core::Prefer::kBalanced;
  std::string_view whole;
  std::string_view
      provider;  // before the first '/', as the inventory spells it; empty when there is none
  std::string_view model;  // behind it
};

// An unknown "auto:…" is taken as the name of a model, which nobody will have.
ModelName ParseModelName(std::string_view asked);

// Whether the explicit name means this deployment: "provider/model", or its model name alone; with
// ":latest" or without it, on either side. Providers also answer to the names that LiteLLM gives
// them
// ("together_ai/…").
bool Names(const ModelName& name, const core::Deployment& deployment);

// Whether no model can be reached by this name alone, since it is one that leaves the choice to the
// gate, or looks like one: "auto", "auto:…".
bool IsReserved(std::string_view name);

// Whether the name leaves the choice to the gate, or is "provider/model" of one of these.
bool IsServed(std::string_view asked, std::span<const core::Deployment> deployments);

}  // namespace tidegate::plan
