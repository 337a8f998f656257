#include "models/create.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "base/ascii.h"
#include "json/reader.h"
#include "models/disk.h"
#include "models/gguf.h"
#include "models/layer_texts.h"
#include "models/manifest.h"
#include "models/stored_model.h"
#include "templates/jinja.h"

namespace tidegate::models {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kCopyBytes = std::size_t{1} << 20U;
// On the way, since Commit's one sync of all of it could neither be stopped nor tell of itself.
constexpr std::uint64_t kCopySyncBytes = std::uint64_t{64} << 20U;
constexpr int kPutTriesMax = 3;
constexpr std::string_view kSafetensors = ".safetensors";
constexpr std::size_t kLevelBytesShown = 40;
constexpr std::size_t kOptionBytesMax = 64 * 1024;
constexpr std::array<std::string_view, 3> kQuantizable = {"F32", "F16", "BF16"};
// Those of llama-quantize that need no matrix of importance, smallest first.
constexpr std::array<QuantisationLevel, 18> kLevels = {{{"Q2_K", 3.6},
                                                        {"Q3_K_S", 3.8},
                                                        {"Q3_K_M", 4.3},
                                                        {"IQ4_XS", 4.6},
                                                        {"Q3_K_L", 4.6},
                                                        {"IQ4_NL", 4.9},
                                                        {"Q4_0", 4.9},
                                                        {"Q4_K_S", 4.9},
                                                        {"Q4_K_M", 5.2},
                                                        {"Q4_1", 5.4},
                                                        {"Q5_0", 5.9},
                                                        {"Q5_K_S", 5.9},
                                                        {"Q5_K_M", 6.0},
                                                        {"Q5_1", 6.4},
                                                        {"Q6_K", 6.9},
                                                        {"Q8_0", 8.6},
                                                        {"F16", 16.1},
                                                        {"BF16", 16.1}}};
constexpr std::array<std::pair<std::string_view, std::string_view>, 3> kAliases = {
    {{"Q3_K", "Q3_K_M"}, {"Q4_K", "Q4_K_M"}, {"Q5_K", "Q5_K_M"}}};

Error Cancelled() {
  return Error{ErrorCode::kCancelled, ErrorSource::kCaller, Retry::kNever,
               "making the model was given up"};
}

// What was made smaller once has lost what another level would be made of.
Result<void> CheckQuantizable(const std::string& type) {
  if (std::find(kQuantizable.begin(), kQuantizable.end(), type) != kQuantizable.end()) return {};
  return InvalidArgument(
      "quantize", "the weights are " + type + " already; quantize a model of F32, F16 or BF16");
}

// The layers of one model as they come together.
class Maker {
 public:
  // `quantises`: whether the weights that come first will be made smaller.
  Maker(Blobs& blobs, const Steps& steps, const std::stop_token& stop, bool quantises)
      : blobs_(blobs), steps_(steps), stop_(stop), quantises_(quantises) {}

  Result<void> AddBase(const LocalModel& base);
  Result<void> AddDraftOf(const LocalModel& draft, const CreateSpec& spec);
  Result<void> AddFiles(const CreateSpec& spec);
  Result<void> Quantize(const Quantizer& quantizer, const std::string& level);
  Result<void> CheckWindow(const CreateSpec& spec) const;
  Result<void> CheckTemplate(const std::string& text) const;
  Result<void> AddTexts(const CreateSpec& spec, const std::optional<LocalModel>& base);
  Result<MadeModel> Finish(const CreateSpec& spec, const std::optional<LocalModel>& base);

 private:
  Result<void> Hold(const Digest& digest) { return blobs_.Hold(digest, made_.pin); }
  Result<void> AddFile(std::string_view media_type, const std::string& path);
  Result<void> AddText(std::string_view media_type, std::string_view text);
  Result<void> AddSent(const std::string& field, const Digest& digest,
                       std::optional<GgufKind> wanted);
  Result<void> AddDraft(const std::string& field, const Digest& digest);
  struct SentFile {
    GgufMetadata metadata;
    std::uint64_t size;
  };
  Result<SentFile> ReadSent(const std::string& field, const Digest& digest);
  Layer Existing(std::string_view media_type, const Digest& digest, std::uint64_t size) const;
  using TakeBytes = std::function<Result<void>(std::string_view bytes)>;
  Result<std::uint64_t> ReadFile(const std::string& path, const std::string& status,
                                 const TakeBytes& take) const;
  Result<Layer> Copy(std::string_view media_type, const std::string& path);
  Result<void> SetSource(const std::string& path);
  std::optional<Digest> BlobAt(const std::string& path) const;
  Result<void> SetWeights(Layer layer);
  Result<std::uint64_t> CheckQuantised(const std::string& path, const std::string& type) const;

