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
  Provider provider;    // without endpoint and credentials
  std::string url;      // empty: it must be configured
  bool bearer = false;  // the key is sent as "Bearer <key>", else as it is
  std::vector<std::string>
      env;  // variables that may hold the key, in order; empty = a key is optional
};

// Errors: kInternal naming the file and the member: the files are ours.
Result<Entry> ParseEntry(std::string_view id, std::string_view text);

// The models of catalogue/models/<id>.json as deployments of `provider`, with their prices.
Result<std::vector<core::Deployment>> ParseModels(const Provider& provider, std::string_view text);

// A deployment with what is known of every model of the provider.
core::Deployment MakeDeployment(const Provider& provider, std::string model);

}  // namespace tidegate::providers
