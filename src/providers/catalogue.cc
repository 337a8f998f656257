#include "providers/catalogue.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "protocols/protocol.h"
#include "providers/aws_credentials.h"
#include "providers/catalogue_index.h"
#include "providers/entry.h"
#include "providers/host_variable.h"
#include "providers/listed_models.h"

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
    Provider& provider = entry_.provider;
    if (config_.protocol) {
      TIDEGATE_ASSIGN(provider.protocol, FindProtocol(*config_.protocol, path_ + ".protocol"));
      // Chats cannot be said in it, so that it is only ever spoken beside another.
      if (provider.protocol == core::Protocol::kOpenAiCompletions) {
        return InvalidArgument(path_ + ".protocol",
                               "is 'openai_completions', which can only stand in also_speaks");
      }
      provider.also_speaks.clear();  // who states it knows what is spoken there
    }
    if (!config_.also_speaks) return {};
    provider.also_speaks.clear();
    for (const std::string& name : *config_.also_speaks) {
      TIDEGATE_ASSIGN(const core::Protocol protocol, FindProtocol(name, path_ + ".also_speaks"));
      provider.also_speaks.push_back(protocol);
    }
    return {};
  }

  static Result<core::Protocol> FindProtocol(const std::string& name, const std::string& path) {
    const std::optional<core::Protocol> protocol = core::ParseProtocol(name);
    if (protocol && protocols::Find(*protocol) != nullptr) return *protocol;
    std::string known;
    for (const protocols::Protocol* each : protocols::All()) {
      known += (known.empty() ? "'" : ", '") + std::string(core::ToString(each->id())) + "'";
    }
    return InvalidArgument(path,
                           "is not a protocol that can be spoken to a provider; use " + known);
  }

  Result<void> SetEndpoint() {
    if (config_.url) return SetUrl(*config_.url, path_ + ".url");
    if (entry_.url.empty()) return InvalidArgument(path_ + ".url", "is required");
    const std::optional<std::string> host =
        entry_.host_env.empty() ? std::nullopt : environment_(entry_.host_env);
    if (host && !host->empty()) {
      return SetUrl(UrlOfHost(*host, entry_.url), entry_.host_env);
    }
    official_ = true;
    std::string url = entry_.url;
    constexpr std::string_view kRegion = "{region}";
    if (const std::size_t at = url.find(kRegion); at != std::string::npos) {
      TIDEGATE_ASSIGN(const std::string region, AwsRegion(config_.aws, environment_, path_));
      url.replace(at, kRegion.size(), region);
    }
    return SetUrl(url, path_ + ".url");
  }

  Result<void> SetUrl(const std::string& url, const std::string& path) {
    TIDEGATE_ASSIGN(entry_.provider.endpoint, ParseUrl(url, path));
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
  Secret FindKey() const {
    if (config_.key || !official_ || config_.aws.signs()) return config_.key.value_or(Secret());
    for (const std::string& name : entry_.env) {
      std::optional<std::string> value = environment_(name);
      if (value && !value->empty()) return Secret(*std::move(value));
    }
    return Secret();
  }

  Error KeyRequired() const {
    const std::string aws =
        entry_.aws_service.empty() ? "" : "; or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";
    return InvalidArgument(path_ + ".key", "is required: set " + entry_.env.front() +
                                               " in the environment, or key = \"env:NAME\" or "
                                               "\"file:PATH\"" +
                                               aws);
  }

  // AWS's credentials, found as a key is. Whether there are any.
  Result<bool> SetSigner() {
    AwsConfig aws = config_.aws;
    if (!aws.signs() && official_) aws = AwsFromEnvironment(environment_);
    if (!aws.signs()) return false;
    if (config_.key) {
      return InvalidArgument(path_ + ".key", "stands beside AWS's credentials; use one of them");
    }
    TIDEGATE_ASSIGN(std::string region, AwsRegion(config_.aws, environment_, path_));
    TIDEGATE_ASSIGN(entry_.provider.signer,
                    MakeAwsSigner(aws, std::move(region), entry_.aws_service, path_));
    entry_.provider.auth_header.clear();
    return true;
  }

  Result<void> SetKey() {
    Provider& provider = entry_.provider;
    if (config_.aws.signs() && entry_.aws_service.empty()) {
      return InvalidArgument(path_ + ".aws_access_key_id",
                             "this provider takes no credentials of AWS; use key");
    }
    Secret key = FindKey();
    const bool may_sign = !entry_.aws_service.empty() && (key.empty() || config_.aws.signs());
    if (may_sign) {
      TIDEGATE_ASSIGN(const bool signs, SetSigner());
      if (signs) return CheckPrivacyOfKey();
    }
    if (key.empty()) {
      if (official_ && !entry_.env.empty()) return KeyRequired();
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
    TIDEGATE_TRY(CheckPrivacyOfKey());
    provider.auth_value = entry_.bearer ? Secret("Bearer " + std::string(bytes)) : std::move(key);
    return {};
  }

  Result<void> CheckPrivacyOfKey() const {
    const Endpoint& endpoint = entry_.provider.endpoint;
    if (endpoint.scheme != Scheme::kHttp || ReachOf(endpoint) != Reach::kPublic) return {};
    return InvalidArgument(path_ + ".url",
                           "a key must not cross a public network in the clear; use https://");
  }

  const ProviderConfig& config_;
  const Environment& environment_;
  const std::string path_;
  const CatalogueFile* file_ = nullptr;
  Entry entry_;
  bool official_ = false;  // the address is the catalogue's own
};

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
  // What claims to be this device offers nothing before its own list was seen, and neither does
  // what may pass models on to somebody else.
  const bool may_pass_on =
      provider.protocol == core::Protocol::kOllama && provider.place != core::Place::kCloud;
  if (provider.place == core::Place::kDevice || may_pass_on) return std::vector<core::Deployment>();
  for (const ModelConfig& named : config.models) {
    const bool known =
        std::any_of(models.begin(), models.end(),
                    [&](const core::Deployment& model) { return model.ref.model == named.name; });
    if (!known) models.push_back(MakeDeployment(provider, named.name));
  }
  for (core::Deployment& model : models) {
    if (model.place != core::Place::kCloud && IsRemoteName(model.ref.model)) MakeRemote(model);
    ApplyConfig(config, model);
  }
  return models;
}

// The configured providers, and those whose key or address stands in the environment.
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
    const auto is_set = [&](const std::string& name) {
      const std::optional<std::string> value = environment(name);
      return value.has_value() && !value->empty();
    };
    const bool has_key = std::any_of(entry.env.begin(), entry.env.end(), is_set);
    const bool has_host = !entry.host_env.empty() && is_set(entry.host_env);
    const bool can_sign = !entry.aws_service.empty() && CanSignFromEnvironment(environment);
    if (!has_key && !has_host && !can_sign) continue;
    ProviderConfig config;
    config.id = file.id;
    wanted.emplace(file.id, std::move(config));
  }
  std::erase_if(wanted, [](const auto& entry) { return !entry.second.enabled; });
  return wanted;
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

std::vector<std::string_view> CatalogueIds() {
  std::vector<std::string_view> ids;
  for (const CatalogueFile& file : CatalogueFiles()) ids.push_back(file.id);
  return ids;
}

}  // namespace tidegate::providers
