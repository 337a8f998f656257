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

Result<models::PullOptions> PullSettings(const Settings& settings) {
  models::PullOptions options;
  options.bytes_per_second = static_cast<std::uint64_t>(settings.download_mib_per_s) << 20U;
  const std::vector<models::RegistryConfig> known = models::DefaultRegistries();
  options.registries.clear();
  for (const std::string& host : settings.insecure_registries) {
    TIDEGATE_ASSIGN(models::RegistryConfig registry,
                    RegistryAt("http://", host, "models.insecure_registries",
                               "HOST:PORT, as registry.lan:5000"));
    options.registries.push_back(std::move(registry));
  }
  for (const std::string& host : settings.registries) {
    const auto is_it = [&](const models::RegistryConfig& one) { return one.host == host; };
    const auto insecure = std::find_if(options.registries.begin(), options.registries.end(), is_it);
    if (insecure != options.registries.end()) continue;
    if (const auto at = std::find_if(known.begin(), known.end(), is_it); at != known.end()) {
      options.registries.push_back(*at);
      continue;
    }
    TIDEGATE_ASSIGN(
        models::RegistryConfig registry,
        RegistryAt("https://", host, "models.registries", "host, as registry.example:5000"));
    options.registries.push_back(std::move(registry));
  }
  return options;
}

}  // namespace tidegate::app
