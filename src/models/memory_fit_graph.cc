#include "models/memory_fit_graph.h"

#include <algorithm>

#include "models/memory_fit_replay.h"

namespace tidegate::models {
namespace {

using Tensor = TensorGraph::Tensor;

constexpr std::uint64_t kF32 = 4;
constexpr std::uint64_t kF16 = 2;
constexpr std::uint64_t kI32 = 4;
constexpr std::uint64_t kI64 = 8;
// Keys and values of quantised caches are rotated to spread outliers, by square matrices of at
// least this side.
constexpr std::uint64_t kRotation = 64;

// The largest power of two that divides the length of a key; 0 = such keys are not rotated.
std::uint64_t KeyRotation(std::uint64_t key_length) {
  if (key_length == 0 || key_length % kRotation != 0) return 0;
  return key_length & (~key_length + 1);
}

class Builder {
 public:
  Builder(const GgufMetadata& metadata, const ModelPlan& plan, const GraphSettings& settings)
      : metadata_(metadata), plan_(plan), settings_(settings), tokens_(settings.tokens) {}

  TensorGraph Build() {
    AddInputs();
    for (std::size_t layer = 0; layer < plan_.layers.size(); ++layer) {
      AddLayer(plan_.layers[layer], layer + 1 == plan_.layers.size());
    }
    tokens_ = settings_.outputs;
    const Tensor norm = graph_.Node(Rows(Width()), {stream_});
    graph_.Node(Rows(metadata_.shape.vocabulary), {norm});
    return std::move(graph_);
  }

 private:
  std::uint64_t Width() const { return metadata_.shape.embedding_length; }
  std::uint64_t Rows(std::uint64_t width) const { return SaturatingProduct(width, tokens_, kF32); }
  std::uint64_t PaddedTokens() const { return RoundUp(tokens_, kFitContextStep); }
  // Of a row that the layer computes anew.
  Tensor Linear(std::uint64_t width, Tensor from) { return graph_.Node(Rows(width), {from}); }

  void AddInputs();
  void AddAttentionInputs();
  void AddRotations();
  void AddLayer(const LayerPlan& layer, bool last);
  Tensor Attend(const LayerPlan& layer, Tensor norm);
  Tensor AttendLatent(const LayerPlan& layer, Tensor norm);
  Tensor AttendEncoder(const LayerPlan& layer, Tensor norm);
  Tensor Scores(const LayerPlan& layer, Tensor query);
  Tensor Rotated(std::uint64_t width, Tensor tensor, Tensor rotation);
  Tensor Recur(const LayerPlan& layer, Tensor norm);
  Tensor Convolve(const LayerPlan& layer, Tensor projected);
  Tensor FeedForward(const LayerPlan& layer, Tensor norm);
  Tensor Experts(Tensor norm);

