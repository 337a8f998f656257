// Who can be reached, how they want to be spoken to, and what they offer.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/secret.h"
#include "core/capability.h"
#include "core/deployment.h"
#include "core/place.h"
#include "core/rate_limits.h"
#include "core/request.h"
#include "protocols/aws_sigv4/signer.h"
#include "protocols/dialect.h"
#include "providers/endpoint.h"

namespace tidegate::providers {

// A provider that can be used now: it has an address and, where it wants one, a key. Immutable
// after loading.
struct Provider {
  std::string id;  // as in "provider/model" and [providers.<id>]
  std::string display_name;
  core::Protocol protocol = core::Protocol::kOpenAiChat;
  std::vector<core::Protocol> also_speaks;  // at the same address
  Endpoint endpoint;
  std::string auth_header;  // "authorization"; empty = no credentials are sent
  Secret auth_value;        // "Bearer sk-…"
  // Signs every request instead, where the credentials are AWS's; else null.
  std::shared_ptr<const protocols::aws_sigv4::Signer> signer;
  std::vector<std::pair<std::string, std::string>> extra_headers;
  protocols::Dialect dialect;
  core::RateLimitFields rate_limits;  // empty = its answers do not tell of them
  core::Place place = core::Place::kCloud;
  std::string region;                // jurisdiction, or empty when unknown
  bool zero_data_retention = false;  // assured
  bool emulated = false;
  // Its models are asked for at run time, then DeploymentsFromList. Always so at place
  // device, because what claims to be this device must first show that it holds no remote model.
  bool lists_models = false;
  core::CapabilitySet capabilities;  // of a model of which nothing else is known
  std::int64_t ttft_ms_prior = 500;
  double tokens_per_s_prior = 50;
};

// What the configuration says of one model; what it leaves out comes from the catalogue, or is
// unknown.
struct ModelConfig {
  std::string name;
  std::optional<std::string> upstream_model, family;
  std::optional<std::int64_t> context_tokens, output_tokens_max;
  std::optional<core::Prices> prices;
  std::optional<core::CapabilitySet> capabilities;
  std::optional<double> quality;
  // Of models of this device only.
  std::optional<bool> pinned;
  std::optional<std::int64_t> keep_alive_s;  // -1 = for ever
};

// Credentials of AWS that sign requests, and where they are used.
struct AwsConfig {
  std::optional<std::string> region, access_key_id;
  std::optional<Secret> secret_access_key, session_token;
  bool signs() const { return access_key_id || secret_access_key || session_token; }
};

// One [providers.<id>] of the configuration, its secrets resolved.
struct ProviderConfig {
  std::string id;
  std::optional<std::string>
      kind;  // the catalogue entry to start from; by default the one named `id`
  std::optional<std::string> protocol;  // "openai_chat"
  // Other protocols at the same address, in the stead of the catalogue's.
  std::optional<std::vector<std::string>> also_speaks;
  std::optional<std::string> url;
  std::optional<Secret> key;
  AwsConfig aws;
  std::optional<core::Place> place;
  std::optional<std::string> region;
  std::optional<bool> zero_data_retention;
  std::optional<core::Prices> prices;  // for its models without a price of their own
  bool emulated = false;
  bool enabled = true;              // false: not used, although its key is in the environment
  std::vector<ModelConfig> models;  // beside those in the catalogue, or with other facts
};

}  // namespace tidegate::providers
