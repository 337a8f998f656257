#include "models/create.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <memory>
#include <utility>
#include <vector>

#include "models/gguf.h"
#include "models/layer_texts.h"
#include "models/manifest.h"
#include "models/stored_model.h"

namespace tidegate::models {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kCopyBytes = std::size_t{1} << 20U;
constexpr std::array<std::string_view, 3> kQuantizable = {"F32", "F16", "BF16"};

Error Cancelled() {
  return Error{ErrorCode::kCancelled, ErrorSource::kCaller, Retry::kNever,
               "making the model was given up"};
}

// The layers of one model as they come together.
class Maker {
 public:
  Maker(Blobs& blobs, const Steps& steps, const std::stop_token& stop)
      : blobs_(blobs), steps_(steps), stop_(stop) {}

  Result<void> AddBase(const LocalModel& base);
  Result<void> AddFiles(const CreateSpec& spec);
  Result<void> Quantize(const Quantizer& quantizer, const std::string& type);
  Result<void> AddTexts(const CreateSpec& spec, const std::optional<LocalModel>& base);
  Result<std::string> Finish();

 private:
  Result<void> AddFile(std::string_view media_type, const std::string& path);
  Result<void> AddText(std::string_view media_type, std::string_view text);
  Result<void> AddSent(const std::string& field, const Digest& digest,
                       std::optional<GgufKind> wanted);
  Result<Layer> Copy(std::string_view media_type, const std::string& path);
  std::optional<Digest> BlobAt(const std::string& path) const;
  Result<void> SetWeights(Layer layer);

  Blobs& blobs_;
  const Steps& steps_;
  const std::stop_token& stop_;
  std::vector<Layer> layers_;
  std::optional<Layer> weights_;
  GgufMetadata metadata_;  // of the weights
};

// Which blob of ours a file is, if it is one.
std::optional<Digest> Maker::BlobAt(const std::string& path) const {
  const fs::path file(path);
  std::error_code ec;
  if (!fs::equivalent(file.parent_path(), blobs_.folder(), ec) || ec) return std::nullopt;
  const Result<Digest> digest = Digest::Parse(file.filename().string(), "path");
  return digest.ok() ? std::optional(*digest) : std::nullopt;
}

Result<Layer> Maker::Copy(std::string_view media_type, const std::string& path) {
  TIDEGATE_ASSIGN(const std::unique_ptr<ByteSource> source, OpenModelFile(path));
  TIDEGATE_ASSIGN(PartialBlob partial, blobs_.Create());
  const std::uint64_t size = source->size();
  std::vector<char> buffer(kCopyBytes);
  for (std::uint64_t at = 0; at < size;) {
    if (stop_.stop_requested()) {
      std::move(partial).Discard();
      return Cancelled();
    }
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(kCopyBytes, size - at));
    Result<void> done = source->Read(at, {buffer.data(), count});
    if (done.ok()) done = partial.Append({buffer.data(), count});
    if (!done.ok()) {
      std::move(partial).Discard();
      return std::move(done).error();
    }
    at += count;
    steps_({.status = "copying file " + fs::path(path).filename().string(),
            .digest = std::nullopt,
            .total = size,
            .completed = at});
  }
  TIDEGATE_ASSIGN(const Digest digest, std::move(partial).Commit(size, std::nullopt));
  return Layer{std::string(media_type), digest, size};
}

Result<void> Maker::SetWeights(Layer layer) {
  TIDEGATE_ASSIGN(metadata_, ReadGgufFile(blobs_.PathOf(layer.digest)));
  weights_ = std::move(layer);
  return {};
}

