#include "models/stored_model.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "core/deployment.h"
#include "models/model_name.h"
#include "models/model_store.h"
#include "templates/jinja.h"

namespace tidegate::models {
namespace {

constexpr std::string_view kDamaged = "blob_damaged";

Error Unusable(const StoredModel& stored, const std::string& why) {
  return InvalidArgument("model", stored.name.Short() + " " + why);
}

class Builder {
 public:
  Builder(const Blobs& blobs, const StoredModel& stored, ModelOrigin origin)
      : blobs_(blobs), stored_(stored), origin_(origin) {}

  Result<LocalModel> Build() && {
    TIDEGATE_ASSIGN(const std::string config_text, Text(stored_.manifest.config, kConfigBytesMax));
    TIDEGATE_ASSIGN(const ModelConfig config, ParseModelConfig(config_text));
    if (!config.remote_host.empty() || !config.remote_model.empty()) {
      return Unusable(stored_, "is a name for a model that " + config.remote_host +
                                   " runs: nothing of it is here");
    }
    TIDEGATE_TRY(CheckKinds());
    const Layer* const weights = stored_.manifest.Find(kModelLayer);
    TIDEGATE_ASSIGN(const std::string path, Path(*weights));
    TIDEGATE_ASSIGN(model_, ReadLocalModel(path, stored_.name.Short()));
    if (model_.metadata.type != "model") {
      return Unusable(stored_, "has weights that are no model but of type " + model_.metadata.type);
    }
    for (const Layer& layer : stored_.manifest.layers) TIDEGATE_TRY(Add(layer));
    for (const auto& option : config.generation_defaults) AddDefault(option);
    model_.renderer = config.renderer;
    model_.parser = config.parser;
    model_.required_version = config.required_version;
    model_.own_template = config.own_template;
    UseTemplate();
    model_.origin = origin_;
    model_.modified_s = stored_.modified_s;
    model_.manifest_digest = stored_.digest;
    return std::move(model_);
  }

 private:
  Result<void> CheckKinds() const {
    const std::vector<Layer>& layers = stored_.manifest.layers;
    const auto count = [&](std::string_view type) {
      return std::count_if(layers.begin(), layers.end(),
                           [&](const Layer& layer) { return layer.media_type == type; });
    };
    if (count(kTensorLayer) > 0) {
      return Unusable(stored_,
                      "is stored as safetensors, which llama.cpp does not run; pull a GGUF "
                      "form of it");
    }
    if (count(kEmbedLayer) > 0) {
      return Unusable(stored_,
                      "has embeddings inside, which are no longer supported; create it "
                      "again without EMBED");
    }
    if (count(kModelLayer) == 1) return {};
    return Unusable(stored_, "has " + std::to_string(count(kModelLayer)) +
                                 " layers of weights instead of one; pull it again");
  }

  Error BlobError(const Layer& layer, std::string_view reason, const std::string& why) const {
    std::string remedy = "pull the model again";
    if (origin_ != ModelOrigin::kStore) {
      remedy = "get it again with the program that keeps it";
    } else if (reason == kDamaged) {
      remedy += " after `tidegate verify --repair`";
    }
    Error error{ErrorCode::kConflict, ErrorSource::kGateway, Retry::kNever,
                stored_.name.Short() + ": " + layer.digest.ToString() + " " + why + "; " + remedy};
    error.reason = reason;
    return error;
  }

  Result<std::string> Path(const Layer& layer) const {
    const std::optional<std::uint64_t> size = blobs_.SizeOf(layer.digest);
    if (!size) return BlobError(layer, "blob_missing", "is missing");
    if (*size != layer.size) {
      return BlobError(
          layer, kDamaged,
          "has " + std::to_string(*size) + " bytes instead of " + std::to_string(layer.size));
    }
    std::error_code ec;
    return std::filesystem::absolute(blobs_.PathOf(layer.digest), ec).string();
  }

  Result<std::string> Text(const Layer& layer, std::size_t bytes_max) const {
    TIDEGATE_TRY(Path(layer));
    return blobs_.Read(layer.digest, bytes_max);
  }