  const GgufMetadata& metadata_;
  const ModelPlan& plan_;
  const GraphSettings& settings_;
  TensorGraph graph_;
  std::uint64_t tokens_;  // of the rows that are computed now
  Tensor stream_ = 0;     // what a layer adds to
  Tensor positions_ = 0, outputs_ = 0, mask_ = 0, window_mask_ = 0;
  Tensor key_rows_ = 0, value_rows_ = 0, window_key_rows_ = 0, window_value_rows_ = 0;
  Tensor key_rotation_ = 0, value_rotation_ = 0, states_ = 0;
};

// Tokens come as numbers, as embeddings or mixed, and all three ways are in the graph.
void Builder::AddInputs() {
  const Tensor numbers = graph_.Input(tokens_ * kI32);
  graph_.Input(Rows(Width()));
  const Tensor mixed_numbers = graph_.Input(tokens_ * kI32);
  const Tensor mixed = graph_.Input(Rows(Width()));
  const Tensor mixed_slots = graph_.Input(tokens_ * kI64);
  positions_ = graph_.Input(tokens_ * kI32);
  outputs_ = graph_.Input(settings_.outputs * kI32);
  AddAttentionInputs();
  if (plan_.has_states) states_ = graph_.Input(settings_.sequences * kI32);
  const Tensor places = plan_.norms_last ? Linear(Width(), positions_) : positions_;
  stream_ = Linear(Width(), numbers);
  const Tensor rows = Linear(Width(), mixed_numbers);
  const Tensor copy = Linear(Width(), mixed);
  graph_.Sink({rows, mixed_slots, graph_.View(copy)});
  graph_.View(copy);  // nobody uses the mixture, so that it stays
  if (plan_.norms_last) stream_ = graph_.InPlace(Rows(Width()), {places, stream_});
}

void Builder::AddAttentionInputs() {
  const std::uint64_t mask_bytes = settings_.flash_attention ? kF16 : kF32;
  // Values are stored transposed without flash attention, element by element.
  std::uint64_t value_elements = 1;
  if (!settings_.flash_attention) {
    for (const LayerPlan& layer : plan_.layers) {
      value_elements = std::max(value_elements, layer.value_elements);
    }
  }
  if (plan_.has_cache) {
    mask_ = graph_.Input(SaturatingProduct(settings_.cells, tokens_, mask_bytes));
    key_rows_ = graph_.Input(tokens_ * kI64);
    value_rows_ = graph_.Input(SaturatingProduct(tokens_, kI64, value_elements));
    if (plan_.has_windows) {
      window_mask_ = graph_.Input(SaturatingProduct(settings_.window_cells, tokens_, mask_bytes));
      window_key_rows_ = graph_.Input(tokens_ * kI64);
      window_value_rows_ = graph_.Input(SaturatingProduct(tokens_, kI64, value_elements));
    }
    AddRotations();
  } else if (!plan_.has_states) {
    const std::uint64_t seen = settings_.flash_attention ? PaddedTokens() : tokens_;
    mask_ = graph_.Input(SaturatingProduct(seen, tokens_, mask_bytes));
  }
}

// One pair for the cache, and one for that of the windows.
void Builder::AddRotations() {
  if (plan_.latent) return;
  const std::uint64_t side = KeyRotation(metadata_.shape.KeyLength());
  const bool values = metadata_.shape.ValueLength() % kRotation == 0;
  for (int caches = plan_.has_windows ? 2 : 1; caches > 0; --caches) {
    if (IsQuantised(settings_.key_type) && side > 0) {
      key_rotation_ = graph_.Input(SaturatingProduct(side, side, kF32));
    }
    if (IsQuantised(settings_.value_type) && values) {
      value_rotation_ = graph_.Input(kRotation * kRotation * kF32);
    }
  }
}

void Builder::AddLayer(const LayerPlan& layer, bool last) {
  const Tensor norm = plan_.norms_last ? stream_ : Linear(Width(), stream_);
  Tensor out = norm;
  if (layer.recurrent) out = Recur(layer, norm);
  if (layer.attends) {
    out = !layer.cached && !plan_.has_cache ? AttendEncoder(layer, norm)
          : plan_.latent                    ? AttendLatent(layer, norm)
                                            : Attend(layer, norm);
  }
  if (last) {
    tokens_ = settings_.outputs;
    out = graph_.Node(Rows(Width()), {out, outputs_});
    stream_ = graph_.Node(Rows(Width()), {stream_, outputs_});
  }
  stream_ = graph_.InPlace(Rows(Width()), {out, stream_});
  if (layer.feed_forward == 0 && !layer.experts) return;
  const Tensor between = plan_.norms_last ? stream_ : Linear(Width(), stream_);
  const Tensor down = layer.experts ? Experts(between) : FeedForward(layer, between);
  stream_ = graph_.InPlace(Rows(Width()), {down, stream_});
}

Tensor Builder::Rotated(std::uint64_t width, Tensor tensor, Tensor rotation) {
  return graph_.Node(Rows(width), {graph_.View(tensor), rotation});
}

Tensor Builder::Attend(const LayerPlan& layer, Tensor norm) {
  const std::uint64_t query_width = SaturatingProduct(layer.heads, layer.key_length);
  const std::uint64_t value_width = SaturatingProduct(layer.kv_heads, layer.value_length);
  Tensor query = Linear(query_width, norm);
  if (plan_.rotates) query = Rotated(query_width, query, positions_);
  if (key_rotation_ != 0) query = Rotated(query_width, query, key_rotation_);
  if (!layer.cached) return Linear(Width(), graph_.View(Scores(layer, query)));
  Tensor value = graph_.View(Linear(value_width, norm));
  if (value_rotation_ != 0) value = Rotated(value_width, value, value_rotation_);
  Tensor key = Linear(layer.key_elements, norm);
  if (plan_.rotates) key = Rotated(layer.key_elements, key, positions_);
  if (key_rotation_ != 0) key = Rotated(layer.key_elements, key, key_rotation_);
  graph_.Sink({graph_.View(key), layer.windowed ? window_key_rows_ : key_rows_});
  graph_.Sink({graph_.View(value), layer.windowed ? window_value_rows_ : value_rows_});
  return Linear(Width(), graph_.View(Scores(layer, query)));
}

// From queries to the weighted values of each head.
Tensor Builder::Scores(const LayerPlan& layer, Tensor query) {
  const std::uint64_t width = SaturatingProduct(layer.heads, layer.value_length);
  const std::uint64_t cells = layer.windowed ? settings_.window_cells : settings_.cells;
  const Tensor mask = layer.windowed ? window_mask_ : mask_;
  if (settings_.flash_attention) {
    Tensor scores;
    const auto as_f16 = [this, cells](std::uint64_t elements) {
      return graph_.Node(SaturatingProduct(cells, elements, kF16), {});
    };
    const bool copies_keys = settings_.key_type == KvType::kF32;
    const bool copies_values = settings_.value_type == KvType::kF32;
    const Tensor query_view = graph_.View(query);
    if (copies_keys && copies_values) {
      const Tensor keys = as_f16(layer.key_elements);
      scores = graph_.Node(Rows(width), {query_view, keys, as_f16(layer.value_elements), mask});
    } else if (copies_keys || copies_values) {
      const Tensor copy = as_f16(copies_keys ? layer.key_elements : layer.value_elements);
      scores = graph_.Node(Rows(width), {query_view, copy, mask});
    } else {
      scores = graph_.Node(Rows(width), {query_view, mask});
    }
    return value_rotation_ != 0 ? Rotated(width, scores, value_rotation_) : scores;
  }
  const std::uint64_t products = SaturatingProduct(cells, tokens_, layer.heads, kF32);
  const Tensor raw = graph_.Node(products, {graph_.View(query)});
  const Tensor weights = graph_.InPlace(products, {raw, mask});
  const Tensor heads = graph_.Node(Rows(width), {weights});
  return graph_.Node(Rows(width), {graph_.View(heads)});
}

Tensor Builder::AttendLatent(const LayerPlan& layer, Tensor norm) {
  const GgufShape& shape = metadata_.shape;
  const std::uint64_t rank = shape.kv_lora_rank;
  const std::uint64_t row = layer.key_length;  // rank and the rotated dimensions
  const std::uint64_t rotated = row > rank ? row - rank : 0;
  const std::uint64_t query_width = SaturatingProduct(layer.heads, shape.key_length_mla);
  const Tensor from = shape.q_lora_rank > 0 ? Linear(shape.q_lora_rank, norm) : norm;
  const Tensor query = Linear(query_width, from);
  const Tensor absorbed =
      graph_.Node(Rows(SaturatingProduct(layer.heads, rank)), {graph_.View(query)});
  const Tensor turned =
      graph_.Node(Rows(SaturatingProduct(layer.heads, rotated)), {graph_.View(query), positions_});
  const Tensor whole =
      graph_.Node(Rows(SaturatingProduct(layer.heads, row)), {graph_.View(absorbed), turned});
  const Tensor compressed = Linear(row, norm);
  const Tensor latent = graph_.Node(Rows(rank), {graph_.View(compressed)});
  const Tensor turned_key = graph_.Node(Rows(rotated), {graph_.View(compressed), positions_});
  const Tensor key = graph_.Node(Rows(row), {graph_.View(latent), turned_key});
  graph_.Sink({graph_.View(key), key_rows_});
  LayerPlan inner = layer;
  inner.value_length = rank;
  const Tensor scores = Scores(inner, whole);
  const std::uint64_t value_width = SaturatingProduct(layer.heads, shape.value_length_mla);
  const Tensor values = graph_.Node(Rows(value_width), {graph_.View(scores)});
  const Tensor rows = graph_.Node(Rows(value_width), {graph_.View(values)});
  return Linear(Width(), graph_.View(rows));
}

// Attention without a cache: over the batch itself, whose keys and values are padded and copied.
Tensor Builder::AttendEncoder(const LayerPlan& layer, Tensor norm) {
  const std::uint64_t query_width = SaturatingProduct(layer.heads, layer.key_length);
  Tensor query = Linear(query_width, norm);
  Tensor key = Linear(layer.key_elements, norm);
  if (plan_.rotates) {
    query = Rotated(query_width, query, positions_);
    key = Rotated(layer.key_elements, key, positions_);
  }
  const Tensor value = Linear(layer.value_elements, norm);
  const std::uint64_t width = SaturatingProduct(layer.heads, layer.value_length);
  const auto copied = [this](Tensor from, std::uint64_t elements) {
    const Tensor padded =
        graph_.Node(SaturatingProduct(elements, PaddedTokens(), kF32), {graph_.View(from)});
    return graph_.Node(SaturatingProduct(elements, PaddedTokens(), kF16), {graph_.View(padded)});
  };
  if (settings_.flash_attention) {
    const Tensor keys = copied(key, layer.key_elements);
    const Tensor values = copied(value, layer.value_elements);
    const Tensor scores = graph_.Node(Rows(width), {graph_.View(query), keys, values, mask_});
    return Linear(Width(), graph_.View(scores));
  }
  const std::uint64_t products = SaturatingProduct(tokens_, tokens_, layer.heads, kF32);
  const Tensor raw = graph_.Node(products, {graph_.View(key), graph_.View(query)});
  const Tensor weights = graph_.InPlace(products, {raw, mask_});
  const Tensor transposed = graph_.Node(Rows(layer.value_elements), {graph_.View(value)});
  const Tensor heads = graph_.Node(Rows(width), {transposed, weights});
  const Tensor rows = graph_.Node(Rows(width), {graph_.View(heads)});
  return Linear(Width(), rows);
}

// The state of all sequences is read, moved through the batch and written back.
Tensor Builder::Recur(const LayerPlan& layer, Tensor norm) {
  const GgufShape& shape = metadata_.shape;
  const std::uint64_t inner = shape.ssm_inner_size;
  const std::uint64_t state = SaturatingProduct(layer.state_elements, settings_.sequences, kF32);
  if (inner == 0) {  // RWKV, short convolutions: a few rows of the model's width
    const Tensor moved = graph_.Node(SaturatingSum(Rows(Width()), state), {norm, states_});
    return Linear(Width(), graph_.View(moved));
  }
  const std::uint64_t groups =
      SaturatingProduct(2, std::max(1U, shape.ssm_group_count), shape.ssm_state_size);
  const bool second = metadata_.architecture != "mamba" && shape.ssm_group_count > 0;
  const std::uint64_t projected_width =
      second ? SaturatingSum(SaturatingProduct(2, inner),
                             SaturatingSum(groups, shape.ssm_time_step_rank))
             : SaturatingProduct(2, inner);
  const Tensor projected = Linear(projected_width, norm);
  const Tensor active = Convolve(layer, projected);
  Tensor step;
  if (second) {
    step = Linear(shape.ssm_time_step_rank, graph_.View(projected));
  } else {
    const Tensor parameters = Linear(SaturatingSum(shape.ssm_time_step_rank, groups), active);
    step = Linear(inner, Linear(shape.ssm_time_step_rank, graph_.View(parameters)));
    const Tensor scan = graph_.Node(SaturatingSum(Rows(inner), state),
                                    {graph_.View(active), step, graph_.View(parameters), states_});
    graph_.Sink({graph_.View(scan)});
    const Tensor gate = Linear(inner, graph_.View(projected));
    const Tensor skip = Linear(inner, active);
    const Tensor sum = graph_.InPlace(Rows(inner), {graph_.View(scan), skip});
    return Linear(Width(), graph_.Node(Rows(inner), {gate, sum}));
  }
  const Tensor scan =
      graph_.Node(SaturatingSum(Rows(inner), state), {graph_.View(active), step, states_});
  graph_.Sink({graph_.View(scan)});
  const Tensor gate = Linear(inner, graph_.View(projected));
  const Tensor skip = Linear(inner, graph_.View(active));
  const Tensor sum = graph_.InPlace(Rows(inner), {graph_.View(scan), skip});
  const Tensor gated = graph_.Node(Rows(inner), {gate, sum});
  const Tensor normed = Linear(inner, graph_.View(gated));
  return Linear(Width(), graph_.View(normed));
}

Tensor Builder::Convolve(const LayerPlan& layer, Tensor projected) {
  const std::uint64_t kernel = std::max(2U, metadata_.shape.ssm_conv_kernel) - 1;
  const std::uint64_t width = layer.conv_elements / kernel;
  const std::uint64_t old = SaturatingProduct(layer.conv_elements, settings_.sequences, kF32);
  const Tensor kept = graph_.Node(old, {states_});
  const Tensor joined =
      graph_.Node(SaturatingSum(Rows(width), old), {graph_.View(kept), graph_.View(projected)});
  graph_.Sink({graph_.View(joined)});
  return Linear(width, joined);
}

Tensor Builder::FeedForward(const LayerPlan& layer, Tensor norm) {
  const Tensor first = Linear(layer.feed_forward, norm);
  if (!metadata_.weights.has_gate) return Linear(Width(), first);
  const Tensor second = Linear(layer.feed_forward, norm);
  const Tensor gated = graph_.Node(Rows(layer.feed_forward), {first, second});
  return Linear(Width(), gated);
}

Tensor Builder::Experts(Tensor norm) {
  const GgufShape& shape = metadata_.shape;
  const std::uint64_t used = shape.expert_used_count;
  const std::uint64_t width = SaturatingProduct(used, shape.expert_feed_forward_length > 0
                                                          ? shape.expert_feed_forward_length
                                                          : shape.feed_forward_length.Max());
  const Tensor choice = Linear(shape.expert_count, norm);
  const Tensor order = Linear(shape.expert_count, graph_.View(choice));
  const Tensor chosen = graph_.View(order);
  const Tensor weights = graph_.Node(Rows(used), {graph_.View(choice), chosen});
  const Tensor gate = graph_.Node(Rows(width), {graph_.View(norm), chosen});
  const Tensor up = graph_.Node(Rows(width), {graph_.View(norm), chosen});
  const Tensor gated = graph_.Node(Rows(width), {gate, up});
  const std::uint64_t all = Rows(SaturatingProduct(used, Width()));
  const Tensor down = graph_.Node(all, {gated, chosen});
  const Tensor weighted = graph_.InPlace(all, {down, graph_.View(weights)});
  const Tensor sum = graph_.Node(Rows(Width()), {graph_.View(weighted)});
  if (shape.expert_shared_count == 0 && shape.expert_shared_feed_forward_length == 0) return sum;
  const std::uint64_t shared =
      shape.expert_shared_feed_forward_length > 0
          ? shape.expert_shared_feed_forward_length
          : SaturatingProduct(shape.expert_feed_forward_length, shape.expert_shared_count);
  const Tensor shared_gate = Linear(shared, norm);
  const Tensor shared_up = Linear(shared, norm);
  const Tensor shared_gated = graph_.Node(Rows(shared), {shared_gate, shared_up});
  return graph_.InPlace(Rows(Width()), {sum, Linear(Width(), shared_gated)});
}

}  // namespace

std::uint64_t ComputeBytes(const GgufMetadata& metadata, const ModelPlan& plan,
                           const GraphSettings& settings, std::uint64_t alignment) {
  return Builder(metadata, plan, settings).Build().PeakBytes(alignment);
}

}  // namespace tidegate::models