Result<void> Maker::AddFile(std::string_view media_type, const std::string& path) {
  std::optional<Layer> layer;
  if (const std::optional<Digest> digest = BlobAt(path)) {
    const std::optional<std::uint64_t> size = blobs_.SizeOf(*digest);
    if (size) layer = Layer{std::string(media_type), *digest, *size};
  }
  if (layer) {
    steps_({"using existing layer " + layer->digest.ToString()});
  } else {
    TIDEGATE_ASSIGN(layer, Copy(media_type, path));
    steps_({"creating new layer " + layer->digest.ToString()});
  }
  if (media_type == kModelLayer) return SetWeights(std::move(*layer));
  layers_.push_back(std::move(*layer));
  return {};
}

Result<void> Maker::AddBase(const LocalModel& base) {
  if (base.metadata.split_count > 1) {
    return InvalidArgument("from", "'" + base.name +
                                       "' is spread over several files; join them with "
                                       "llama-gguf-split --merge, and give the file that results");
  }
  TIDEGATE_TRY(AddFile(kModelLayer, base.path));
  if (!base.projector_path.empty()) TIDEGATE_TRY(AddFile(kProjectorLayer, base.projector_path));
  if (!base.draft_path.empty()) TIDEGATE_TRY(AddFile(kDraftLayer, base.draft_path));
  for (const std::string& path : base.adapter_paths) TIDEGATE_TRY(AddFile(kAdapterLayer, path));
  return {};
}

Result<void> Maker::AddSent(const std::string& field, const Digest& digest,
                            std::optional<GgufKind> wanted) {
  const std::optional<std::uint64_t> size = blobs_.SizeOf(digest);
  if (!size) {
    return InvalidArgument(field,
                           "nothing was sent under this digest; POST the file to "
                           "/api/blobs/" +
                               digest.ToString() + " first");
  }
  const Result<GgufMetadata> read = ReadGgufFile(blobs_.PathOf(digest));
  if (!read.ok()) return InvalidArgument(field, "is no model file: " + read.error().message);
  if (wanted && read->kind != *wanted) return InvalidArgument(field, "is no adapter");
  const auto layer = [&](std::string_view type) {
    steps_({"using existing layer " + digest.ToString()});
    return Layer{std::string(type), digest, *size};
  };
  switch (read->kind) {
    case GgufKind::kModel:
      if (weights_) return InvalidArgument(field, "there is another file of weights already");
      if (read->split_count > 1) {
        return InvalidArgument(field,
                               "is one part of several; join them with llama-gguf-split "
                               "--merge first");
      }
      return SetWeights(layer(kModelLayer));
    case GgufKind::kProjector:
      layers_.push_back(layer(kProjectorLayer));
      return {};
    case GgufKind::kAdapter:
      layers_.push_back(layer(kAdapterLayer));
      return {};
    case GgufKind::kDraft:
      layers_.push_back(layer(kDraftLayer));
      return {};
    case GgufKind::kOther:
      break;
  }
  return InvalidArgument(field, "is neither a model nor a part of one");
}

Result<void> Maker::AddFiles(const CreateSpec& spec) {
  if (!spec.files.empty()) steps_({"parsing GGUF"});
  for (const auto& [name, digest] : spec.files) {
    TIDEGATE_TRY(AddSent("files." + name, digest, std::nullopt));
  }
  for (const auto& [name, digest] : spec.adapters) {
    TIDEGATE_TRY(AddSent("adapters." + name, digest, GgufKind::kAdapter));
  }
  if (!weights_) return InvalidArgument("files", "no file among them is a model's weights");
  return {};
}