  Blobs& blobs_;
  const Steps& steps_;
  const std::stop_token& stop_;
  std::vector<Layer> layers_;
  const bool quantises_;
  std::optional<Layer> weights_;
  std::string weights_path_;
  GgufMetadata metadata_;  // of the weights
  MadeModel made_;
};

// Which blob of ours a file is, if it is one.
std::optional<Digest> Maker::BlobAt(const std::string& path) const {
  const fs::path file(path);
  std::error_code ec;
  if (!fs::equivalent(file.parent_path(), blobs_.folder(), ec) || ec) return std::nullopt;
  const Result<Digest> digest = Digest::Parse(file.filename().string(), "path");
  return digest.ok() ? std::optional(*digest) : std::nullopt;
}

// All of a file that is no blob, told of as `status`.
Result<std::uint64_t> Maker::ReadFile(const std::string& path, const std::string& status,
                                      const TakeBytes& take) const {
  TIDEGATE_ASSIGN(const std::unique_ptr<ByteSource> source, OpenModelFile(path));
  const std::uint64_t size = source->size();
  std::vector<char> buffer(kCopyBytes);
  for (std::uint64_t at = 0; at < size;) {
    if (stop_.stop_requested()) return Cancelled();
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(kCopyBytes, size - at));
    TIDEGATE_TRY(source->Read(at, {buffer.data(), count}));
    TIDEGATE_TRY(take({buffer.data(), count}));
    at += count;
    steps_({.status = status + " " + fs::path(path).filename().string(),
            .digest = std::nullopt,
            .total = size,
            .completed = at});
  }
  return size;
}

Result<Layer> Maker::Copy(std::string_view media_type, const std::string& path) {
  TIDEGATE_ASSIGN(PartialBlob partial, blobs_.Create());
  std::uint64_t unsynced = 0;
  const TakeBytes take = [&](std::string_view bytes) -> Result<void> {
    TIDEGATE_TRY(partial.Append(bytes));
    unsynced += bytes.size();
    if (unsynced < kCopySyncBytes) return {};
    unsynced = 0;
    return partial.Sync();
  };
  const auto copy = [&]() -> Result<std::uint64_t> {
    std::error_code ec;
    const std::uintmax_t bytes = fs::file_size(path, ec);
    if (!ec) TIDEGATE_TRY(CheckRoom(partial.path(), bytes));
    return ReadFile(path, "copying file", take);
  };
  const Result<std::uint64_t> size = copy();
  if (!size.ok()) {
    std::move(partial).Discard();
    return size.error();
  }
  TIDEGATE_ASSIGN(const Digest digest, std::move(partial).Commit(*size, std::nullopt));
  TIDEGATE_TRY(Hold(digest));
  return Layer{std::string(media_type), digest, *size};
}

// Weights that are only read, to make smaller ones of them, are not kept.
Result<void> Maker::SetSource(const std::string& path) {
  Sha256Stream stream;
  TIDEGATE_ASSIGN(const std::uint64_t size,
                  ReadFile(path, "hashing file", [&](std::string_view bytes) -> Result<void> {
                    stream.Update(bytes);
                    return {};
                  }));
  TIDEGATE_ASSIGN(metadata_, ReadGgufFile(path));
  weights_ = Layer{std::string(kModelLayer), Digest(stream.Finish()), size};
  weights_path_ = path;
  return {};
}

Result<void> Maker::SetWeights(Layer layer) {
  weights_path_ = blobs_.PathOf(layer.digest);
  TIDEGATE_ASSIGN(metadata_, ReadGgufFile(weights_path_));
  weights_ = std::move(layer);
  return {};
}

