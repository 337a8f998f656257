#include "app/config_tables.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <fmt/format.h>

#include "core/capability.h"
#include "core/place.h"
#include "engine/deployments.h"
#include "policy/fields.h"

namespace tidegate::app {
namespace {

constexpr std::size_t kSecretFileBytesMax = 64 * 1024;
constexpr std::size_t kAccessKeyIdBytesMax = 128;
constexpr std::int64_t kYearS = 365LL * 86'400;

Error Wrong(const std::string& path, std::string_view expected) {
  return InvalidArgument(path, fmt::format("expected {}", expected));
}

Result<std::string> ReadString(const toml::node& node, const std::string& path) {
  const auto text = node.value_exact<std::string>();
  if (!text) return Wrong(path, "a string");
  return *text;
}

Result<Secret> ReadSecret(const toml::node& node, const std::string& path,
                          const Environment& environment) {
  TIDEGATE_ASSIGN(const std::string reference, ReadString(node, path));
  return ResolveSecret(reference, path, environment);
}

Result<std::vector<std::string>> ReadStrings(const toml::node& node, const std::string& path) {
  const toml::array* array = node.as_array();
  if (array == nullptr) return Wrong(path, "a list of strings");
  std::vector<std::string> list;
  for (const toml::node& item : *array) {
    const auto text = item.value_exact<std::string>();
    if (!text) return Wrong(path, "a list of strings");
    list.push_back(*text);
  }
  return list;
}

Result<core::FieldValue> ReadFieldValue(const toml::node& node, const std::string& path) {
  if (const auto flag = node.value_exact<bool>()) return core::FieldValue(*flag);
  if (const auto number = node.value_exact<std::int64_t>()) return core::FieldValue(*number);
  if (const auto number = node.value_exact<double>()) return core::FieldValue(*number);
  if (const auto text = node.value_exact<std::string>()) return core::FieldValue(*text);
  if (!node.is_array()) return Wrong(path, "a boolean, a number, a string or a list of strings");
  TIDEGATE_ASSIGN(std::vector<std::string> list, ReadStrings(node, path));
  return core::FieldValue(std::move(list));
}

// One member of a policy or key that belongs to the vocabulary of DESIGN §8; tables are flattened.
Result<void> ReadConstraint(const toml::node& node, const std::string& name,
                            const std::string& path, core::Constraints& out) {
  if (const toml::table* table = node.as_table()) {
    for (const auto& [key, member] : *table) {
      const std::string part(key.str());
      TIDEGATE_TRY(ReadConstraint(member, name + "." + part, path + "." + part, out));
    }
    return {};
  }
  TIDEGATE_ASSIGN(const core::FieldValue value, ReadFieldValue(node, path));
  return policy::ApplyField(out, name, value, path);
}

Result<Money> ReadUsd(const toml::node& node, const std::string& path) {
  std::optional<Money> money;
  if (node.is_number()) money = MoneyFromDouble(node.value<double>().value_or(-1));
  if (const auto text = node.value_exact<std::string>()) money = ParseUsd(*text);
  if (!money) return Wrong(path, "an amount of dollars, as 2.50");
  return *money;
}

// { input_usd = 2.5, output_usd = 10, cached_read_usd = 1.25 }, each for a million tokens.
Result<core::Prices> ReadPrices(const toml::node& node, const std::string& path) {
  const toml::table* table = node.as_table();
  if (table == nullptr)
    return Wrong(path, "a table: { input_usd = 2.5, output_usd = 10 } for a million tokens");
  core::Prices prices;
  bool cached_read = false, cached_write = false;
  for (const auto& [key, member] : *table) {
    const std::string name(key.str());
    TIDEGATE_ASSIGN(const Money amount, ReadUsd(member, path + "." + name));
    const Price price{amount.nanodollars};
    if (name == "input_usd") {
      prices.input = price;
    } else if (name == "output_usd") {
      prices.output = price;
    } else if (name == "cached_read_usd") {
      prices.cached_read = price;
      cached_read = true;
    } else if (name == "cached_write_usd") {
      prices.cached_write = price;
      cached_write = true;
    } else if (name == "request_usd") {
      prices.per_request = amount;
    } else {
      return InvalidArgument(
          path + "." + name,
          "known are input_usd, output_usd, cached_read_usd, cached_write_usd and request_usd");
    }
  }
  if (!cached_read)
    prices.cached_read = prices.input;  // what is not known to be cheaper is not cheaper
  if (!cached_write) prices.cached_write = prices.input;
  return prices;
}

Result<core::CapabilitySet> ReadCapabilities(const toml::node& node, const std::string& path) {
  TIDEGATE_ASSIGN(const core::FieldValue value, ReadFieldValue(node, path));
  const auto* list = std::get_if<std::vector<std::string>>(&value);
  if (list == nullptr) return Wrong(path, "a list of capabilities");
  core::CapabilitySet set;
  for (const std::string& name : *list) {
    const auto capability = core::ParseCapability(name);
    if (!capability) {
      return InvalidArgument(path, "'" + name + "' is no capability; known are " +
                                       core::Join(core::CapabilitySet::All()));
    }
    set = set.With(*capability);
  }
  return set;
}

Result<providers::ModelConfig> ReadModel(const toml::node& node, const std::string& path) {
  providers::ModelConfig model;
  if (const auto name = node.value_exact<std::string>()) {
    model.name = *name;
    return model;
  }
  const toml::table* table = node.as_table();
  if (table == nullptr) return Wrong(path, "a model's name, or a table with a name");
  for (const auto& [key, member] : *table) {
    const std::string name(key.str()), at = path + "." + name;
    if (name == "name") {
      TIDEGATE_ASSIGN(model.name, ReadString(member, at));
    } else if (name == "upstream_model") {
      TIDEGATE_ASSIGN(model.upstream_model, ReadString(member, at));
    } else if (name == "family") {
      TIDEGATE_ASSIGN(model.family, ReadString(member, at));
    } else if (name == "context_tokens" || name == "output_tokens_max") {
      const auto number = member.value_exact<std::int64_t>();
      if (!number || *number <= 0) return Wrong(at, "a number of tokens");
      (name == "context_tokens" ? model.context_tokens : model.output_tokens_max) = *number;
    } else if (name == "prices") {
      TIDEGATE_ASSIGN(model.prices, ReadPrices(member, at));
    } else if (name == "capabilities") {
      TIDEGATE_ASSIGN(model.capabilities, ReadCapabilities(member, at));
    } else if (name == "quality") {
      model.quality = member.value<double>();
      if (!model.quality || !(*model.quality >= 0 && *model.quality <= 1))
        return Wrong(at, "a number from 0 to 1");
    } else if (name == "keep_alive_s") {
      model.keep_alive_s = member.value_exact<std::int64_t>();
      if (!model.keep_alive_s || *model.keep_alive_s < -1 || *model.keep_alive_s > kYearS) {
        return Wrong(at, "seconds from -1, for ever, to 31536000");
      }
    } else if (name == "pinned") {
      model.pinned = member.value_exact<bool>();
      if (!model.pinned) return Wrong(at, "true or false");
    } else {
      return InvalidArgument(at, "there is no such setting of a model");
    }
  }
  if (model.name.empty()) return InvalidArgument(path + ".name", "a model needs a name");
  return model;
}

Result<void> ReadAwsMember(const std::string& name, const toml::node& node, const std::string& path,
                           const Environment& environment, providers::AwsConfig& out) {
  if (name == "aws_region") {
    TIDEGATE_ASSIGN(out.region, ReadString(node, path));
  } else if (name == "aws_access_key_id") {
    TIDEGATE_ASSIGN(out.access_key_id, ReadString(node, path));
  } else if (name == "aws_secret_access_key") {
    TIDEGATE_ASSIGN(out.secret_access_key, ReadSecret(node, path, environment));
  } else if (name == "aws_session_token") {
    TIDEGATE_ASSIGN(out.session_token, ReadSecret(node, path, environment));
  } else {
    return InvalidArgument(path, "there is no such setting of a provider");
  }
  return {};
}

Result<void> ReadProviderMember(const std::string& name, const toml::node& node,
                                const std::string& path, const Environment& environment,
                                providers::ProviderConfig& out) {
  if (name == "kind" || name == "protocol" || name == "url" || name == "region") {
    TIDEGATE_ASSIGN(std::string text, ReadString(node, path));
    (name == "kind"       ? out.kind
     : name == "protocol" ? out.protocol
     : name == "url"      ? out.url
                          : out.region) = std::move(text);
  } else if (name == "also_speaks") {
    TIDEGATE_ASSIGN(out.also_speaks, ReadStrings(node, path));
  } else if (name == "key") {
    TIDEGATE_ASSIGN(out.key, ReadSecret(node, path, environment));
  } else if (name.starts_with("aws_")) {
    return ReadAwsMember(name, node, path, environment, out.aws);
  } else if (name == "place") {
    TIDEGATE_ASSIGN(const std::string text, ReadString(node, path));
    out.place = core::ParsePlace(text);
    if (!out.place) return Wrong(path, "device, edge, attested or cloud");
  } else if (name == "zero_data_retention" || name == "emulated" || name == "enabled") {
    const auto flag = node.value_exact<bool>();
    if (!flag) return Wrong(path, "true or false");
    if (name == "zero_data_retention") out.zero_data_retention = *flag;
    if (name == "emulated") out.emulated = *flag;
    if (name == "enabled") out.enabled = *flag;
  } else if (name == "prices") {
    TIDEGATE_ASSIGN(out.prices, ReadPrices(node, path));
  } else if (name == "models") {
    const toml::array* array = node.as_array();
    if (array == nullptr) return Wrong(path, "a list of models");
    for (std::size_t i = 0; i < array->size(); ++i) {
      TIDEGATE_ASSIGN(auto model, ReadModel((*array)[i], fmt::format("{}[{}]", path, i)));
      out.models.push_back(std::move(model));
    }
  } else {
    return InvalidArgument(path, "there is no such setting of a provider");
  }
  return {};
}

// Nobody but the gate's own engine keeps models in memory.
Result<void> RefuseLocalSettings(const providers::ProviderConfig& provider) {
  for (std::size_t i = 0; i < provider.models.size(); ++i) {
    const providers::ModelConfig& model = provider.models[i];
    if (!model.pinned && !model.keep_alive_s) continue;
    return InvalidArgument(fmt::format("providers.{}.models[{}].{}", provider.id, i,
                                       model.pinned ? "pinned" : "keep_alive_s"),
                           "is a setting of this device's own models, [providers.local]");
  }
  return {};
}

Result<void> ReadProvider(const std::string& id, const toml::table& table,
                          const Environment& environment, Config& config) {
  providers::ProviderConfig provider;
  provider.id = id;
  for (const auto& [key, node] : table) {
    const std::string name(key.str());
    TIDEGATE_TRY(
        ReadProviderMember(name, node, "providers." + id + "." + name, environment, provider));
  }
  if (id != engine::kLocalProvider) {
    TIDEGATE_TRY(RefuseLocalSettings(provider));
    config.providers.push_back(std::move(provider));
    return {};
  }
  for (const auto& [key, node] : table) {
    if (key.str() == "models") continue;
    return InvalidArgument(
        "providers.local." + std::string(key.str()),
        "of this device's own models only `models` can be stated; see [engine] for the rest");
  }
  config.local_models = std::move(provider.models);
  return {};
}

Result<void> ReadPolicy(const std::string& name, const toml::table& table, Config& config) {
  core::Constraints constraints;
  for (const auto& [key, node] : table) {
    const std::string field(key.str());
    TIDEGATE_TRY(ReadConstraint(node, field, "policies." + name + "." + field, constraints));
  }
  if (name == "default") {
    config.defaults = std::move(constraints);
  } else {
    config.policies.emplace(name, std::move(constraints));
  }
  return {};
}

// budget = { day_usd = 2.00, on_over_budget = "degrade" }
Result<void> ReadBudget(const toml::node& node, const std::string& path, policy::Principal& key) {
  const toml::table* table = node.as_table();
  if (table == nullptr)
    return Wrong(path, "a table: { day_usd = 2.00, on_over_budget = \"degrade\" }");
  for (const auto& [member_key, member] : *table) {
    const std::string name(member_key.str()), at = path + "." + name;
    if (name == "day_usd") {
      TIDEGATE_ASSIGN(key.budget_day, ReadUsd(member, at));
    } else if (name == "on_over_budget") {
      TIDEGATE_TRY(ReadConstraint(member, name, at, key.constraints));
    } else {
      return InvalidArgument(at, "known are day_usd and on_over_budget");
    }
  }
  return {};
}

// What a caller that signs its requests has, as AWS's clients do.
Result<void> ReadAwsKey(const std::string& member, const toml::node& node, const std::string& at,
                        const Environment& environment, policy::Principal& key) {
  if (member == "aws_secret_access_key") {
    TIDEGATE_ASSIGN(key.aws_secret_access_key, ReadSecret(node, at, environment));
    return {};
  }
  TIDEGATE_ASSIGN(key.aws_access_key_id, ReadString(node, at));
  const bool word =
      std::all_of(key.aws_access_key_id.begin(), key.aws_access_key_id.end(), [](char c) {
        return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '_';
      });
  const std::size_t size = key.aws_access_key_id.size();
  if (!word || size == 0 || size > kAccessKeyIdBytesMax) {
    return Wrong(at, "up to 128 letters, digits, '-' and '_', as an AWS access key id");
  }
  return {};
}

Result<policy::ScopeSet> ReadScopes(const toml::node& node, const std::string& at) {
  const std::string expected = "a list of " + policy::ScopeWords();
  const toml::array* words = node.as_array();
  if (words == nullptr) return Wrong(at, expected);
  policy::ScopeSet scopes;
  for (const toml::node& word : *words) {
    const auto text = word.value_exact<std::string>();
    const auto scope = text ? policy::ParseScope(*text) : std::nullopt;
    if (!scope) return Wrong(at, expected);
    scopes = scopes.With(*scope);
  }
  return scopes;
}

Result<void> ReadKey(const std::string& name, const toml::table& table,
                     const Environment& environment, Config& config) {
  policy::Principal key;
  key.name = name;
  const std::string base = "keys." + name;
  for (const auto& [member_key, node] : table) {
    const std::string member(member_key.str()), at = base + "." + member;
    if (member == "sha256") {
      TIDEGATE_ASSIGN(const std::string text, ReadString(node, at));
      const auto digest = ParseSha256(text);
      if (!digest)
        return Wrong(at, "64 hexadecimal digits; make them with: printf %s KEY | sha256sum");
      key.key_sha256 = *digest;
    } else if (member == "aws_access_key_id" || member == "aws_secret_access_key") {
      TIDEGATE_TRY(ReadAwsKey(member, node, at, environment, key));
    } else if (member == "policy") {
      TIDEGATE_ASSIGN(key.policy, ReadString(node, at));
    } else if (member == "budget") {
      TIDEGATE_TRY(ReadBudget(node, at, key));
    } else if (member == "admin") {
      const auto flag = node.value_exact<bool>();
      if (!flag) return Wrong(at, "true or false");
      if (*flag && table.contains("scopes")) {
        return InvalidArgument(at, "stands for all scopes: give it or scopes, not both");
      }
      if (*flag) key.scopes = policy::ScopeSet::All();
    } else if (member == "scopes") {
      TIDEGATE_ASSIGN(key.scopes, ReadScopes(node, at));
    } else {
      TIDEGATE_TRY(ReadConstraint(node, member, at, key.constraints));
    }
  }
  const bool has_id = !key.aws_access_key_id.empty();
  if (has_id == key.aws_secret_access_key.empty()) {
    return InvalidArgument(base + (has_id ? ".aws_secret_access_key" : ".aws_access_key_id"),
                           "a key that signs needs both aws_access_key_id and "
                           "aws_secret_access_key");
  }
  if (!key.key_sha256 && !has_id) {
    return InvalidArgument(base + ".sha256",
                           "a key needs the SHA-256 of its text: printf %s KEY | sha256sum");
  }
  // What a key allows is a bound of its own, so that a decision can say that it was the key.
  if (key.constraints.place) key.places = *key.constraints.place;
  config.keys.push_back(std::move(key));
  return {};
}

template <typename Read>
Result<void> ReadNamed(const toml::table& root, std::string_view kind, Read read) {
  const toml::node* node = root.get(kind);
  if (node == nullptr) return {};
  const toml::table* named = node->as_table();
  if (named == nullptr) return Wrong(std::string(kind), fmt::format("tables: [{}.<name>]", kind));
  for (const auto& [key, member] : *named) {
    const std::string name(key.str());
    const toml::table* table = member.as_table();
    if (table == nullptr) return Wrong(fmt::format("{}.{}", kind, name), "a table");
    TIDEGATE_TRY(read(name, *table));
  }
  return {};
}

}  // namespace

Result<Secret> ResolveSecret(const std::string& reference, const std::string& path,
                             const Environment& environment) {
  if (reference.starts_with("env:")) {
    const auto value = environment(reference.substr(4));
    if (!value || value->empty()) {
      return InvalidArgument(
          path, "the environment has no " + reference.substr(4) + "; set it, or use file:/path");
    }
    return Secret(*value);
  }
  if (reference.starts_with("file:")) {
    const std::string file = reference.substr(5);
    std::error_code ec;
    if (std::filesystem::file_size(file, ec) > kSecretFileBytesMax || ec) {
      return InvalidArgument(path, "cannot read " + file + " as a secret of at most 64 KiB");
    }
    std::ifstream in(file, std::ios::binary);
    std::stringstream text;
    text << in.rdbuf();
    std::string value = text.str();
    while (!value.empty() && (value.back() == '\n' || value.back() == '\r' || value.back() == ' '))
      value.pop_back();
    if (value.empty()) return InvalidArgument(path, file + " is empty or cannot be read");
    return Secret(std::move(value));
  }
  if (reference.starts_with("keyring:")) {
    return InvalidArgument(path,
                           "keyring: is not available in this version; use env:NAME or file:/path");
  }
  return InvalidArgument(
      path, "a secret does not stand in the configuration; write env:NAME or file:/path");
}

bool IsTableName(std::string_view name) {
  return name == "providers" || name == "policies" || name == "keys";
}

Result<void> ReadTables(const toml::table& root, const Environment& environment, Config& config) {
  TIDEGATE_TRY(ReadNamed(root, "providers", [&](const std::string& id, const toml::table& table) {
    return ReadProvider(id, table, environment, config);
  }));
  TIDEGATE_TRY(ReadNamed(root, "policies", [&](const std::string& name, const toml::table& table) {
    return ReadPolicy(name, table, config);
  }));
  TIDEGATE_TRY(ReadNamed(root, "keys", [&](const std::string& name, const toml::table& table) {
    return ReadKey(name, table, environment, config);
  }));
  for (const policy::Principal& key : config.keys) {
    if (!key.policy.empty() && config.policies.find(key.policy) == config.policies.end()) {
      return InvalidArgument("keys." + key.name + ".policy",
                             "there is no [policies." + key.policy + "]");
    }
  }
  return {};
}

}  // namespace tidegate::app
