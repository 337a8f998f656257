// Architectures whose layers are not all alike, and projectors. For tests only.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "engine/tiny_architectures.h"

namespace tidegate::engine {

// Each layer has its own heads and its own feed-forward network; a 0 leaves that part out.
struct TinyLayer {
  std::uint32_t heads, kv_heads, feed_forward;
};

inline std::vector<std::uint32_t> Column(const std::vector<TinyLayer>& layers,
                                         std::uint32_t TinyLayer::*member) {
  std::vector<std::uint32_t> column;
  for (const TinyLayer& layer : layers) column.push_back(layer.*member);
  return column;
}

// As Nemotron's pruned models.
inline TinyModel Deci(TinySizes sizes, const std::vector<TinyLayer>& layers) {
  sizes.layers = static_cast<std::uint32_t>(layers.size());
  TinyModel model = Transformer("deci", sizes);
  model.Numbers("attention.head_count", Column(layers, &TinyLayer::heads));
  model.Numbers("attention.head_count_kv", Column(layers, &TinyLayer::kv_heads));
  model.Numbers("feed_forward_length", Column(layers, &TinyLayer::feed_forward));
  AddEmbedding(model, true);
  for (std::uint32_t i = 0; i < sizes.layers; ++i) {
    const TinyLayer& layer = layers[i];
    if (layer.kv_heads > 0) AddHeads(model, i, layer.heads, layer.kv_heads);
    if (layer.feed_forward > 0) AddFeedForward(model, i, layer.feed_forward);
  }
  return model;
}

// One layer of so many attends, the others keep a state.
inline TinyModel GraniteHybrid(const TinySizes& sizes, std::uint32_t state, std::uint32_t period) {
  TinyModel model = Transformer("granitehybrid", sizes);
  std::vector<std::uint32_t> kv_heads;
  for (std::uint32_t layer = 0; layer < sizes.layers; ++layer) {
    kv_heads.push_back(layer % period == period - 1 ? sizes.kv_heads : 0);
  }
  model.Numbers("attention.head_count_kv", kv_heads);
  AddMamba2Keys(model, state);
  AddEmbedding(model, true);
  for (std::uint32_t layer = 0; layer < sizes.layers; ++layer) {
    if (kv_heads[layer] > 0) {
      AddHeads(model, layer, sizes.heads, sizes.kv_heads);
    } else {
      AddMamba2(model, layer, state);
    }
    AddFeedForward(model, layer, sizes.feed_forward);
  }
  return model;
}

// The same with short convolutions in the stead of states.
inline TinyModel Lfm2(const TinySizes& sizes, std::uint32_t period) {
  constexpr std::uint32_t kKernel = 3;
  TinyModel model = Transformer("lfm2", sizes);
  std::vector<std::uint32_t> kv_heads;
  for (std::uint32_t layer = 0; layer < sizes.layers; ++layer) {
    kv_heads.push_back(layer % period == period - 1 ? sizes.kv_heads : 0);
  }
  model.Numbers("attention.head_count_kv", kv_heads).Number("shortconv.l_cache", kKernel);
  const std::uint64_t width = sizes.width;
  model.Matrix("token_embd.weight", {width, sizes.vocabulary});
  model.Vector("token_embd_norm.weight", {width});
  for (std::uint32_t layer = 0; layer < sizes.layers; ++layer) {
    if (kv_heads[layer] > 0) {
      AddAttention(model, layer, true);
    } else {
      model.Vector(model.Layer(layer, "attn_norm"), {width});
      model.Vector(model.Layer(layer, "shortconv.conv"), {kKernel, width});
      model.Matrix(model.Layer(layer, "shortconv.in_proj"), {width, 3 * width});
      model.Matrix(model.Layer(layer, "shortconv.out_proj"), {width, width});
    }
    AddFeedForward(model, layer, sizes.feed_forward);
  }
  return model;
}

// Experts, sinks, and a window in every other layer.
inline TinyModel GptOss(const TinySizes& sizes, std::uint32_t experts, std::uint32_t used,
                        std::uint32_t window) {
  TinyModel model = Transformer("gpt-oss", sizes);
  model.Number("expert_count", experts).Number("expert_used_count", used);
  model.Number("expert_feed_forward_length", sizes.feed_forward);
  model.Number("attention.sliding_window", window);
  AddEmbedding(model, true);
  const std::uint64_t all = std::uint64_t{sizes.heads} * sizes.head_length;
  const std::uint64_t kv = std::uint64_t{sizes.kv_heads} * sizes.head_length;
  for (std::uint32_t layer = 0; layer < sizes.layers; ++layer) {
    const std::string prefix = "blk." + std::to_string(layer) + ".";
    AddAttention(model, layer, false);
    model.Vector(model.Layer(layer, "post_attention_norm"), {sizes.width});
    model.Vector(model.Layer(layer, "attn_sinks"), {sizes.heads});
    model.Vector(prefix + "attn_q.bias", {all}).Vector(prefix + "attn_k.bias", {kv});
    model.Vector(prefix + "attn_v.bias", {kv}).Vector(prefix + "attn_output.bias", {sizes.width});
    model.Vector(model.Layer(layer, "ffn_gate_inp"), {sizes.width, experts});
    model.Vector(prefix + "ffn_gate_inp.bias", {experts});
    const std::uint64_t inner = sizes.feed_forward;
    for (const char* name : {"ffn_gate_exps", "ffn_up_exps"}) {
      model.Matrix(model.Layer(layer, name), {sizes.width, inner, experts});
      model.Vector(prefix + name + ".bias", {inner, experts});
    }
    model.Matrix(model.Layer(layer, "ffn_down_exps"), {inner, sizes.width, experts});
    model.Vector(prefix + "ffn_down_exps.bias", {sizes.width, experts});
  }
  return model;
}

// Of images, for a model of `into` dimensions.
struct TinyVision {
  std::uint32_t layers = 2, width = 256, feed_forward = 1'024, heads = 4;
  std::uint32_t image = 448, patch = 14, into = 512;
};

// As LLaVA's: images of one size, each patch is a token of the model.
inline TinyModel LlavaProjector(const TinyVision& sizes) {
  TinyModel model("clip", {.type = 1});
  model.Word("general.type", "mmproj").Word("projector_type", "mlp");
  model.Truth("has_vision_encoder", true).Truth("use_gelu", true);
  model.Number("vision.image_size", sizes.image).Number("vision.patch_size", sizes.patch);
  model.Number("vision.embedding_length", sizes.width);
  model.Number("vision.feed_forward_length", sizes.feed_forward);
  model.Number("vision.block_count", sizes.layers);
  model.Number("vision.attention.head_count", sizes.heads);
  model.Number("vision.projection_dim", sizes.into);
  model.Real("vision.attention.layer_norm_epsilon", 1e-5F);
  model.Reals("vision.image_mean", {0.5F, 0.5F, 0.5F});
  model.Reals("vision.image_std", {0.5F, 0.5F, 0.5F});
  const std::uint64_t width = sizes.width, inner = sizes.feed_forward;
  const std::uint64_t side = sizes.image / sizes.patch;
  model.Matrix("v.patch_embd.weight", {sizes.patch, sizes.patch, 3, width});
  model.Vector("v.position_embd.weight", {width, side * side});
  const auto norm = [&](const std::string& name) {
    model.Vector(name + ".weight", {width}).Vector(name + ".bias", {width});
  };
  norm("v.pre_ln");
  norm("v.post_ln");
  for (std::uint32_t layer = 0; layer < sizes.layers; ++layer) {
    const std::string prefix = "v.blk." + std::to_string(layer) + ".";
    norm(prefix + "ln1");
    norm(prefix + "ln2");
    const auto matrix = [&](const std::string& name, std::uint64_t from, std::uint64_t to) {
      model.Matrix(prefix + name + ".weight", {from, to}).Vector(prefix + name + ".bias", {to});
    };
    for (const char* name : {"attn_q", "attn_k", "attn_v", "attn_out"}) matrix(name, width, width);
    matrix("ffn_up", width, inner);
    matrix("ffn_down", inner, width);
  }
  model.Matrix("mm.0.weight", {width, sizes.into}).Vector("mm.0.bias", {sizes.into});
  model.Matrix("mm.2.weight", {sizes.into, sizes.into}).Vector("mm.2.bias", {sizes.into});
  return model;
}

}  // namespace tidegate::engine
