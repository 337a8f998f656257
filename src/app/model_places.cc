#include "app/model_places.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "app/application.h"
#include "base/ascii.h"
#include "models/foreign_stores.h"

namespace tidegate::app {
namespace {

Result<models::RegistryConfig> RegistryAt(const std::string& scheme, const std::string& host,
                                          const std::string& setting, const std::string& form) {
  Result<net::Url> url = net::ParseUrl(scheme + host);
  if (!url.ok() || !url->path.empty()) {
    return InvalidArgument(setting, "'" + host + "' is no " + form);
  }
  models::RegistryConfig registry;
  registry.host = host;
  registry.origin = std::move(url->origin);
  return registry;
}

// A registry that goes by several names has one credential: hf.co is huggingface.co.
std::string OneName(const std::string& host) {
  const std::string lower = ToLower(host);
  for (const models::RegistryConfig& known : models::DefaultRegistries()) {
    if (known.host == lower) return known.origin.host;
  }
  return lower;
}

// "HOST=what" of a setting, where HOST is a registry of the configuration.
struct Entry {
  std::string host, what;
};
Result<std::vector<Entry>> EntriesOf(const Settings& settings,
                                     const std::vector<std::string>& entries,
                                     const std::string& setting, const std::string& form) {
  std::vector<std::string> hosts;
  std::string list;
  for (const auto* some :
       {&settings.registries, &settings.insecure_registries, &settings.push_registries}) {
    for (const std::string& host : *some) {
      list += (list.empty() ? "" : ", ") + host;
      hosts.push_back(OneName(host));
    }
  }
  std::vector<Entry> out;
  for (const std::string& entry : entries) {
    const std::size_t equals = entry.find('=');
    if (equals == std::string::npos || equals == 0) {
      return InvalidArgument(setting, "each is " + form);
    }
    Entry read{OneName(entry.substr(0, equals)), entry.substr(equals + 1)};
    if (std::find(hosts.begin(), hosts.end(), read.host) == hosts.end()) {
      return InvalidArgument(setting, "'" + entry.substr(0, equals) +
                                          "' is no registry of this configuration, which has " +
                                          (list.empty() ? "none" : list) +
                                          "; name it in models.registries, or correct it here");
    }
    out.push_back(std::move(read));
  }
  return out;
}

// What the configuration has for registries, by OneName.
struct Extras {
  std::map<std::string, Secret> tokens;
  std::map<std::string, std::vector<net::Origin>> storage;
};
Result<Extras> ExtrasOf(const Settings& settings, const Environment& environment) {
  constexpr const char* kTokens = "models.registry_tokens";
  constexpr const char* kStorage = "models.registry_storage";
  Extras extras;
  TIDEGATE_ASSIGN(
      const std::vector<Entry> tokens,
      EntriesOf(settings, settings.registry_tokens, kTokens, "HOST=env:NAME or HOST=file:/path"));
  for (const Entry& entry : tokens) {
    TIDEGATE_ASSIGN(Secret token, ResolveSecret(entry.what, kTokens, environment));
    const bool fresh = extras.tokens.emplace(entry.host, std::move(token)).second;
    if (!fresh) return InvalidArgument(kTokens, "names " + entry.host + " twice");
  }
  TIDEGATE_ASSIGN(
      const std::vector<Entry> storage,
      EntriesOf(settings, settings.registry_storage, kStorage, "HOST=https://storage.lan:9000"));
  for (const Entry& entry : storage) {
    const Result<net::Url> url = net::ParseUrl(entry.what);
    if (!url.ok() || !url->path.empty() || !url->origin.unix_path.empty()) {
      return InvalidArgument(kStorage,
                             "'" + entry.what + "' is no origin, as https://storage.lan:9000");
    }
    extras.storage[entry.host].push_back(url->origin);
  }
  return extras;
}

// Those hosts, each as the configuration says that it is spoken to.
Result<std::vector<models::RegistryConfig>> RegistriesOf(const Settings& settings,
                                                         const Environment& environment,
                                                         const std::vector<std::string>& hosts,
                                                         const std::string& setting) {
  TIDEGATE_ASSIGN(const Extras extras, ExtrasOf(settings, environment));
  const std::vector<models::RegistryConfig> known = models::DefaultRegistries();
  const std::vector<std::string>& insecure = settings.insecure_registries;
  const auto one = [&](const std::string& host) -> Result<models::RegistryConfig> {
    if (std::find(insecure.begin(), insecure.end(), host) != insecure.end()) {
      return RegistryAt("http://", host, "models.insecure_registries",
                        "HOST:PORT, as registry.lan:5000");
    }
    const auto at = std::find_if(known.begin(), known.end(),
                                 [&](const auto& config) { return config.host == host; });
    if (at != known.end()) return *at;
    return RegistryAt("https://", host, setting, "host, as registry.example:5000");
  };
  std::vector<models::RegistryConfig> registries;
  for (const std::string& host : hosts) {
    TIDEGATE_ASSIGN(models::RegistryConfig registry, one(host));
    const auto token = extras.tokens.find(OneName(host));
    if (token != extras.tokens.end()) registry.token = token->second;
    const auto storage = extras.storage.find(OneName(host));
    if (storage != extras.storage.end()) registry.storage = storage->second;
    registries.push_back(std::move(registry));
  }
  return registries;
}

}  // namespace

Result<models::ModelFolders> ModelPlaces(const Settings& settings, const Environment& environment) {
  models::ModelFolders where;
  where.folders = settings.model_folders;
  const Result<std::string> standard = models::DefaultModelFolder();
  if (where.folders.empty() && standard.ok()) where.folders.push_back(*standard);
  where.files = settings.model_files;
  if (const std::string shipped = FindShippedModel(); !shipped.empty()) {
    where.files.push_back(shipped);
  }
  where.store = settings.model_store;
  if (where.store.empty()) {
    TIDEGATE_ASSIGN(const std::string folder, models::DefaultModelFolder());
    where.store = (std::filesystem::path(folder).parent_path() / "store").string();
  }
  if (settings.model_foreign) where.foreign = models::FindForeignStores(environment);
  return where;
}

Result<models::PullOptions> PullSettings(const Settings& settings, const Environment& environment) {
  models::PullOptions options;
  options.bytes_per_second = static_cast<std::uint64_t>(settings.download_mib_per_s) << 20U;
  // Who is spoken to without TLS may be pulled from without being named twice.
  std::vector<std::string> hosts = settings.insecure_registries;
  hosts.insert(hosts.end(), settings.registries.begin(), settings.registries.end());
  TIDEGATE_ASSIGN(options.registries,
                  RegistriesOf(settings, environment, hosts, "models.registries"));
  return options;
}

Result<models::PushOptions> PushSettings(const Settings& settings, const Environment& environment) {
  models::PushOptions options;
  options.bytes_per_second = static_cast<std::uint64_t>(settings.upload_mib_per_s) << 20U;
  TIDEGATE_ASSIGN(options.registries, RegistriesOf(settings, environment, settings.push_registries,
                                                   "models.push_registries"));
  return options;
}

}  // namespace tidegate::app
