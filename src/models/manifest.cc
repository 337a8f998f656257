#include "models/manifest.h"

#include <algorithm>
#include <array>
#include <set>

#include "json/reader.h"
#include "json/writer.h"

namespace tidegate::models {
namespace {

constexpr std::int64_t kSchemaVersion = 2;

Result<std::string> TextOf(const json::Value& value) {
  TIDEGATE_ASSIGN(const std::string_view text, value.String());
  if (text.size() > kManifestTextBytesMax) return value.Invalid("is too long");
  return std::string(text);
}

// Go writes null for what is empty.
std::optional<json::Value> FindPresent(const json::Object& object, std::string_view key) {
  std::optional<json::Value> value = object.Find(key);
  if (value && value->is_null()) value.reset();
  return value;
}

Result<void> ReadText(const json::Object& object, std::string_view key, std::string& into) {
  const std::optional<json::Value> value = FindPresent(object, key);
  if (!value) return {};
  TIDEGATE_ASSIGN(into, TextOf(*value));
  return {};
}

Result<void> ReadTexts(const json::Object& object, std::string_view key,
                       std::vector<std::string>& into) {
  const std::optional<json::Value> value = FindPresent(object, key);
  if (!value) return {};
  TIDEGATE_ASSIGN(const json::Array texts, value->Array());
  for (const json::Value text : texts) {
    if (into.size() == kConfigListMax) return value->Invalid("has too many entries");
    TIDEGATE_ASSIGN(std::string read, TextOf(text));
    into.push_back(std::move(read));
  }
  return {};
}

Result<void> ReadCount(const json::Object& object, std::string_view key, std::uint64_t& into) {
  const std::optional<json::Value> value = FindPresent(object, key);
  if (!value) return {};
  constexpr std::int64_t kCountMax = std::int64_t{1} << 53U;
  TIDEGATE_ASSIGN(const std::int64_t count, value->IntegerIn(0, kCountMax));
  into = static_cast<std::uint64_t>(count);
  return {};
}

Result<json::Object> UniqueObject(const json::Value& value) {
  TIDEGATE_ASSIGN(const json::Object object, value.Object());
  TIDEGATE_TRY(object.RequireUniqueKeys());
  return object;
}

// The path of a value costs a walk from the root: only those who err pay for it.
Result<Digest> ReadDigest(const json::Value& value) {
  TIDEGATE_ASSIGN(const std::string_view text, value.String());
  Result<Digest> digest = Digest::Parse(text, "");
  if (!digest.ok()) return value.Invalid(digest.error().message);
  return digest;
}

Result<Layer> ReadLayer(const json::Value& value) {
  TIDEGATE_ASSIGN(const json::Object object, UniqueObject(value));
  TIDEGATE_ASSIGN(const json::Value digest_value, object.Get("digest"));
  TIDEGATE_ASSIGN(const Digest digest, ReadDigest(digest_value));
  TIDEGATE_ASSIGN(const json::Value size_value, object.Get("size"));
  TIDEGATE_ASSIGN(const std::int64_t size,
                  size_value.IntegerIn(0, static_cast<std::int64_t>(kLayerBytesMax)));
  Layer layer{"", digest, static_cast<std::uint64_t>(size)};
  TIDEGATE_ASSIGN(const json::Value type, object.Get("mediaType"));
  TIDEGATE_ASSIGN(layer.media_type, TextOf(type));
  TIDEGATE_TRY(ReadText(object, "from", layer.from));
  TIDEGATE_TRY(ReadText(object, "name", layer.name));
  return layer;
}

// Empty when it does not say, as older manifests do not.
Result<std::string> ReadMediaType(const json::Object& object) {
  std::string type;
  TIDEGATE_TRY(ReadText(object, "mediaType", type));
  return type;
}

Result<Manifest> ReadManifest(const json::Object& object) {
  TIDEGATE_ASSIGN(const json::Value version, object.Get("schemaVersion"));
  TIDEGATE_TRY(version.IntegerIn(kSchemaVersion, kSchemaVersion));
  TIDEGATE_ASSIGN(const json::Value config, object.Get("config"));
  TIDEGATE_ASSIGN(Layer config_layer, ReadLayer(config));
  if (config_layer.size > kConfigBytesMax) return config.Invalid("is too large");
  Manifest manifest{std::move(config_layer)};
  if (const std::optional<json::Value> layers = FindPresent(object, "layers")) {
    TIDEGATE_ASSIGN(const json::Array array, layers->Array());
    for (const json::Value value : array) {
      if (manifest.layers.size() == kManifestLayersMax) {
        return layers->Invalid("has more than " + std::to_string(kManifestLayersMax) + " layers");
      }
      TIDEGATE_ASSIGN(Layer layer, ReadLayer(value));
      manifest.layers.push_back(std::move(layer));
    }
  }
  TIDEGATE_TRY(ReadText(object, "runner", manifest.runner));
  TIDEGATE_TRY(ReadText(object, "format", manifest.format));
  // Two sizes for one digest: at least one of them is a lie.
  std::vector<Layer> all = manifest.layers;
  all.push_back(manifest.config);
  std::sort(all.begin(), all.end(),
            [](const Layer& a, const Layer& b) { return a.digest < b.digest; });
  for (std::size_t i = 1; i < all.size(); ++i) {
    if (all[i].digest == all[i - 1].digest && all[i].size != all[i - 1].size) {
      return object.value().Invalid("states two sizes for " + all[i].digest.ToString());
    }
  }
  return manifest;
}

bool IsManifestType(std::string_view type) {
  return type.empty() || type == kManifestType || type == kOciManifestType;
}

Error UnknownType(const json::Object& object, const std::string& type) {
  return InvalidArgument(object.PathOf("mediaType"),
                         "\"" + type +
                             "\" is no manifest of a model that is known here; it must be " +
                             std::string(kManifestType));
}

Result<ManifestList> ReadList(const json::Object& object) {
  ManifestList list;
  TIDEGATE_ASSIGN(const json::Value manifests, object.Get("manifests"));
  TIDEGATE_ASSIGN(const json::Array array, manifests.Array());
  for (const json::Value value : array) {
    if (list.manifests.size() == kManifestListMax) return manifests.Invalid("has too many entries");
    TIDEGATE_ASSIGN(const json::Object entry, UniqueObject(value));
    TIDEGATE_ASSIGN(const std::string type, ReadMediaType(entry));
    if (!IsManifestType(type)) return UnknownType(entry, type);
    const std::optional<json::Value> digest_value = FindPresent(entry, "digest");
    if (!digest_value || FindPresent(entry, "config")) {
      TIDEGATE_ASSIGN(Manifest manifest, ReadManifest(entry));
      list.manifests.emplace_back(std::move(manifest));
      continue;
    }
    TIDEGATE_ASSIGN(const Digest digest, ReadDigest(*digest_value));
    ManifestReference reference{digest};
    TIDEGATE_TRY(ReadText(entry, "runner", reference.runner));
    TIDEGATE_TRY(ReadText(entry, "format", reference.format));
    list.manifests.emplace_back(std::move(reference));
  }
  return list;
}

const std::string& RunnerOf(const std::variant<Manifest, ManifestReference>& form) {
  return std::visit([](const auto& it) -> const std::string& { return it.runner; }, form);
}

void WriteLayer(json::Writer& out, const Layer& layer) {
  out.BeginObject().Key("mediaType").String(layer.media_type);
  out.Key("digest").String(layer.digest.ToString());
  out.Key("size").Integer(static_cast<std::int64_t>(layer.size));
  if (!layer.from.empty()) out.Key("from").String(layer.from);
  if (!layer.name.empty()) out.Key("name").String(layer.name);
  out.EndObject();
}

void WriteTexts(json::Writer& out, std::string_view key, const std::vector<std::string>& texts) {
  out.Key(key).BeginArray();
  for (const std::string& text : texts) out.String(text);
  out.EndArray();
}

Result<void> ReadDraft(const json::Object& object, std::optional<ModelConfig::Draft>& into) {
  const std::optional<json::Value> value = FindPresent(object, "draft");
  if (!value) return {};
  TIDEGATE_ASSIGN(const json::Object draft, UniqueObject(*value));
  into.emplace();
  TIDEGATE_TRY(ReadText(draft, "model_format", into->format));
  TIDEGATE_TRY(ReadText(draft, "architecture", into->architecture));
  TIDEGATE_TRY(ReadText(draft, "tensor_prefix", into->tensor_prefix));
  return ReadText(draft, "config", into->config);
}

Result<void> ReadDefaults(const json::Object& object, ModelOptions& into) {
  const std::optional<json::Value> value = FindPresent(object, "generation_defaults");
  if (!value) return {};
  TIDEGATE_ASSIGN(const json::Object defaults, UniqueObject(*value));
  for (const json::Member& member : defaults) {
    if (into.size() == kConfigListMax) return value->Invalid("has too many members");
    into.emplace_back(member.key, member.value.raw());
  }
  return {};
}

struct TextMember {
  std::string_view key;
  std::string ModelConfig::*text;
};
constexpr std::array kTextMembers = {
    TextMember{"model_format", &ModelConfig::format},
    TextMember{"model_family", &ModelConfig::family},
    TextMember{"model_type", &ModelConfig::parameter_size},
    TextMember{"file_type", &ModelConfig::quantisation},
    TextMember{"renderer", &ModelConfig::renderer},
    TextMember{"parser", &ModelConfig::parser},
    TextMember{"requires", &ModelConfig::required_version},
    TextMember{"remote_host", &ModelConfig::remote_host},
    TextMember{"remote_model", &ModelConfig::remote_model},
    TextMember{"base_name", &ModelConfig::base_name},
    TextMember{"architecture", &ModelConfig::architecture},
    TextMember{"os", &ModelConfig::os},
};

}  // namespace

std::vector<Layer> Manifest::Blobs() const {
  std::vector<Layer> blobs;
  std::set<Digest> seen;
  if (seen.insert(config.digest).second) blobs.push_back(config);
  for (const Layer& layer : layers) {
    if (seen.insert(layer.digest).second) blobs.push_back(layer);
  }
  return blobs;
}

std::uint64_t Manifest::TotalBytes() const {
  std::uint64_t bytes = 0;  // 2^14 layers of 2^43 bytes fit
  for (const Layer& layer : Blobs()) bytes += layer.size;
  return bytes;
}

const Layer* Manifest::Find(std::string_view media_type) const {
  const auto found = std::find_if(layers.begin(), layers.end(), [&](const Layer& layer) {
    return layer.media_type == media_type;
  });
  return found == layers.end() ? nullptr : &*found;
}

Result<std::variant<Manifest, ManifestList>> ParseManifest(std::string_view bytes) {
  using Parsed = std::variant<Manifest, ManifestList>;
  json::Reader reader;
  TIDEGATE_ASSIGN(const json::Value root, reader.ParseCopy(bytes, kManifestBytesMax));
  TIDEGATE_ASSIGN(const json::Object object, UniqueObject(root));
  TIDEGATE_ASSIGN(const std::string type, ReadMediaType(object));
  if (type == kManifestListType) {
    TIDEGATE_ASSIGN(ManifestList list, ReadList(object));
    return Parsed(std::move(list));
  }
  if (!IsManifestType(type)) return UnknownType(object, type);
  TIDEGATE_ASSIGN(Manifest manifest, ReadManifest(object));
  return Parsed(std::move(manifest));
}

const std::variant<Manifest, ManifestReference>* ChooseForm(const ManifestList& list) {
  constexpr std::array<std::string_view, 3> kRunners = {"ollama", "llamacpp", ""};
  for (const std::string_view runner : kRunners) {
    for (const auto& form : list.manifests) {
      if (RunnerOf(form) == runner) return &form;
    }
  }
  return nullptr;
}

std::string_view MediaTypeOf(std::string_view manifest) {
  json::Reader reader;
  const Result<json::Value> root = reader.ParseCopy(manifest, kManifestBytesMax);
  if (!root.ok()) return kManifestType;
  const Result<json::Object> object = root->Object();
  if (!object.ok()) return kManifestType;
  const Result<std::string> type = ReadMediaType(*object);
  return type.ok() && *type == kOciManifestType ? kOciManifestType : kManifestType;
}

std::string WriteManifest(const Manifest& manifest) {
  std::string text;
  json::Writer out(text);
  out.BeginObject().Key("schemaVersion").Integer(kSchemaVersion);
  out.Key("mediaType").String(kManifestType).Key("config");
  WriteLayer(out, manifest.config);
  out.Key("layers").BeginArray();
  for (const Layer& layer : manifest.layers) WriteLayer(out, layer);
  out.EndArray();
  if (!manifest.runner.empty()) out.Key("runner").String(manifest.runner);
  if (!manifest.format.empty()) out.Key("format").String(manifest.format);
  out.EndObject();
  return text;
}

Result<ModelConfig> ParseModelConfig(std::string_view bytes) {
  json::Reader reader;
  TIDEGATE_ASSIGN(const json::Value root, reader.ParseCopy(bytes, kConfigBytesMax));
  TIDEGATE_ASSIGN(const json::Object object, UniqueObject(root));
  ModelConfig config;
  for (const TextMember& member : kTextMembers) {
    TIDEGATE_TRY(ReadText(object, member.key, config.*member.text));
  }
  TIDEGATE_TRY(ReadTexts(object, "model_families", config.families));
  TIDEGATE_TRY(ReadTexts(object, "capabilities", config.capabilities));
  TIDEGATE_TRY(ReadCount(object, "context_length", config.context_tokens));
  TIDEGATE_TRY(ReadCount(object, "embedding_length", config.embedding_length));
  TIDEGATE_TRY(ReadDefaults(object, config.generation_defaults));
  TIDEGATE_TRY(ReadDraft(object, config.draft));
  if (const std::optional<json::Value> own = FindPresent(object, "own_template")) {
    TIDEGATE_ASSIGN(config.own_template, own->Bool());
  }
  return config;
}

std::string WriteModelConfig(const ModelConfig& config, const std::vector<Layer>& layers) {
  std::string text;
  json::Writer out(text);
  out.BeginObject();
  for (const TextMember& member : kTextMembers) {
    const std::string& value = config.*member.text;
    if (!value.empty()) out.Key(member.key).String(value);
  }
  WriteTexts(out, "model_families", config.families);
  if (!config.capabilities.empty()) WriteTexts(out, "capabilities", config.capabilities);
  if (config.context_tokens != 0) {
    out.Key("context_length").Integer(static_cast<std::int64_t>(config.context_tokens));
  }
  if (config.embedding_length != 0) {
    out.Key("embedding_length").Integer(static_cast<std::int64_t>(config.embedding_length));
  }
  if (!config.generation_defaults.empty()) {
    out.Key("generation_defaults").BeginObject();
    for (const auto& [key, value] : config.generation_defaults) out.Key(key).Raw(value);
    out.EndObject();
  }
  if (config.own_template) out.Key("own_template").Bool(true);
  if (config.draft) {
    out.Key("draft").BeginObject().Key("model_format").String(config.draft->format);
    out.Key("architecture").String(config.draft->architecture);
    out.Key("tensor_prefix").String(config.draft->tensor_prefix);
    out.Key("config").String(config.draft->config).EndObject();
  }
  out.Key("rootfs").BeginObject().Key("type").String("layers").Key("diff_ids").BeginArray();
  for (const Layer& layer : layers) out.String(layer.digest.ToString());
  out.EndArray().EndObject().EndObject();
  return text;
}

}  // namespace tidegate::models
