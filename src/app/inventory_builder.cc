#include "app/inventory_builder.h"

#include <algorithm>

#include "base/check.h"
#include "protocols/protocol.h"

namespace tidegate::app {
namespace {

gateway::Route RouteTo(const core::Deployment& deployment, const providers::Provider& provider) {
  gateway::Route route;
  route.target.name = deployment.ref.ToString();
  route.target.protocol = provider.protocol;
  route.target.place = deployment.place;
  route.target.origin = ToOrigin(provider.endpoint);
  route.target.base_path = provider.endpoint.base_path;
  route.target.fields = RequestFields(provider);
  route.target.signer = provider.signer;
  if (!provider.rate_limits.empty()) {
    route.target.rate_limits = std::make_shared<core::RateLimitFields>(provider.rate_limits);
  }
  route.dialect = provider.dialect;
  return route;
}

// Of all that the provider speaks. What is said of a text that no template is put around holds
// where it speaks completions, whatever its chats can say.
core::CapabilitySet CapabilitiesOf(const core::Deployment& deployment, core::Protocol protocol) {
  using core::Capability;
  core::CapabilitySet can =
      protocols::CompleteCapabilities(protocols::Get(protocol), deployment.capabilities);
  if (!deployment.Speaks(core::Protocol::kOpenAiCompletions)) return can;
  for (const Capability of_texts : {Capability::kRawPrompt, Capability::kInsert}) {
    if (deployment.capabilities.Has(of_texts)) can = can.With(of_texts);
  }
  return can;
}

}  // namespace

net::Origin ToOrigin(const providers::Endpoint& endpoint) {
  net::Origin origin;
  origin.host = endpoint.host;
  origin.port = endpoint.port;
  origin.unix_path = endpoint.unix_path;
  switch (endpoint.scheme) {
    case providers::Scheme::kHttp:
      origin.scheme = net::Scheme::kHttp;
      break;
    case providers::Scheme::kHttps:
      origin.scheme = net::Scheme::kHttps;
      break;
    case providers::Scheme::kUnix:
      origin.scheme = net::Scheme::kUnix;
      break;
  }
  return origin;
}

Secret RequestFields(const providers::Provider& provider) {
  std::string fields;
  if (!provider.auth_header.empty()) {
    fields += provider.auth_header + ": ";
    fields += provider.auth_value.Reveal();
    fields += "\r\n";
  }
  for (const auto& [name, value] : provider.extra_headers) fields += name + ": " + value + "\r\n";
  return Secret(std::move(fields));
}

std::shared_ptr<gateway::Inventory> BuildInventory(const providers::Catalogue& catalogue,
                                                   const std::vector<core::Deployment>& local,
                                                   const std::vector<core::Deployment>& listed,
                                                   engine::Engine* engine,
                                                   const gateway::Inventory* previous) {
  std::vector<core::Deployment> deployments;
  std::vector<gateway::Route> routes;
  for (const core::Deployment& deployment : local) {
    gateway::Route route;
    route.target.name = deployment.ref.ToString();
    route.target.place = core::Place::kDevice;
    route.target.base_path = "/v1";
    route.engine_model = deployment.ref.model;
    route.dialect.named_tool_choice = false;  // llama-server reads it as "auto"
    deployments.push_back(deployment);
    routes.push_back(std::move(route));
  }
  const auto add = [&](const core::Deployment& deployment) {
    const bool known =
        std::any_of(deployments.begin(), deployments.end(),
                    [&](const core::Deployment& other) { return other.ref == deployment.ref; });
    if (known) return;  // configured facts come first and win over listed ones
    const providers::Provider* provider = catalogue.Find(deployment.ref.provider);
    CHECK(provider != nullptr);
    routes.push_back(RouteTo(deployment, *provider));
    core::Deployment& added = deployments.emplace_back(deployment);
    added.capabilities = CapabilitiesOf(deployment, provider->protocol);
  };
  for (const core::Deployment& deployment : catalogue.deployments()) add(deployment);
  for (const core::Deployment& deployment : listed) add(deployment);
  return std::make_shared<gateway::Inventory>(std::move(deployments), std::move(routes), engine,
                                              previous);
}

}  // namespace tidegate::app
