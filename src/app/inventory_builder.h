// From what is configured, listed and lying on this machine to what a request can be sent to.
#pragma once

#include <memory>
#include <vector>

#include "engine/engine.h"
#include "gateway/inventory.h"
#include "net/address.h"
#include "providers/catalogue.h"

namespace tidegate::app {

// The address of a provider in the words of net/.
net::Origin ToOrigin(const providers::Endpoint& endpoint);
// The header lines that every request to `provider` carries.
Secret RequestFields(const providers::Provider& provider);

// `local`: the engine's deployments; `listed`: those that providers listed themselves. `engine` may
// be null without local ones, `previous` when there was none: what was learned with it stays known.
std::shared_ptr<gateway::Inventory> BuildInventory(const providers::Catalogue& catalogue,
                                                   const std::vector<core::Deployment>& local,
                                                   const std::vector<core::Deployment>& listed,
                                                   engine::Engine* engine,
                                                   const gateway::Inventory* previous);

}  // namespace tidegate::app
