#include "models/memory_fit.h"

#include <algorithm>
#include <array>

#include "models/memory_fit_graph.h"
#include "models/memory_fit_layers.h"

namespace tidegate::models {
namespace {

constexpr std::uint64_t kMiB = 1024 * 1024;
constexpr std::int64_t kContextMax = INT32_MAX;
constexpr int kUbatchMax = 1 << 20;
constexpr int kDraftTokensMax = 64;

struct KvTypeFacts {
  KvType type;
  std::string_view name;
  std::uint32_t block_elements, block_bytes;
};
constexpr std::array kKvTypes = {
    KvTypeFacts{KvType::kF32, "f32", 1, 4},       KvTypeFacts{KvType::kF16, "f16", 1, 2},
    KvTypeFacts{KvType::kBf16, "bf16", 1, 2},     KvTypeFacts{KvType::kQ8_0, "q8_0", 32, 34},
    KvTypeFacts{KvType::kQ5_1, "q5_1", 32, 24},   KvTypeFacts{KvType::kQ5_0, "q5_0", 32, 22},
    KvTypeFacts{KvType::kQ4_1, "q4_1", 32, 20},   KvTypeFacts{KvType::kQ4_0, "q4_0", 32, 18},
    KvTypeFacts{KvType::kIq4Nl, "iq4_nl", 32, 18}};

const KvTypeFacts& FactsOf(KvType type) { return kKvTypes[static_cast<std::size_t>(type)]; }

// Of a row of the cache. A row that is no whole number of blocks is refused by llama.cpp.
std::uint64_t RowBytes(std::uint64_t elements, KvType type) {
  const KvTypeFacts& facts = FactsOf(type);
  return SaturatingProduct(RoundUp(elements, facts.block_elements) / facts.block_elements,
                           facts.block_bytes);
}

// The process of 0.7.0 without a model's buffers: code and libraries, threads, and what it keeps of
// each token of the vocabulary.
constexpr std::uint64_t kProcessBytes = 24 * kMiB;
constexpr std::uint64_t kTokenBytes = 180;
// Copies of windows and states for each slot, at least so many tokens apart.
constexpr std::uint64_t kCheckpointsMax = 32;
constexpr std::uint64_t kPatchesMax = 4'096;  // of one side of an image
// An image as it came, scaled, normalised, in patches, and as the graph's input: measured.
constexpr std::uint64_t kPixelBytes = 64;
constexpr std::uint64_t kCheckpointTokens = 8'192;

// How the cache is cut up.
struct CacheShape {
  std::uint64_t streams, cells, window_cells;  // cells of each stream
};

CacheShape ShapeOf(const FitInput& input, const ModelPlan& plan) {
  const auto slots = static_cast<std::uint64_t>(input.slots);
  const auto context = static_cast<std::uint64_t>(input.context_tokens);
  CacheShape shape{};
  shape.streams = input.unified ? 1 : slots;
  shape.cells = RoundUp(input.unified ? context * slots : context, kFitContextStep);
  const std::uint64_t window = SaturatingProduct(plan.window, input.unified ? slots : 1) +
                               static_cast<std::uint64_t>(input.ubatch);
  shape.window_cells = RoundUp(std::min(shape.cells, window), kFitContextStep);
  return shape;
}

class Estimator {
 public:
  explicit Estimator(const FitInput& input) : input_(input) {
    for (const FitDevice& device : input.devices) {
      estimate_.devices.push_back({device.name, {}, 0});
    }
  }

  Result<FitEstimate> Run() {
    TIDEGATE_TRY(CheckNumbers());
    TIDEGATE_ASSIGN(plan_, PlanLayers(*input_.model));
    shape_ = ShapeOf(input_, plan_);
    SpreadLayers();
    AddWeights();
    AddLayers();
    AddCompute();
    AddOutput();
    AddProjector();
    TIDEGATE_TRY(AddDraft());
    AddCheckpoints();
    estimate_.host.prompt_cache = input_.prompt_cache_bytes;
    estimate_.host.process =
        kProcessBytes + SaturatingProduct(input_.model->shape.vocabulary, kTokenBytes);
    return std::move(estimate_);
  }