Result<void> Maker::Quantize(const Quantizer& quantizer, const std::string& type) {
  if (type.empty() || type == metadata_.quantisation) return {};
  if (std::find(kQuantizable.begin(), kQuantizable.end(), metadata_.quantisation) ==
      kQuantizable.end()) {
    return InvalidArgument("quantize", "the weights are " + metadata_.quantisation +
                                           "; only F32, F16 and BF16 may be made smaller");
  }
  if (!quantizer) return InvalidArgument("quantize", "is not possible here");
  steps_({"quantizing " + metadata_.quantisation + " model to " + type});
  TIDEGATE_ASSIGN(PartialBlob partial, blobs_.Create());
  const Result<void> done =
      quantizer(blobs_.PathOf(weights_->digest), partial.path(), type, steps_, stop_);
  std::error_code ec;
  const std::uintmax_t size = fs::file_size(partial.path(), ec);
  if (!done.ok() || ec) {
    std::move(partial).Discard();
    if (!done.ok()) return done;
    return Unavailable(ErrorSource::kEngine, "the quantized file is gone: " + ec.message());
  }
  TIDEGATE_ASSIGN(const Digest digest, std::move(partial).Commit(size, std::nullopt));
  steps_({"creating new layer " + digest.ToString()});
  return SetWeights(Layer{std::string(kModelLayer), digest, size});
}

Result<void> Maker::AddText(std::string_view media_type, std::string_view text) {
  TIDEGATE_ASSIGN(const Digest digest, blobs_.Put(text));
  layers_.push_back(Layer{std::string(media_type), digest, text.size()});
  return {};
}

// What the spec says replaces what the base says; options one by one, and licenses are added.
Result<void> Maker::AddTexts(const CreateSpec& spec, const std::optional<LocalModel>& base) {
  const std::string chat_template =
      spec.chat_template.value_or(base ? base->go_template : std::string());
  if (!chat_template.empty()) TIDEGATE_TRY(AddText(kTemplateLayer, chat_template));
  const std::string system = spec.system.value_or(base ? base->system : std::string());
  if (!system.empty()) TIDEGATE_TRY(AddText(kSystemLayer, system));
  ModelOptions options = base ? base->parameters : ModelOptions();
  for (const auto& [name, value] : spec.parameters) {
    const auto same = std::find_if(options.begin(), options.end(),
                                   [&, &key = name](const auto& o) { return o.first == key; });
    if (same == options.end()) {
      options.emplace_back(name, value);
    } else {
      same->second = value;
    }
  }
  if (!options.empty()) TIDEGATE_TRY(AddText(kParamsLayer, WriteOptions(options)));
  std::vector<StoredMessage> messages;
  for (const core::ModelCard::Message& message : spec.messages) {
    messages.push_back({message.role, message.content});
  }
  if (messages.empty() && base) messages = base->messages;
  if (!messages.empty()) TIDEGATE_TRY(AddText(kMessagesLayer, WriteMessages(messages)));
  std::vector<std::string> licenses = base ? base->licences : std::vector<std::string>();
  licenses.insert(licenses.end(), spec.licenses.begin(), spec.licenses.end());
  for (const std::string& license : licenses) TIDEGATE_TRY(AddText(kLicenseLayer, license));
  return {};
}

Result<std::string> Maker::Finish() {
  std::vector<Layer> layers = {*weights_};
  layers.insert(layers.end(), layers_.begin(), layers_.end());
  layers_.clear();
  TIDEGATE_TRY(AddText(kConfigType, WriteModelConfig(ConfigOf(metadata_), layers)));
  return WriteManifest(Manifest{.config = layers_.front(), .layers = std::move(layers)});
}

}  // namespace

Result<std::string> MakeManifest(Blobs& blobs, const Quantizer& quantizer, const CreateSpec& spec,
                                 const std::optional<LocalModel>& base, const Steps& steps,
                                 const std::stop_token& stop) {
  Maker maker(blobs, steps, stop);
  if (base) TIDEGATE_TRY(maker.AddBase(*base));
  if (!base || !spec.files.empty() || !spec.adapters.empty()) TIDEGATE_TRY(maker.AddFiles(spec));
  if (stop.stop_requested()) return Cancelled();
  TIDEGATE_TRY(maker.Quantize(quantizer, spec.quantize));
  TIDEGATE_TRY(maker.AddTexts(spec, base));
  return maker.Finish();
}

}  // namespace tidegate::models
