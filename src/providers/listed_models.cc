#include "providers/listed_models.h"

#include <map>
#include <optional>
#include <string>
#include <utility>

#include "json/reader.h"
#include "providers/entry.h"

namespace tidegate::providers {
namespace {

constexpr std::size_t kModelNameBytesMax = 256;
constexpr std::size_t kPassedOnBytesMax = 1024;
// Where Ollama's servers send what only its name marks.
constexpr std::string_view kOllamaCloud = "https://ollama.com:443";

Error BadList(const Provider& provider, std::string_view what) {
  Error error;
  error.code = ErrorCode::kProtocol;
  error.source = ErrorSource::kUpstream;
  error.message = "the list of models of provider " + provider.id + " " + std::string(what);
  return error;
}

std::string_view TextOf(const json::Object& object, std::string_view key) {
  const std::optional<json::Value> value = object.Find(key);
  return value && value->is_string() ? *value->String() : std::string_view();
}

// Ollama marks a model that it passes on to a cloud. A marker of a type that we do not understand
// is a marker all the same.
bool IsMarkedRemote(const json::Object& entry, std::string_view name) {
  for (const std::string_view marker : {"remote_host", "remote_model"}) {
    const std::optional<json::Value> value = entry.Find(marker);
    if (value && !value->is_null() && !(value->is_string() && value->String()->empty()))
      return true;
  }
  return IsRemoteName(name);
}

// The window, under the names that servers give it.
std::int64_t ContextOf(const json::Object& entry) {
  for (const std::string_view name : {"max_model_len", "context_length", "max_context_length"}) {
    const std::optional<json::Value> value = entry.Find(name);
    if (!value) continue;
    const Result<std::int64_t> tokens = value->Integer();
    if (tokens.ok() && *tokens > 0) return *tokens;
  }
  const std::optional<json::Value> details = entry.Find("details");
  return details && details->is_object() ? ContextOf(*details->Object()) : 0;
}

// Ollama's words for what a model can do. False when it does not answer chats.
bool ReadAbilities(const json::Object& entry, core::CapabilitySet& capabilities) {
  const std::optional<json::Value> list = entry.Find("capabilities");
  if (!list || !list->is_array() || list->Array()->empty()) {  // not known: it will say
    capabilities = capabilities.With(core::Capability::kInsert);
    return true;
  }
  bool completes = false;
  for (const json::Value element : *list->Array()) {
    if (!element.is_string()) continue;
    const std::string_view word = *element.String();
    completes |= word == "completion";
    if (word == "tools") capabilities = capabilities.With(core::Capability::kTools);
    if (word == "insert") capabilities = capabilities.With(core::Capability::kInsert);
    if (word == "vision") capabilities = capabilities.With(core::Capability::kVision);
    if (word == "thinking") capabilities = capabilities.With(core::Capability::kReasoning);
    if (word == "audio") capabilities = capabilities.With(core::Capability::kAudio);
  }
  return completes;
}

// One list being read.
class ListReader {
 public:
  ListReader(const Provider& provider, const ProviderConfig& config)
      : provider_(provider),
        config_(config),
        ollama_(provider.protocol == core::Protocol::kOllama) {}

  Result<std::vector<core::Deployment>> Read(std::string_view body) {
    json::Reader reader;
    const Result<json::Value> root = reader.ParseCopy(body, kModelListBytesMax);
    if (!root.ok()) return BadList(provider_, "is " + root.error().message);
    if (!root->is_object()) return BadList(provider_, "is no object");
    const std::string_view key = ollama_ ? "models" : "data";
    const std::optional<json::Value> list = root->Object()->Find(key);
    if (!list || !list->is_array()) {
      return BadList(provider_, "has no array '" + std::string(key) + "'");
    }
    for (const json::Value element : *list->Array()) {
      if (models_.size() == kListedModelsMax)
        return BadList(provider_, "has more than 4096 models");
      if (!element.is_object()) return BadList(provider_, "has something that is no object");
      TIDEGATE_TRY(Add(*element.Object()));
    }
    for (core::Deployment& model : models_) FollowOtherName(model);
    return std::move(models_);
  }

 private:
  Result<void> Add(const json::Object& entry) {
    std::string_view name = TextOf(entry, ollama_ ? "model" : "id");
    if (ollama_ && name.empty()) name = TextOf(entry, "name");
    if (name.empty()) return BadList(provider_, "has a model without a name");
    if (name.size() > kModelNameBytesMax) return {};  // nobody could ask for it
    core::Deployment model = MakeDeployment(provider_, std::string(name));
    const bool remote = IsMarkedRemote(entry, name);
    places_[model.ref.model] = remote;
    if (ollama_ && !ReadAbilities(entry, model.capabilities)) return {};
    if (remote) {
      MakeRemote(model);
      if (ollama_) {
        const std::string_view host = TextOf(entry, "remote_host");
        model.passed_on_to = (host.empty() ? kOllamaCloud : host).substr(0, kPassedOnBytesMax);
        model.passed_on_as = TextOf(entry, "remote_model").substr(0, kPassedOnBytesMax);
      }
    }
    model.context_tokens = ContextOf(entry);
    ApplyConfig(config_, model);
    models_.push_back(std::move(model));
    return {};
  }

  // The configuration may have the server asked for another model than the listed one: then that
  // one's place counts, and one that is not listed has none near by.
  void FollowOtherName(core::Deployment& model) const {
    if (model.upstream_model.empty() || model.upstream_model == model.ref.model) return;
    const auto other = places_.find(model.upstream_model);
    if (other != places_.end() && !other->second) return;
    MakeRemote(model);
    model.prices.reset();  // that of this device is not that of another place
    ApplyConfig(config_, model);
  }

  const Provider& provider_;
  const ProviderConfig& config_;
  const bool ollama_;
  std::vector<core::Deployment> models_;
  std::map<std::string, bool, std::less<>> places_;  // by name: passed on
};

}  // namespace

bool IsRemoteName(std::string_view name) {
  return name.ends_with("-cloud") || name.ends_with(":cloud");
}

void MakeRemote(core::Deployment& model) {
  model.place = core::Place::kCloud;
  model.region.clear();
  model.zero_data_retention = false;
}

Result<std::vector<core::Deployment>> DeploymentsFromList(const Provider& provider,
                                                          const ProviderConfig& config,
                                                          std::string_view body) {
  return ListReader(provider, config).Read(body);
}

}  // namespace tidegate::providers
