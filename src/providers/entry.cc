#include "providers/entry.h"

#include <algorithm>
#include <array>
#include <utility>

#include "json/reader.h"
#include "providers/listed_models.h"

namespace tidegate::providers {
namespace {

constexpr std::size_t kCatalogueFileBytesMax = 4U << 20U;

Error InFile(std::string_view id, const Error& error) {
  return Internal("catalogue entry '" + std::string(id) + "': " + error.field + " " +
                  error.message);
}

Result<void> ReadString(const json::Value& value, std::string& out) {
  TIDEGATE_ASSIGN(out, value.String());
  return {};
}

Result<void> ReadBool(const json::Value& value, bool& out) {
  TIDEGATE_ASSIGN(out, value.Bool());
  return {};
}

Result<void> ReadStrings(const json::Value& value, std::vector<std::string>& out) {
  TIDEGATE_ASSIGN(const json::Array array, value.Array());
  for (const json::Value element : array) {
    TIDEGATE_ASSIGN(const std::string_view text, element.String());
    out.emplace_back(text);
  }
  return {};
}

Result<core::CapabilitySet> ReadCapabilities(const json::Value& value) {
  TIDEGATE_ASSIGN(const json::Array array, value.Array());
  core::CapabilitySet set;
  for (const json::Value element : array) {
    TIDEGATE_ASSIGN(const std::string_view name, element.String());
    const std::optional<core::Capability> capability = core::ParseCapability(name);
    if (!capability) return element.Invalid("is no capability");
    set = set.With(*capability);
  }
  return set;
}

// Calls `read(key, value)` for each member; keys stand once.
template <typename Read>
Result<void> ForEachMember(const json::Value& value, Read read) {
  TIDEGATE_ASSIGN(const json::Object object, value.Object());
  TIDEGATE_TRY(object.RequireUniqueKeys());
  for (const json::Member& member : object) TIDEGATE_TRY(read(member.key, member.value));
  return {};
}

Result<void> ReadAuth(const json::Value& value, Entry& entry) {
  std::string scheme;
  TIDEGATE_TRY(
      ForEachMember(value, [&](std::string_view key, const json::Value& member) -> Result<void> {
        if (key == "scheme") return ReadString(member, scheme);
        if (key == "header") return ReadString(member, entry.provider.auth_header);
        if (key == "env") return ReadStrings(member, entry.env);
        if (key == "service") return ReadString(member, entry.aws_service);
        return member.Invalid("is no member of auth");
      }));
  const bool header_stated = !entry.provider.auth_header.empty();
  if (scheme != "bearer" && scheme != "header" && scheme != "aws" && scheme != "none") {
    return value.Invalid("needs scheme bearer, header, aws or none");
  }
  if (entry.aws_service.empty() == (scheme == "aws"))
    return value.Invalid("needs a service with scheme aws only");
  if (header_stated != (scheme == "header"))
    return value.Invalid("needs a header with scheme header only");
  entry.bearer = scheme == "bearer" || scheme == "aws";
  if (entry.bearer) entry.provider.auth_header = "authorization";
  return {};
}

Result<void> ReadQuirks(const json::Value& value, protocols::Dialect& dialect) {
  constexpr std::int64_t kCallIdBytesMax = 64;
  return ForEachMember(value, [&](std::string_view key, const json::Value& member) -> Result<void> {
    if (key == "max_completion_tokens") return ReadBool(member, dialect.max_completion_tokens);
    if (key == "call_ids") return ReadBool(member, dialect.call_ids);
    if (key == "message_names") return ReadBool(member, dialect.message_names);
    if (key == "named_tool_choice") return ReadBool(member, dialect.named_tool_choice);
    if (key == "reasoning_back") return ReadBool(member, dialect.reasoning_back);
    if (key == "seed") return ReadString(member, dialect.seed);
    if (key == "refuses") return ReadStrings(member, dialect.refuses);
    if (key == "chat_path") return ReadString(member, dialect.chat_path);
    if (key == "call_id_bytes") {
      TIDEGATE_ASSIGN(dialect.call_id_bytes, member.IntegerIn(1, kCallIdBytesMax));
      return {};
    }
    return member.Invalid("is no quirk");
  });
}

Result<void> ReadRateLimits(const json::Value& value, core::RateLimitFields& fields) {
  // By core::RateLimitFact.
  constexpr std::array<std::string_view, core::kRateLimitFacts> kKeys = {
      "requests_limit", "requests_left", "requests_reset",
      "tokens_limit",   "tokens_left",   "tokens_reset"};
  return ForEachMember(value, [&](std::string_view key, const json::Value& member) -> Result<void> {
    const auto* const found = std::find(kKeys.begin(), kKeys.end(), key);
    if (found == kKeys.end()) return member.Invalid("is no rate limit header");
    return ReadString(member, fields.names[static_cast<std::size_t>(found - kKeys.begin())]);
  });
}

Result<void> ReadExtraHeaders(const json::Value& value, Provider& provider) {
  return ForEachMember(value, [&](std::string_view key, const json::Value& member) -> Result<void> {
    TIDEGATE_ASSIGN(const std::string_view text, member.String());
    provider.extra_headers.emplace_back(key, text);
    return {};
  });
}

Result<void> ReadPriors(const json::Value& value, Provider& provider) {
  return ForEachMember(value, [&](std::string_view key, const json::Value& member) -> Result<void> {
    if (key == "ttft_ms") {
      TIDEGATE_ASSIGN(provider.ttft_ms_prior, member.IntegerIn(1, 1'000'000));
      return {};
    }
    if (key == "tokens_per_s") {
      TIDEGATE_ASSIGN(provider.tokens_per_s_prior, member.Number());
      return {};
    }
    return member.Invalid("is no prior");
  });
}

Result<void> ReadProtocol(const json::Value& value, core::Protocol& out) {
  TIDEGATE_ASSIGN(const std::string_view name, value.String());
  const std::optional<core::Protocol> protocol = core::ParseProtocol(name);
  if (!protocol) return value.Invalid("is no protocol");
  out = *protocol;
  return {};
}

Result<void> ReadProtocols(const json::Value& value, std::vector<core::Protocol>& out) {
  TIDEGATE_ASSIGN(const json::Array array, value.Array());
  for (const json::Value element : array) {
    TIDEGATE_TRY(ReadProtocol(element, out.emplace_back()));
  }
  return {};
}

Result<void> ReadEntryMember(Entry& entry, std::string_view key, const json::Value& value) {
  Provider& provider = entry.provider;
  std::string documentation;  // for people
  if (key == "id") return ReadString(value, provider.id);
  if (key == "name") return ReadString(value, provider.display_name);
  if (key == "documentation") return ReadString(value, documentation);
  if (key == "protocol") return ReadProtocol(value, provider.protocol);
  if (key == "also_speaks") return ReadProtocols(value, provider.also_speaks);
  if (key == "url") return ReadString(value, entry.url);
  if (key == "host_env") return ReadString(value, entry.host_env);
  if (key == "auth") return ReadAuth(value, entry);
  if (key == "region") return ReadString(value, provider.region);
  if (key == "zero_data_retention") return ReadBool(value, provider.zero_data_retention);
  if (key == "lists_models") return ReadBool(value, provider.lists_models);
  if (key == "quirks") return ReadQuirks(value, provider.dialect);
  if (key == "headers") return ReadExtraHeaders(value, provider);
  if (key == "rate_limit_headers") return ReadRateLimits(value, provider.rate_limits);
  if (key == "priors") return ReadPriors(value, provider);
  if (key == "capabilities") {
    TIDEGATE_ASSIGN(provider.capabilities, ReadCapabilities(value));
    return {};
  }
  return value.Invalid("is no member of a catalogue entry");
}

Result<core::Prices> ReadPrices(const json::Value& value) {
  // A million dollars for a million tokens.
  constexpr std::int64_t kPriceMax = 1'000'000'000'000'000;
  core::Prices prices;
  std::optional<std::int64_t> cached_read;
  TIDEGATE_TRY(
      ForEachMember(value, [&](std::string_view key, const json::Value& member) -> Result<void> {
        TIDEGATE_ASSIGN(const std::int64_t price, member.IntegerIn(0, kPriceMax));
        if (key == "input") {
          prices.input.nanodollars_per_mtok = price;
        } else if (key == "output") {
          prices.output.nanodollars_per_mtok = price;
        } else if (key == "cached_read") {
          cached_read = price;
        } else if (key == "cached_write") {
          prices.cached_write.nanodollars_per_mtok = price;
        } else if (key == "request") {
          prices.per_request.nanodollars = price;
        } else {
          return member.Invalid("is no price");
        }
        return {};
      }));
  // Where no other price is stated, what is cached costs what the input costs.
  prices.cached_read.nanodollars_per_mtok = cached_read.value_or(prices.input.nanodollars_per_mtok);
  prices.cached_write = std::max(prices.cached_write, prices.input);
  return prices;
}

Result<void> ReadModelMember(core::Deployment& model, core::CapabilitySet& lacks,
                             std::string_view key, const json::Value& value) {
  constexpr std::int64_t kTokensMax = 1'000'000'000;
  std::string released;  // for people
  if (key == "id") return ReadString(value, model.ref.model);
  if (key == "family") return ReadString(value, model.family);
  if (key == "released") return ReadString(value, released);
  if (key == "context") {
    TIDEGATE_ASSIGN(model.context_tokens, value.IntegerIn(1, kTokensMax));
  } else if (key == "output") {
    TIDEGATE_ASSIGN(model.output_tokens_max, value.IntegerIn(1, kTokensMax));
  } else if (key == "prices") {
    TIDEGATE_ASSIGN(model.prices, ReadPrices(value));
  } else if (key == "quality") {
    TIDEGATE_ASSIGN(model.quality, value.Number());
  } else if (key == "capabilities") {
    TIDEGATE_ASSIGN(const core::CapabilitySet set, ReadCapabilities(value));
    model.capabilities = model.capabilities.Union(set);
  } else if (key == "lacks") {
    TIDEGATE_ASSIGN(lacks, ReadCapabilities(value));
  } else {
    return value.Invalid("is no member of a model");
  }
  return {};
}

void ApplyModelConfig(const ModelConfig& config, core::Deployment& model) {
  if (config.upstream_model) model.upstream_model = *config.upstream_model;
  if (config.family) model.family = *config.family;
  if (config.context_tokens) model.context_tokens = *config.context_tokens;
  if (config.output_tokens_max) model.output_tokens_max = *config.output_tokens_max;
  if (config.prices) model.prices = *config.prices;
  if (config.capabilities) model.capabilities = *config.capabilities;
  if (config.quality) model.quality = *config.quality;
}

}  // namespace

Result<Entry> ParseEntry(std::string_view id, std::string_view text) {
  json::Reader reader;
  Entry entry;
  Result<json::Value> root = reader.ParseCopy(text, kCatalogueFileBytesMax);
  if (!root.ok()) return InFile(id, root.error());
  const Result<void> read =
      ForEachMember(*root, [&](std::string_view key, const json::Value& value) {
        return ReadEntryMember(entry, key, value);
      });
  if (!read.ok()) return InFile(id, read.error());
  if (entry.provider.id != id)
    return Internal("catalogue entry '" + std::string(id) + "' names another id");
  return entry;
}

Result<std::vector<core::Deployment>> ParseModels(const Provider& provider, std::string_view text) {
  json::Reader reader;
  Result<json::Value> root = reader.ParseCopy(text, kCatalogueFileBytesMax);
  if (!root.ok()) return InFile(provider.id, root.error());
  const Result<json::Object> object = root->Object();
  if (!object.ok()) return InFile(provider.id, object.error());
  const Result<json::Value> list = object->Get("models");
  if (!list.ok()) return InFile(provider.id, list.error());
  const Result<json::Array> array = list->Array();
  if (!array.ok()) return InFile(provider.id, array.error());
  std::vector<core::Deployment> models;
  for (const json::Value element : *array) {
    core::Deployment model = MakeDeployment(provider, "");
    core::CapabilitySet lacks;
    const Result<void> read =
        ForEachMember(element, [&](std::string_view key, const json::Value& value) {
          return ReadModelMember(model, lacks, key, value);
        });
    if (!read.ok()) return InFile(provider.id, read.error());
    model.capabilities = lacks.Missing(model.capabilities);
    models.push_back(std::move(model));
  }
  return models;
}

core::Deployment MakeDeployment(const Provider& provider, std::string model) {
  core::Deployment deployment;
  deployment.ref = {provider.id, std::move(model)};
  deployment.protocol = provider.protocol;
  deployment.also_speaks = provider.also_speaks;
  deployment.place = provider.place;
  deployment.region = provider.region;
  deployment.zero_data_retention = provider.zero_data_retention;
  deployment.emulated = provider.emulated;
  deployment.capabilities = provider.capabilities;
  deployment.ttft_ms_prior = provider.ttft_ms_prior;
  deployment.tokens_per_s_prior = provider.tokens_per_s_prior;
  return deployment;
}

void ApplyConfig(const ProviderConfig& config, core::Deployment& model) {
  for (const ModelConfig& named : config.models) {
    if (named.name == model.ref.model) ApplyModelConfig(named, model);
  }
  if (IsRemoteName(model.upstream_model)) MakeRemote(model);
  if (!model.prices) model.prices = config.prices;
  if (model.place == core::Place::kDevice || (!model.prices && model.place == core::Place::kEdge)) {
    model.prices = core::Prices{};
  }
}

}  // namespace tidegate::providers
