// Reading the files of catalogue/: docs/adding_a_provider.md describes them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "core/deployment.h"
#include "providers/provider.h"

namespace tidegate::providers {

// A provider's file: everything but the key.
struct Entry {
  Provider provider;        // without endpoint and credentials
  std::string url;          // empty: it must be configured; "{region}" stands for AWS's region
  std::string host_env;     // a variable that may hold another address; empty = none
  bool bearer = false;      // the key is sent as "Bearer <key>", else as it is
  std::string aws_service;  // "bedrock": AWS's credentials may sign for it instead; or empty
  std::vector<std::string>
      env;  // variables that may hold the key, in order; empty = a key is optional
};

// Errors: kInternal naming the file and the member: the files are ours.
Result<Entry> ParseEntry(std::string_view id, std::string_view text);

// The models of catalogue/models/<id>.json as deployments of `provider`, with their prices.
Result<std::vector<core::Deployment>> ParseModels(const Provider& provider, std::string_view text);

// A deployment with what is known of every model of the provider.
core::Deployment MakeDeployment(const Provider& provider, std::string model);

// What the configuration says of this model, and the price where nothing else states one: nobody
// bills the tokens of one's own machines, and those of the device are never billed.
void ApplyConfig(const ProviderConfig& config, core::Deployment& model);

}  // namespace tidegate::providers