 private:
  Result<void> CheckNumbers() const;
  void SpreadLayers();
  FitParts& PlaceOf(std::size_t layer) {
    const int device = device_of_[layer];
    return device < 0 ? estimate_.host : estimate_.devices[static_cast<std::size_t>(device)].parts;
  }
  void AddWeights();
  void AddLayers();
  void AddCompute();
  void AddOutput();
  void AddProjector();
  Result<void> AddDraft();
  void AddCheckpoints();
  std::uint64_t CacheBytes(const LayerPlan& layer, std::uint64_t cells) const {
    return SaturatingProduct(cells,
                             SaturatingSum(RowBytes(layer.key_elements, input_.key_type),
                                           RowBytes(layer.value_elements, input_.value_type)));
  }
  std::uint64_t Outputs() const {
    return static_cast<std::uint64_t>(input_.slots) *
           static_cast<std::uint64_t>(1 + input_.draft_tokens);
  }

  const FitInput& input_;
  ModelPlan plan_;
  CacheShape shape_ = {};
  std::vector<int> device_of_;  // by layer, the head last; negative = the host
  FitEstimate estimate_;
};

Result<void> Estimator::CheckNumbers() const {
  if (input_.context_tokens < 1 || input_.context_tokens > kContextMax) {
    return InvalidArgument("context", "a context of " + std::to_string(input_.context_tokens) +
                                          " tokens is not possible; give 1 to " +
                                          std::to_string(kContextMax));
  }
  if (input_.slots < 1 || input_.slots > kFitSlotsMax) {
    return InvalidArgument("slots", std::to_string(input_.slots) +
                                        " slots are not possible; give 1 to " +
                                        std::to_string(kFitSlotsMax));
  }
  if (input_.ubatch < 1 || input_.ubatch > kUbatchMax) {
    return InvalidArgument("ubatch", "a batch of " + std::to_string(input_.ubatch) +
                                         " tokens is not possible; give 1 to " +
                                         std::to_string(kUbatchMax));
  }
  if (input_.draft_tokens < 0 || input_.draft_tokens > kDraftTokensMax) {
    return InvalidArgument("draft_tokens", std::to_string(input_.draft_tokens) +
                                               " drafted tokens are not possible; give 0 to " +
                                               std::to_string(kDraftTokensMax));
  }
  if (IsQuantised(input_.value_type) && !input_.flash_attention) {
    return InvalidArgument("cache_type_v", "values of type " +
                                               std::string(ToString(input_.value_type)) +
                                               " need flash attention; turn it on or take f16");
  }
  return {};
}

// llama_model::load_tensors: the last layers go to the devices, in shares by their free memory.
void Estimator::SpreadLayers() {
  const std::size_t units = plan_.layers.size() + 1;
  device_of_.assign(units, -1);
  if (input_.devices.empty()) return;
  const std::size_t wanted = input_.device_layers < 0
                                 ? units
                                 : std::min(units, static_cast<std::size_t>(input_.device_layers));
  double free_bytes = 0;
  for (const FitDevice& device : input_.devices) {
    free_bytes += static_cast<double>(device.free_bytes);
  }
  std::size_t device = 0;
  double share = 0;
  for (std::size_t i = 0; i < wanted; ++i) {
    const double at = static_cast<double>(i) / static_cast<double>(wanted);
    while (device + 1 < input_.devices.size() && free_bytes > 0 &&
           at >= share + static_cast<double>(input_.devices[device].free_bytes) / free_bytes) {
      share += static_cast<double>(input_.devices[device].free_bytes) / free_bytes;
      ++device;
    }
    device_of_[units - wanted + i] = static_cast<int>(device);
    ++estimate_.devices[device].layers;
  }
}

void Estimator::AddWeights() {
  const GgufWeights& weights = input_.model->weights;
  // What looks tokens up stays with the host; a head that shares its tensor is copied.
  estimate_.host.weights = SaturatingSum(weights.input_bytes, weights.other_bytes);
  FitParts& head = PlaceOf(plan_.layers.size());
  head.weights = SaturatingSum(head.weights, weights.output_bytes);
  if (!weights.has_output && &head != &estimate_.host) {
    head.weights = SaturatingSum(head.weights, weights.input_bytes);
  }
  for (std::size_t layer = 0; layer < weights.block_bytes.size(); ++layer) {
    FitParts& place = PlaceOf(std::min(layer, plan_.layers.size() - 1));
    place.weights = SaturatingSum(place.weights, weights.block_bytes[layer]);
  }
}

void Estimator::AddLayers() {
  for (std::size_t i = 0; i < plan_.layers.size(); ++i) {
    const LayerPlan& layer = plan_.layers[i];
    FitParts& place = PlaceOf(i);
    if (layer.cached) {
      const std::uint64_t cells =
          SaturatingProduct(shape_.streams, layer.windowed ? shape_.window_cells : shape_.cells);
      place.cache = SaturatingSum(place.cache, CacheBytes(layer, cells));
    }
    if (layer.recurrent) {
      const std::uint64_t elements = SaturatingSum(layer.conv_elements, layer.state_elements);
      place.states =
          SaturatingSum(place.states, SaturatingProduct(elements, input_.slots, sizeof(float)));
    }
  }
}

void Estimator::AddCompute() {
  GraphSettings settings;
  settings.tokens = std::min<std::uint64_t>(static_cast<std::uint64_t>(input_.ubatch),
                                            SaturatingProduct(shape_.cells, shape_.streams));
  // llama_context::sched_reserve: as many tokens of each sequence.
  settings.tokens = RoundUp(settings.tokens, static_cast<std::uint64_t>(input_.slots));
  settings.outputs = std::min(Outputs(), settings.tokens);
  settings.sequences = static_cast<std::uint64_t>(input_.slots);
  settings.cells = shape_.cells;
  settings.window_cells = shape_.window_cells;
  settings.flash_attention = input_.flash_attention;
  settings.key_type = input_.key_type;
  settings.value_type = input_.value_type;
  constexpr std::uint64_t kDeviceAlignment = 256;
  const std::uint64_t whole = ComputeBytes(*input_.model, plan_, settings, kCpuAlignment);
  bool host_computes = false;
  for (std::size_t i = 0; i + 1 < device_of_.size(); ++i) host_computes |= device_of_[i] < 0;
  // With all layers on devices the host keeps the inputs only: tokens, their embeddings, masks.
  ModelPlan inputs = plan_;
  inputs.layers.clear();
  estimate_.host.compute =
      host_computes ? whole : ComputeBytes(*input_.model, inputs, settings, kCpuAlignment);
  if (estimate_.devices.empty()) return;
  // Each device runs its part of the layers, one after the other: at most what the whole takes.
  const std::uint64_t on_device = ComputeBytes(*input_.model, plan_, settings, kDeviceAlignment);
  for (DeviceUse& device : estimate_.devices) {
    if (device.layers > 0) device.parts.compute = on_device;
  }
}

void Estimator::AddOutput() {
  const GgufShape& shape = input_.model->shape;
  std::uint64_t width = shape.vocabulary;
  if (input_.model->pooling != GgufPooling::kNone) width += shape.embedding_length;
  estimate_.host.output = SaturatingProduct(width, Outputs(), sizeof(float));
}

// The graph of one image: patches attend to each other, without a cache. Projectors run on the
// first device.
void Estimator::AddProjector() {
  if (input_.projector == nullptr) return;
  const GgufProjector& projector = input_.projector->projector;
  std::uint64_t side = projector.patch_size > 0 ? projector.image_size / projector.patch_size : 0;
  if (side > kPatchesMax) side = 0;
  GgufMetadata encoder;
  encoder.architecture = "clip-encoder-bert";
  encoder.shape.block_count = 1;
  encoder.shape.embedding_length = projector.embedding_length;
  encoder.shape.head_count.values = {projector.head_count};
  encoder.shape.feed_forward_length.values = {projector.feed_forward_length};
  encoder.shape.causal = false;
  FitParts& place = estimate_.devices.empty() ? estimate_.host : estimate_.devices[0].parts;
  std::uint64_t compute = 0, image = 0;
  if (const Result<ModelPlan> plan = PlanLayers(encoder); plan.ok() && side > 0) {
    GraphSettings settings;
    settings.tokens = settings.outputs = SaturatingProduct(side, side);
    compute = ComputeBytes(encoder, *plan, settings, kCpuAlignment);
    image = SaturatingProduct(projector.image_size, projector.image_size, kPixelBytes);
    // What the model gets of it, and a copy of that in its batch.
    image = SaturatingSum(
        image, SaturatingProduct(settings.tokens, projector.projection_dim, 2, sizeof(float)));
  } else {  // sound, or an encoder that does not say its sizes
    compute = input_.projector->tensor_bytes / 2;
  }
  place.projector = SaturatingSum(input_.projector->tensor_bytes, compute);
  estimate_.host.projector = SaturatingSum(estimate_.host.projector, image);
}

Result<void> Estimator::AddDraft() {
  if (input_.draft == nullptr) return {};
  FitInput draft = input_;
  draft.model = input_.draft;
  draft.projector = draft.draft = nullptr;
  draft.key_type = draft.value_type = KvType::kF16;  // llama-server's own default
  draft.prompt_cache_bytes = 0;
  draft.draft_tokens = 0;  // it says one token at a time
  TIDEGATE_ASSIGN(const FitEstimate estimate, EstimateMemory(draft));
  const auto sum = [](const FitParts& parts) {
    std::uint64_t total = SaturatingSum(parts.weights, parts.cache);
    for (const std::uint64_t part : {parts.states, parts.compute, parts.output}) {
      total = SaturatingSum(total, part);
    }
    return total;
  };
  estimate_.host.draft = sum(estimate.host);
  for (std::size_t i = 0; i < estimate_.devices.size(); ++i) {
    estimate_.devices[i].parts.draft = sum(estimate.devices[i].parts);
  }
  return {};
}

void Estimator::AddCheckpoints() {
  std::uint64_t bytes = 0;
  for (const LayerPlan& layer : plan_.layers) {
    if (layer.cached && layer.windowed) {
      const std::uint64_t cells =
          std::min(SaturatingSum(plan_.window, static_cast<std::uint64_t>(input_.ubatch)),
                   static_cast<std::uint64_t>(input_.context_tokens));
      bytes = SaturatingSum(bytes, CacheBytes(layer, cells));
    }
    if (layer.recurrent) {
      bytes = SaturatingSum(
          bytes, SaturatingProduct(SaturatingSum(layer.conv_elements, layer.state_elements),
                                   sizeof(float)));
    }
  }
  const std::uint64_t copies = std::min(
      kCheckpointsMax, 1 + static_cast<std::uint64_t>(input_.context_tokens) / kCheckpointTokens);
  estimate_.host.checkpoints = SaturatingProduct(bytes, copies, input_.slots);
}

}  // namespace

std::string_view ToString(KvType type) { return FactsOf(type).name; }

std::optional<KvType> ParseKvType(std::string_view text) {
  for (const KvTypeFacts& facts : kKvTypes) {
    if (facts.name == text) return facts.type;
  }
  return std::nullopt;
}

bool IsQuantised(KvType type) { return FactsOf(type).block_elements > 1; }

std::uint64_t FitParts::Total() const {
  std::uint64_t total = 0;
  for (const std::uint64_t part : {weights, cache, states, compute, output, projector, draft,
                                   checkpoints, prompt_cache, process}) {
    total = SaturatingSum(total, part);
  }
  return total;
}

std::uint64_t FitEstimate::Total() const {
  std::uint64_t total = host.Total();
  for (const DeviceUse& device : devices) total = SaturatingSum(total, device.parts.Total());
  return total;
}

Result<FitEstimate> EstimateMemory(const FitInput& input) { return Estimator(input).Run(); }

}  // namespace tidegate::models
