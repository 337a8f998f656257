#include "providers/catalogue.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "json/reader.h"
#include "protocols/protocol.h"
#include "providers/catalogue_index.h"
#include "providers/entry.h"

namespace tidegate::providers {
namespace {

constexpr std::size_t kIdBytesMax = 64;
constexpr std::size_t kKeyBytesMax = 8192;
constexpr std::size_t kModelNameBytesMax = 256;
constexpr std::string_view kAnyCompatible = "openai_compatible";
constexpr std::string_view kEngineId = "local";  // the models that this program runs itself

const CatalogueFile* FindFile(std::string_view id) {
  for (const CatalogueFile& file : CatalogueFiles()) {
    if (file.id == id) return &file;
  }
  return nullptr;
}

bool IsId(std::string_view id) {
  return !id.empty() && id.size() <= kIdBytesMax && std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

// Configures one provider from its catalogue entry, its section of the configuration, and the
// environment.
class Setup {
 public:
  Setup(const ProviderConfig& config, const Environment& environment)
      : config_(config), environment_(environment), path_("providers." + config.id) {}

  Result<Provider> Run() {
    TIDEGATE_ASSIGN(file_, FindEntryFile());
    TIDEGATE_ASSIGN(entry_, ParseEntry(file_->id, *file_->provider));
    Provider& provider = entry_.provider;
    if (provider.id != config_.id) provider.display_name = config_.id;
    provider.id = config_.id;
    provider.emulated = config_.emulated;
    if (config_.region) provider.region = *config_.region;
    if (config_.zero_data_retention) provider.zero_data_retention = *config_.zero_data_retention;
    TIDEGATE_TRY(SetProtocol());
    TIDEGATE_TRY(SetEndpoint());
    TIDEGATE_TRY(SetPlace());
    TIDEGATE_TRY(SetKey());
    return std::move(provider);
  }

  const CatalogueFile& file() const { return *file_; }

 private:
  Result<const CatalogueFile*> FindEntryFile() const {
    if (!IsId(config_.id) || config_.id == kEngineId) {
      return InvalidArgument(
          path_,
          "a provider's name has 1 to 64 of a-z, 0-9, '_' and '-', and is not 'local', which "
          "stands for the models on this device");
    }
    const CatalogueFile* file = FindFile(config_.kind.value_or(config_.id));
    if (file != nullptr) return file;
    if (config_.kind) {
      std::string ids;
      for (const std::string_view id : CatalogueIds())
        ids += (ids.empty() ? "" : ", ") + std::string(id);
      return InvalidArgument(path_ + ".kind",
                             "there is no such kind of provider; there are: " + ids);
    }
    if (!config_.url) {
      return InvalidArgument(path_ + ".url",
                             "is required, since the catalogue has no provider of this name");
    }
    return FindFile(kAnyCompatible);
  }

  Result<void> SetProtocol() {
    if (!config_.protocol) return {};
    const std::optional<core::Protocol> protocol = core::ParseProtocol(*config_.protocol);
    if (protocol && protocols::Find(*protocol) != nullptr) {
      entry_.provider.protocol = *protocol;
      return {};
    }
    std::string known;
    for (const protocols::Protocol* each : protocols::All()) {
      known += (known.empty() ? "'" : ", '") + std::string(core::ToString(each->id())) + "'";
    }
    return InvalidArgument(path_ + ".protocol",
                           "is not a protocol that can be spoken to a provider; use " + known);
  }

  Result<void> SetEndpoint() {
    official_ = !config_.url && !entry_.url.empty();
    if (!config_.url && entry_.url.empty()) return InvalidArgument(path_ + ".url", "is required");
    TIDEGATE_ASSIGN(entry_.provider.endpoint,
                    ParseUrl(config_.url.value_or(entry_.url), path_ + ".url"));
    return {};
  }

  Result<void> SetPlace() {
    Provider& provider = entry_.provider;
    const Reach reach = ReachOf(provider.endpoint);
    provider.place =
        config_.place.value_or(reach == Reach::kPublic ? core::Place::kCloud : core::Place::kEdge);
    if (provider.place == core::Place::kDevice) {
      if (reach != Reach::kLoopback) {
        return InvalidArgument(path_ + ".place",
                               "only a loopback address or a UNIX socket can be 'device', and " +
                                   provider.endpoint.ToString() +
                                   " is neither; use 'edge' or 'cloud'");
      }
      provider.lists_models = true;
    }
    if (provider.place == core::Place::kAttested) {
      return InvalidArgument(
          path_ + ".place",
          "an attestation cannot be verified yet, so no provider can be 'attested'; "
          "use 'cloud'");
    }
    return {};
  }

  // The key is the configured one, or, for the address in the catalogue only, the environment's.
  Result<void> SetKey() {
    Provider& provider = entry_.provider;
    Secret key = config_.key.value_or(Secret());
    if (key.empty() && official_) {
      for (const std::string& name : entry_.env) {
        std::optional<std::string> value = environment_(name);
        if (!key.empty() || !value) continue;
        key = Secret(std::move(*value));
      }
    }
    if (key.empty()) {
      if (official_ && !entry_.env.empty()) {
        return InvalidArgument(path_ + ".key",
                               "is required: set " + entry_.env.front() +
                                   " in the environment, or key = \"env:NAME\" or \"file:PATH\"");
      }
      provider.auth_header.clear();
      return {};
    }
    if (provider.auth_header.empty())
      return InvalidArgument(path_ + ".key", "this provider takes no key; leave it out");
    const std::string_view bytes = key.Reveal();
    const bool clean =
        std::all_of(bytes.begin(), bytes.end(), [](char c) { return c > ' ' && c < 0x7F; });
    if (!clean || bytes.size() > kKeyBytesMax) {
      return InvalidArgument(
          path_ + ".key",
          "a key is printable ASCII without white space, at most 8192 bytes; is there a "
          "line end behind it?");
    }
    if (provider.endpoint.scheme == Scheme::kHttp && ReachOf(provider.endpoint) == Reach::kPublic) {
      return InvalidArgument(path_ + ".url",
                             "a key must not cross a public network in the clear; use https://");
    }
    provider.auth_value = entry_.bearer ? Secret("Bearer " + std::string(bytes)) : std::move(key);
    return {};
  }

  const ProviderConfig& config_;
  const Environment& environment_;
  const std::string path_;
  const CatalogueFile* file_ = nullptr;
  Entry entry_;
  bool official_ = false;  // the address is the catalogue's own
};

void ApplyModelConfig(const ModelConfig& config, core::Deployment& model) {
  if (config.upstream_model) model.upstream_model = *config.upstream_model;
  if (config.family) model.family = *config.family;
  if (config.context_tokens) model.context_tokens = *config.context_tokens;
  if (config.output_tokens_max) model.output_tokens_max = *config.output_tokens_max;
  if (config.prices) model.prices = *config.prices;
  if (config.capabilities) model.capabilities = *config.capabilities;
  if (config.quality) model.quality = *config.quality;
}

// What the configuration says of this model, and the price where nothing else states one: nobody
// bills the tokens of one's own machines, and those of the device are never billed.
void ApplyConfig(const ProviderConfig& config, core::Deployment& model) {
  for (const ModelConfig& named : config.models) {
    if (named.name == model.ref.model) ApplyModelConfig(named, model);
  }
  if (!model.prices) model.prices = config.prices;
  if (model.place == core::Place::kDevice || (!model.prices && model.place == core::Place::kEdge)) {
    model.prices = core::Prices{};
  }
}

Result<void> CheckModels(const ProviderConfig& config) {
  std::set<std::string_view> names;
  for (const ModelConfig& model : config.models) {
    const std::string path = "providers." + config.id + ".models." + model.name;
    if (model.name.empty() || model.name.size() > kModelNameBytesMax) {
      return InvalidArgument(path, "a model's name has 1 to 256 bytes");
    }
    if (!names.insert(model.name).second) return InvalidArgument(path, "stands more than once");
    if (model.context_tokens.value_or(1) <= 0)
      return InvalidArgument(path + ".context_tokens", "must be positive");
    if (model.output_tokens_max.value_or(1) <= 0)
      return InvalidArgument(path + ".output_tokens_max", "must be positive");
    const double quality = model.quality.value_or(0);
    if (!(quality >= 0 && quality <= 1))
      return InvalidArgument(path + ".quality", "must be from 0 to 1");
  }
  return {};
}

Result<std::vector<core::Deployment>> DeploymentsOf(const Provider& provider,
                                                    const ProviderConfig& config,
                                                    const CatalogueFile& file) {
  std::vector<core::Deployment> models;
  if (file.models != nullptr) {
    TIDEGATE_ASSIGN(models, ParseModels(provider, *file.models));
  }
  // What claims to be this device offers nothing before its own list was seen.
  if (provider.place == core::Place::kDevice) return std::vector<core::Deployment>();
  for (const ModelConfig& named : config.models) {
    const bool known =
        std::any_of(models.begin(), models.end(),
                    [&](const core::Deployment& model) { return model.ref.model == named.name; });
    if (!known) models.push_back(MakeDeployment(provider, named.name));
  }
  for (core::Deployment& model : models) ApplyConfig(config, model);
  return models;
}

// The configured providers, and those whose key stands in the environment.
Result<std::map<std::string, ProviderConfig>> Wanted(std::span<const ProviderConfig> configs,
                                                     const Environment& environment) {
  std::map<std::string, ProviderConfig> wanted;
  for (const ProviderConfig& config : configs) {
    if (!wanted.emplace(config.id, config).second) {
      return InvalidArgument("providers." + config.id, "stands more than once");
    }
  }
  for (const CatalogueFile& file : CatalogueFiles()) {
    if (wanted.contains(std::string(file.id))) continue;
    TIDEGATE_ASSIGN(const Entry entry, ParseEntry(file.id, *file.provider));
    const bool has_key =
        std::any_of(entry.env.begin(), entry.env.end(), [&](const std::string& name) {
          const std::optional<std::string> value = environment(name);
          return value.has_value() && !value->empty();
        });
    if (!has_key) continue;
    ProviderConfig config;
    config.id = file.id;
    wanted.emplace(file.id, std::move(config));
  }
  std::erase_if(wanted, [](const auto& entry) { return !entry.second.enabled; });
  return wanted;
}

// Ollama, which also answers GET /models, marks a model that it passes on to a cloud; its names end
// in "-cloud".
bool IsMarkedRemote(const json::Object& entry, std::string_view id) {
  for (const std::string_view marker : {"remote_host", "remote_model"}) {
    const std::optional<json::Value> value = entry.Find(marker);
    if (value && !value->is_null() && !(value->is_string() && value->String()->empty()))
      return true;
  }
  return id.ends_with("-cloud") || id.ends_with(":cloud");
}

// The window, under the names that servers give it.
std::int64_t ContextOf(const json::Object& entry) {
  for (const std::string_view name : {"max_model_len", "context_length", "max_context_length"}) {
    const std::optional<json::Value> value = entry.Find(name);
    if (!value) continue;
    const Result<std::int64_t> tokens = value->Integer();
    if (tokens.ok() && *tokens > 0) return *tokens;
  }
  return 0;
}

Error BadList(const Provider& provider, std::string_view what) {
  Error error;
  error.code = ErrorCode::kProtocol;
  error.source = ErrorSource::kUpstream;
  error.message = "the answer of provider " + provider.id + " to GET /models " + std::string(what);
  return error;
}

}  // namespace

Result<Catalogue> Catalogue::Load(std::span<const ProviderConfig> configs,
                                  const Environment& environment) {
  Catalogue catalogue;
  TIDEGATE_ASSIGN(const auto wanted, Wanted(configs, environment));
  for (const auto& [id, config] : wanted) {
    TIDEGATE_TRY(CheckModels(config));
    Setup setup(config, environment);
    TIDEGATE_ASSIGN(Provider provider, setup.Run());
    TIDEGATE_ASSIGN(std::vector<core::Deployment> models,
                    DeploymentsOf(provider, config, setup.file()));
    std::move(models.begin(), models.end(), std::back_inserter(catalogue.deployments_));
    catalogue.providers_.push_back(std::move(provider));
  }
  return catalogue;
}

const Provider* Catalogue::Find(std::string_view id) const {
  for (const Provider& provider : providers_) {
    if (provider.id == id) return &provider;
  }
  return nullptr;
}

Result<std::vector<core::Deployment>> DeploymentsFromList(const Provider& provider,
                                                          const ProviderConfig& config,
                                                          std::string_view body) {
  json::Reader reader;
  const Result<json::Value> root = reader.ParseCopy(body, kModelListBytesMax);
  if (!root.ok()) return BadList(provider, "is " + root.error().message);
  if (!root->is_object()) return BadList(provider, "is no object");
  const std::optional<json::Value> data = root->Object()->Find("data");
  if (!data || !data->is_array()) return BadList(provider, "has no array 'data'");
  std::vector<core::Deployment> models;
  for (const json::Value element : *data->Array()) {
    if (models.size() == kListedModelsMax) return BadList(provider, "lists more than 4096 models");
    if (!element.is_object()) return BadList(provider, "lists something that is no object");
    const json::Object entry = *element.Object();
    const std::optional<json::Value> id = entry.Find("id");
    if (!id || !id->is_string()) return BadList(provider, "lists a model without an id");
    const std::string_view name = *id->String();
    if (name.empty() || name.size() > kModelNameBytesMax) continue;  // nobody could ask for it
    core::Deployment model = MakeDeployment(provider, std::string(name));
    if (IsMarkedRemote(entry, name)) {
      // What is known of the server says nothing of whoever it passes the request on to.
      model.place = core::Place::kCloud;
      model.region.clear();
      model.zero_data_retention = false;
    }
    model.context_tokens = ContextOf(entry);
    ApplyConfig(config, model);
    models.push_back(std::move(model));
  }
  return models;
}

std::vector<std::string_view> CatalogueIds() {
  std::vector<std::string_view> ids;
  for (const CatalogueFile& file : CatalogueFiles()) ids.push_back(file.id);
  return ids;
}

}  // namespace tidegate::providers
