#include "app/model_places.h"

#include <algorithm>
#include <filesystem>
#include <string>

#include "app/application.h"
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

// What the configuration has for that host; empty for nothing.
Result<Secret> TokenOf(const Settings& settings, const std::string& host,
                       const Environment& environment) {
  constexpr const char* kSetting = "models.registry_tokens";
  for (const std::string& entry : settings.registry_tokens) {
    const std::size_t equals = entry.find('=');
    if (equals == std::string::npos || equals == 0) {
      return InvalidArgument(kSetting, "each is HOST=env:NAME or HOST=file:/path");
    }
    if (entry.substr(0, equals) != host) continue;
    return ResolveSecret(entry.substr(equals + 1), kSetting, environment);
  }
  return Secret();
}

// Those hosts, each as the configuration says that it is spoken to.
Result<std::vector<models::RegistryConfig>> RegistriesOf(const Settings& settings,
                                                         const Environment& environment,
                                                         const std::vector<std::string>& hosts,
                                                         const std::string& setting) {
  const std::vector<models::RegistryConfig> known = models::DefaultRegistries();
  const std::vector<std::string>& insecure = settings.insecure_registries;
  std::vector<models::RegistryConfig> registries;
  for (const std::string& host : hosts) {
    TIDEGATE_ASSIGN(const Secret token, TokenOf(settings, host, environment));
    if (std::find(insecure.begin(), insecure.end(), host) != insecure.end()) {
      TIDEGATE_ASSIGN(models::RegistryConfig registry,
                      RegistryAt("http://", host, "models.insecure_registries",
                                 "HOST:PORT, as registry.lan:5000"));
      registry.token = token;
      registries.push_back(std::move(registry));
      continue;
    }
    const auto at =
        std::find_if(known.begin(), known.end(), [&](const auto& one) { return one.host == host; });
    if (at != known.end()) {
      registries.push_back(*at);
      registries.back().token = token;
      continue;
    }
    TIDEGATE_ASSIGN(models::RegistryConfig registry,
                    RegistryAt("https://", host, setting, "host, as registry.example:5000"));
    registry.token = token;
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