  Result<void> Add(const Layer& layer) {
    const std::string_view type = layer.media_type;
    if (type == kModelLayer) {
      model_.parent = layer.from;
    } else if (type == kProjectorLayer) {
      TIDEGATE_ASSIGN(model_.projector_path, Path(layer));
    } else if (type == kDraftLayer) {
      TIDEGATE_ASSIGN(model_.draft_path, Path(layer));
    } else if (type == kAdapterLayer) {
      TIDEGATE_ASSIGN(std::string path, Path(layer));
      model_.adapter_paths.push_back(std::move(path));
    } else if (type == kTemplateLayer || type == kPromptLayer) {
      TIDEGATE_ASSIGN(model_.go_template, Text(layer, kTextLayerBytesMax));
    } else if (type == kSystemLayer) {
      TIDEGATE_ASSIGN(model_.system, Text(layer, kTextLayerBytesMax));
    } else if (type == kLicenseLayer) {
      TIDEGATE_ASSIGN(std::string text, Text(layer, kTextLayerBytesMax));
      model_.licences.push_back(std::move(text));
    } else if (type == kParamsLayer) {
      TIDEGATE_ASSIGN(const std::string text, Text(layer, kTextLayerBytesMax));
      TIDEGATE_ASSIGN(model_.parameters, ParseOptions(text));
    } else if (type == kMessagesLayer) {
      TIDEGATE_ASSIGN(const std::string text, Text(layer, kTextLayerBytesMax));
      TIDEGATE_ASSIGN(model_.messages, ParseMessages(text));
    }
    return {};
  }

  // Where the weights have none, or its maker wants this one.
  void UseTemplate() {
    GgufMetadata& metadata = model_.metadata;
    if (model_.go_template.empty()) return;
    if (metadata.has_chat_template && !model_.own_template) return;
    Result<templates::JinjaTemplate> jinja = templates::JinjaOfGoTemplate(model_.go_template);
    if (!jinja.ok()) {
      model_.template_problem = jinja.error().message;
      return;
    }
    model_.jinja_template = std::move(jinja->text);
    metadata.has_chat_template = true;
    metadata.template_uses_tools = jinja->uses_tools;
    metadata.template_uses_reasoning = jinja->uses_thinking;
  }

  void AddDefault(const std::pair<std::string, std::string>& option) {
    const bool stated =
        std::any_of(model_.parameters.begin(), model_.parameters.end(),
                    [&](const auto& parameter) { return parameter.first == option.first; });
    if (!stated) model_.parameters.push_back(option);
  }

  const Blobs& blobs_;
  const StoredModel& stored_;
  const ModelOrigin origin_;
  LocalModel model_;
};

}  // namespace

Result<LocalModel> MakeLocalModel(const Blobs& blobs, const StoredModel& stored,
                                  ModelOrigin origin) {
  return Builder(blobs, stored, origin).Build();
}

Result<Pin> HoldFiles(const LocalModel& model) {
  Pin pin;
  if (model.origin != ModelOrigin::kStore) return pin;
  std::vector<std::string> paths = model.adapter_paths;
  for (const std::string* path : {&model.path, &model.projector_path, &model.draft_path}) {
    if (!path->empty()) paths.push_back(*path);
  }
  const std::filesystem::path folder = std::filesystem::path(model.path).parent_path();
  for (const std::string& text : paths) {
    const std::filesystem::path path(text);
    if (path.parent_path() != folder) continue;  // a draft that was found elsewhere is no blob
    TIDEGATE_ASSIGN(const Digest digest, Digest::Parse(path.filename().string(), "path"));
    TIDEGATE_TRY(Blobs(folder.string()).Hold(digest, pin));
  }
  return pin;
}

std::optional<Provenance> ProvenanceOf(const LocalModel& model) {
  if (model.origin != ModelOrigin::kStore) return std::nullopt;
  const Result<ModelName> name = ModelName::Parse(model.name, "model");
  if (!name.ok()) return std::nullopt;
  const std::filesystem::path blobs = std::filesystem::path(model.path).parent_path();
  Result<std::optional<Provenance>> known =
      ModelStore(blobs.parent_path().string()).ProvenanceOf(*name);
  return known.ok() ? *std::move(known) : std::nullopt;
}

ModelConfig ConfigOf(const GgufMetadata& weights) {
  ModelConfig config;
  config.format = "gguf";
  config.family = weights.architecture;
  config.families = {weights.architecture};
  config.parameter_size = core::ParametersText(weights.parameters);
  config.quantisation = weights.quantisation;
  config.architecture = "amd64";
  config.os = "linux";
  return config;
}

}  // namespace tidegate::models
