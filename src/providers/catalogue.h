// The catalogue: facts about providers and their models as data, and what of it this machine can
// use.
//
// A provider is one JSON file in catalogue/ (docs/adding_a_provider.md), embedded in the program;
// its models are read only when the provider is available: when it is configured, or when its key
// stands in the environment, or its address (Ollama's OLLAMA_HOST).
//
// Locality is never believed. A configured address is "edge" when it is on this machine or a
// private network, else "cloud". The configuration may state another place, but "device" only for a
// loopback address or a UNIX socket, and then no model is offered before the server's own list has
// been read and shows no remote one (listed_models.h). "attested" cannot be stated at all, since
// nothing here can verify an attestation yet. A key from the environment is sent to the catalogue's
// own address only.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "core/deployment.h"
#include "providers/provider.h"

namespace tidegate::providers {

using Environment = std::function<std::optional<std::string>(std::string_view name)>;

// Immutable; any thread may read it. The next configuration makes a new one.
class Catalogue {
 public:
  // The providers that are configured and enabled, and those whose key or address `environment`
  // has, sorted by id, with their models. Errors: kInvalidArgument with the path in the
  // configuration
  // ("providers.workshop.url") and what to do about it.
  static Result<Catalogue> Load(std::span<const ProviderConfig> configs,
                                const Environment& environment);

  const std::vector<Provider>& providers() const { return providers_; }
  // In the order of the providers; the planner's inventory, without the device's own models.
  const std::vector<core::Deployment>& deployments() const { return deployments_; }
  // nullptr when there is none of that id.
  const Provider* Find(std::string_view id) const;

 private:
  std::vector<Provider> providers_;
  std::vector<core::Deployment> deployments_;
};

// Ids of all entries in the catalogue, sorted.
std::vector<std::string_view> CatalogueIds();

}  // namespace tidegate::providers