Result<void> Maker::AddFile(std::string_view media_type, const std::string& path) {
  std::optional<Layer> layer;
  if (const std::optional<Digest> digest = BlobAt(path)) {
    TIDEGATE_TRY(Hold(*digest));
    const std::optional<std::uint64_t> size = blobs_.SizeOf(*digest);
    if (size) layer = Layer{std::string(media_type), *digest, *size};
  }
  if (!layer && quantises_ && media_type == kModelLayer) return SetSource(path);
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

Result<Maker::SentFile> Maker::ReadSent(const std::string& field, const Digest& digest) {
  const std::optional<std::uint64_t> size = blobs_.SizeOf(digest);
  if (!size) {
    return InvalidArgument(field,
                           "nothing was sent under this digest; POST the file to "
                           "/api/blobs/" +
                               digest.ToString() + " first");
  }
  TIDEGATE_TRY(Hold(digest));
  Result<GgufMetadata> read = ReadGgufFile(blobs_.PathOf(digest));
  if (!read.ok()) return InvalidArgument(field, "is no model file: " + read.error().message);
  return SentFile{*std::move(read), *size};
}

Layer Maker::Existing(std::string_view media_type, const Digest& digest, std::uint64_t size) const {
  steps_({"using existing layer " + digest.ToString()});
  return Layer{std::string(media_type), digest, size};
}

// A small model, or a head that guesses from what the model thinks. llama-server takes one.
Result<void> Maker::AddDraft(const std::string& field, const Digest& digest) {
  TIDEGATE_ASSIGN(const SentFile sent, ReadSent(field, digest));
  if (sent.metadata.kind != GgufKind::kModel && sent.metadata.kind != GgufKind::kDraft) {
    return InvalidArgument(field, "is no draft");
  }
  std::erase_if(layers_, [](const Layer& layer) { return layer.media_type == kDraftLayer; });
  layers_.push_back(Existing(kDraftLayer, digest, sent.size));
  return {};
}

Result<void> Maker::AddDraftOf(const LocalModel& draft, const CreateSpec& spec) {
  if (!spec.drafts.empty()) {
    return InvalidArgument("draft_from", "names another draft than draft_files; give one of them");
  }
  if (draft.metadata.kind != GgufKind::kModel || draft.metadata.split_count > 1) {
    return InvalidArgument("draft_from",
                           "'" + draft.name + "' is no model in one file, as a draft has to be");
  }
  std::erase_if(layers_, [](const Layer& layer) { return layer.media_type == kDraftLayer; });
  return AddFile(kDraftLayer, draft.path);
}

Result<void> Maker::AddSent(const std::string& field, const Digest& digest,
                            std::optional<GgufKind> wanted) {
  TIDEGATE_ASSIGN(const SentFile sent, ReadSent(field, digest));
  if (wanted && sent.metadata.kind != *wanted) return InvalidArgument(field, "is no adapter");
  const auto layer = [&](std::string_view type) { return Existing(type, digest, sent.size); };
  switch (sent.metadata.kind) {
    case GgufKind::kModel:
      if (weights_) return InvalidArgument(field, "there is another file of weights already");
      if (sent.metadata.split_count > 1) {
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
  for (const auto& [name, digest] : spec.files) {
    if (name.ends_with(kSafetensors)) return NotConverted("files." + name);
  }
  if (!spec.files.empty()) steps_({"parsing GGUF"});
  for (const auto& [name, digest] : spec.files) {
    TIDEGATE_TRY(AddSent("files." + name, digest, std::nullopt));
  }
  for (const auto& [name, digest] : spec.adapters) {
    TIDEGATE_TRY(AddSent("adapters." + name, digest, GgufKind::kAdapter));
  }
  if (spec.drafts.size() > 1) return InvalidArgument("draft_files", "names more than one draft");
  for (const auto& [name, digest] : spec.drafts) {
    TIDEGATE_TRY(AddDraft("draft_files." + name, digest));
  }
  if (!weights_) return InvalidArgument("files", "no file among them is a model's weights");
  return {};
}

Result<void> Maker::Quantize(const Quantizer& quantizer, const std::string& level) {
  if (level.empty()) return {};
  TIDEGATE_ASSIGN(const QuantisationLevel wanted, ParseQuantisation(level, "quantize"));
  const std::string type(wanted.name);
  if (type == metadata_.quantisation) return {};
  TIDEGATE_TRY(CheckQuantizable(metadata_.quantisation));
  if (!quantizer) return InvalidArgument("quantize", "is not possible here");
  const std::string status = "quantizing " + metadata_.quantisation + " model to " + type;
  steps_({status});
  TIDEGATE_ASSIGN(PartialBlob partial, blobs_.Create());
  const Portion portion = [&](std::uint64_t done, std::uint64_t of) {
    const double share = of == 0 ? 0 : static_cast<double>(done) / static_cast<double>(of);
    const std::uint64_t bytes = weights_->size;
    steps_({.status = status,
            .digest = std::nullopt,
            .total = bytes,
            .completed = static_cast<std::uint64_t>(static_cast<double>(bytes) * share)});
  };
  const auto bytes =
      static_cast<std::uint64_t>(static_cast<double>(metadata_.parameters) * wanted.bits / 8);
  Result<std::string> by = std::string();
  if (const Result<void> room = CheckRoom(partial.path(), bytes); !room.ok()) {
    by = room.error();
  } else {
    by = quantizer(weights_path_, partial.path(), type, portion, stop_);
  }
  Result<std::uint64_t> size =
      by.ok() ? CheckQuantised(partial.path(), type) : Result<std::uint64_t>(by.error());
  if (!size.ok()) {
    std::move(partial).Discard();
    return std::move(size).TakeError();
  }
  TIDEGATE_ASSIGN(const Digest digest, std::move(partial).Commit(*size, std::nullopt));
  TIDEGATE_TRY(Hold(digest));
  steps_({"creating new layer " + digest.ToString()});
  made_.quantised_from = weights_->digest;
  made_.quantised_by = *by;
  return SetWeights(Layer{std::string(kModelLayer), digest, *size});
}

// Its size, if it is a model of this type.
Result<std::uint64_t> Maker::CheckQuantised(const std::string& path,
                                            const std::string& type) const {
  const Result<GgufMetadata> read = ReadGgufFile(path);
  const bool same = read.ok() && read->kind == GgufKind::kModel && read->quantisation == type &&
                    read->architecture == metadata_.architecture;
  std::error_code ec;
  const std::uintmax_t size = fs::file_size(path, ec);
  if (same && !ec) return size;
  return Unavailable(
      ErrorSource::kEngine,
      "what was quantized is no such model of " + type + ": " +
          (read.ok() ? read->architecture + ", " + read->quantisation : read.error().message));
}

Result<void> Maker::AddText(std::string_view media_type, std::string_view text) {
  // Another model that has the same text may go at any time, and take it along.
  for (int tries = 0;; ++tries) {
    TIDEGATE_ASSIGN(const Digest digest, blobs_.Put(text));
    const Result<void> held = Hold(digest);
    if (!held.ok() && tries < kPutTriesMax) continue;
    if (!held.ok()) return held;
    layers_.push_back(Layer{std::string(media_type), digest, text.size()});
    return {};
  }
}

// A window beyond what the weights were trained for would only be lowered when the model is loaded.
// What was scaled to more says so in its file, as its context.
Result<void> Maker::CheckWindow(const CreateSpec& spec) const {
  const std::uint64_t trained = metadata_.context_tokens;
  json::Reader reader;
  for (const auto& [name, text] : spec.parameters) {
    if (name != "num_ctx" || trained == 0) continue;
    TIDEGATE_ASSIGN(const json::Value value, reader.ParseCopy(text, kOptionBytesMax));
    TIDEGATE_ASSIGN(const std::int64_t asked, value.Integer());
    if (asked <= 0 || static_cast<std::uint64_t>(asked) <= trained) continue;
    return InvalidArgument("parameters.num_ctx",
                           "a window of " + std::to_string(asked) + " tokens is more than the " +
                               std::to_string(trained) +
                               " that the model was made for; ask for at most that, or leave it "
                               "out");
  }
  return {};
}

// One that is none is refused; one that cannot be had here is kept, and it is said why it does
// nothing.
Result<void> Maker::CheckTemplate(const std::string& text) const {
  const Result<templates::JinjaTemplate> jinja = templates::JinjaOfGoTemplate(text);
  if (jinja.ok()) return {};
  if (jinja.error().code != ErrorCode::kUnavailable) return jinja.error();
  steps_({"keeping the template, which has no effect: " + jinja.error().message +
          (metadata_.has_chat_template ? "; the engine uses the one in the weights"
                                       : "; the weights have none of their own, so messages are "
                                         "written as ChatML")});
  return {};
}

// What the spec says replaces what the base says; options one by one, and licenses are added.
Result<void> Maker::AddTexts(const CreateSpec& spec, const std::optional<LocalModel>& base) {
  const std::string chat_template =
      spec.chat_template.value_or(base ? base->go_template : std::string());
  if (spec.chat_template && !chat_template.empty()) TIDEGATE_TRY(CheckTemplate(chat_template));
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

Result<MadeModel> Maker::Finish(const CreateSpec& spec, const std::optional<LocalModel>& base) {
  ModelConfig config = ConfigOf(metadata_);
  config.renderer = spec.renderer.value_or(base ? base->renderer : "");
  config.parser = spec.parser.value_or(base ? base->parser : "");
  config.required_version = spec.required_version.value_or(base ? base->required_version : "");
  for (const auto& [what, name] :
       {std::pair("renderer", &spec.renderer), {"parser", &spec.parser}}) {
    if (!*name || (*name)->empty()) continue;
    steps_({std::string("keeping ") + what + " " + **name +
            ", which is Ollama's own: here the chat template of the weights does its work"});
  }
  config.own_template =
      spec.chat_template ? !spec.chat_template->empty() : base && base->own_template;
  if (base) weights_->from = base->name;
  std::vector<Layer> layers = {*weights_};
  layers.insert(layers.end(), layers_.begin(), layers_.end());
  layers_.clear();
  TIDEGATE_TRY(AddText(kConfigType, WriteModelConfig(config, layers)));
  made_.manifest = WriteManifest(Manifest{.config = layers_.front(), .layers = std::move(layers)});
  return std::move(made_);
}

}  // namespace

Error NotConverted(std::string field) {
  return InvalidArgument(std::move(field),
                         "models of safetensors are not converted here; make a GGUF file of it "
                         "with llama.cpp's convert_hf_to_gguf.py, or pull the model as GGUF");
}

std::span<const QuantisationLevel> QuantisationLevels() { return kLevels; }

Result<QuantisationLevel> ParseQuantisation(std::string_view text, std::string field) {
  for (const auto& [alias, level] : kAliases) {
    if (EqualsIgnoreCase(text, alias)) text = level;
  }
  std::string known;
  for (const QuantisationLevel& level : kLevels) {
    if (EqualsIgnoreCase(level.name, text)) return level;
    known += (known.empty() ? "" : ", ") + std::string(level.name);
  }
  return InvalidArgument(std::move(field), "'" + std::string(text.substr(0, kLevelBytesShown)) +
                                               "' is no level of quantization; use one of " +
                                               known);
}

Result<MadeModel> MakeManifest(Blobs& blobs, const Quantizer& quantizer, const CreateSpec& spec,
                               const CreateSources& sources, const Steps& steps,
                               const std::stop_token& stop) {
  const std::optional<LocalModel>& base = sources.from;
  bool quantises = false;
  if (!spec.quantize.empty()) {
    TIDEGATE_ASSIGN(const QuantisationLevel level, ParseQuantisation(spec.quantize, "quantize"));
    quantises = base && base->metadata.quantisation != level.name;
    if (quantises) TIDEGATE_TRY(CheckQuantizable(base->metadata.quantisation));
  }
  Maker maker(blobs, steps, stop, quantises);
  if (base) TIDEGATE_TRY(maker.AddBase(*base));
  if (!base || !spec.files.empty() || !spec.adapters.empty() || !spec.drafts.empty()) {
    TIDEGATE_TRY(maker.AddFiles(spec));
  }
  if (sources.draft) TIDEGATE_TRY(maker.AddDraftOf(*sources.draft, spec));
  if (stop.stop_requested()) return Cancelled();
  TIDEGATE_TRY(maker.CheckWindow(spec));
  TIDEGATE_TRY(maker.Quantize(quantizer, spec.quantize));
  TIDEGATE_TRY(maker.AddTexts(spec, base));
  return maker.Finish(spec, base);
}

}  // namespace tidegate::models
