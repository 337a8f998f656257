// What a stored model consists of: Ollama's manifest, a JSON text that lists the model's pieces by
// digest, and the configuration blob that it names.
//
// Both come from registries and from folders that others write, so reading is strict and bounded:
// types, sizes and counts are checked, a digest becomes a Digest or the text is refused, and a key
// that stands twice is refused, since the next reader might believe the other one. A model is known
// by the SHA-256 of its manifest's bytes: keep the bytes that came, and write only new ones.
// Members that are not known here are passed over; Ollama adds some from time to time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"
#include "models/digest.h"

namespace tidegate::models {

// A model of safetensors has a layer for each tensor.
inline constexpr std::size_t kManifestBytesMax = std::size_t{4} << 20U;
inline constexpr std::size_t kManifestLayersMax = 16'384;
inline constexpr std::size_t kManifestListMax = 64;
inline constexpr std::size_t kConfigBytesMax = std::size_t{1} << 20U;
inline constexpr std::size_t kConfigListMax = 256;
inline constexpr std::uint64_t kLayerBytesMax = std::uint64_t{1} << 43U;  // 8 TiB
inline constexpr std::size_t kManifestTextBytesMax = 1'024;               // of any text in either

inline constexpr std::string_view kManifestType =
    "application/vnd.docker.distribution.manifest.v2+json";
inline constexpr std::string_view kOciManifestType = "application/vnd.oci.image.manifest.v1+json";
inline constexpr std::string_view kManifestListType =
    "application/vnd.ollama.manifest.list.v2+json";
inline constexpr std::string_view kConfigType = "application/vnd.docker.container.image.v1+json";
inline constexpr std::string_view kModelLayer = "application/vnd.ollama.image.model";
inline constexpr std::string_view kProjectorLayer = "application/vnd.ollama.image.projector";
inline constexpr std::string_view kAdapterLayer = "application/vnd.ollama.image.adapter";
inline constexpr std::string_view kDraftLayer = "application/vnd.ollama.image.draft";
inline constexpr std::string_view kTemplateLayer = "application/vnd.ollama.image.template";
inline constexpr std::string_view kPromptLayer = "application/vnd.ollama.image.prompt";
inline constexpr std::string_view kSystemLayer = "application/vnd.ollama.image.system";
inline constexpr std::string_view kParamsLayer = "application/vnd.ollama.image.params";
inline constexpr std::string_view kMessagesLayer = "application/vnd.ollama.image.messages";
inline constexpr std::string_view kLicenseLayer = "application/vnd.ollama.image.license";
inline constexpr std::string_view kEmbedLayer = "application/vnd.ollama.image.embed";
inline constexpr std::string_view kTensorLayer = "application/vnd.ollama.image.tensor";
inline constexpr std::string_view kJsonLayer = "application/vnd.ollama.image.json";

// A piece of a model: the blob of that digest, which has that many bytes.
struct Layer {
  std::string media_type;
  Digest digest;
  std::uint64_t size = 0;
  std::string from = {};  // the model it was taken over from
  std::string name = {};  // of a file or tensor among many
  friend bool operator==(const Layer&, const Layer&) = default;
};

struct Manifest {
  Layer config;
  std::vector<Layer> layers = {};
  std::string runner = {}, format = {};  // what it is made for; empty when it does not say
  friend bool operator==(const Manifest&, const Manifest&) = default;

  // Every blob it needs, config first, each once.
  std::vector<Layer> Blobs() const;
  std::uint64_t TotalBytes() const;  // of those
  // The only layer of its type, the first when there are several; nullptr for none.
  const Layer* Find(std::string_view media_type) const;
};

// One of several forms of a model, for different programs to run it: the manifest itself, or where
// it is.
struct ManifestReference {
  Digest digest;  // of the bytes of the manifest, which are a blob
  std::string runner = {}, format = {};
};
struct ManifestList {
  std::vector<std::variant<Manifest, ManifestReference>> manifests;
};

// Errors: kInvalidArgument with the path of the member at fault; kTooLarge.
Result<std::variant<Manifest, ManifestList>> ParseManifest(std::string_view bytes);
// The form of the list that llama.cpp can run: made for "ollama", else for "llamacpp", else for
// nothing in particular. nullptr when there is none.
const std::variant<Manifest, ManifestReference>* ChooseForm(const ManifestList& list);

// Of a text that ParseManifest takes for a manifest: what it says it is, or what Ollama takes it
// for.
std::string_view MediaTypeOf(std::string_view manifest);

// As Ollama writes it.
std::string WriteManifest(const Manifest& manifest);

// Options of a model as they are stored: the name, and its value as JSON text. In order.
using ModelOptions = std::vector<std::pair<std::string, std::string>>;

// The blob that `Manifest::config` names. Empty text, list or 0 = it does not say.
struct ModelConfig {
  std::string format, family;
  std::vector<std::string> families;
  std::string parameter_size;  // "8.0B"; the member is called model_type
  std::string quantisation;    // "Q4_K_M"; the member is called file_type
  std::string renderer, parser, required_version;
  // A model that Ollama asks another host for: there are no weights here.
  std::string remote_host, remote_model;
  std::vector<std::string> capabilities;
  std::uint64_t context_tokens = 0, embedding_length = 0;
  std::string base_name;
  ModelOptions generation_defaults;  // weaker than the options of the params layer
  // Whoever made it wrote its template for it: it is used in the place of the one in the weights.
  // Ours; "own_template".
  bool own_template = false;
  struct Draft {
    std::string format, architecture, tensor_prefix, config;
  };
  std::optional<Draft> draft;
  std::string architecture, os;  // "amd64", "linux": of no meaning
};

// Errors: kInvalidArgument with the path of the member at fault; kTooLarge.
Result<ModelConfig> ParseModelConfig(std::string_view bytes);
// `layers` are those of the manifest that will name it.
std::string WriteModelConfig(const ModelConfig& config, const std::vector<Layer>& layers);

}  // namespace tidegate::models
