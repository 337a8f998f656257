// The tensors and keys of some architectures, for TinyModel. For tests only.
#pragma once

#include <cstdint>
#include <string>

#include "engine/tiny_models.h"

namespace tidegate::engine {

inline void AddEmbedding(TinyModel& model, bool own_head) {
  const TinySizes& sizes = model.sizes();
  model.Matrix("token_embd.weight", {sizes.width, sizes.vocabulary});
  model.Vector("output_norm.weight", {sizes.width});
  if (own_head) model.Matrix("output.weight", {sizes.width, sizes.vocabulary});
}

// With heads of its own, where the layers differ.
inline void AddHeads(TinyModel& model, std::uint32_t layer, std::uint64_t heads,
                     std::uint64_t kv_heads) {
  const TinySizes& sizes = model.sizes();
  const std::uint64_t all = heads * sizes.head_length;
  const std::uint64_t kv = kv_heads * sizes.head_length;
  model.Vector(model.Layer(layer, "attn_norm"), {sizes.width});
  model.Matrix(model.Layer(layer, "attn_q"), {sizes.width, all});
  model.Matrix(model.Layer(layer, "attn_k"), {sizes.width, kv});
  model.Matrix(model.Layer(layer, "attn_v"), {sizes.width, kv});
  model.Matrix(model.Layer(layer, "attn_output"), {all, sizes.width});
}

inline void AddAttention(TinyModel& model, std::uint32_t layer, bool norms_heads) {
  const TinySizes& sizes = model.sizes();
  AddHeads(model, layer, sizes.heads, sizes.kv_heads);
  if (!norms_heads) return;
  model.Vector(model.Layer(layer, "attn_q_norm"), {sizes.head_length});
  model.Vector(model.Layer(layer, "attn_k_norm"), {sizes.head_length});
}

inline void AddFeedForward(TinyModel& model, std::uint32_t layer, std::uint64_t width) {
  const TinySizes& sizes = model.sizes();
  model.Vector(model.Layer(layer, "ffn_norm"), {sizes.width});
  model.Matrix(model.Layer(layer, "ffn_gate"), {sizes.width, width});
  model.Matrix(model.Layer(layer, "ffn_up"), {sizes.width, width});
  model.Matrix(model.Layer(layer, "ffn_down"), {width, sizes.width});
}

inline void AddExperts(TinyModel& model, std::uint32_t layer, std::uint64_t experts) {
  const TinySizes& sizes = model.sizes();
  const std::uint64_t inner = sizes.feed_forward;
  model.Vector(model.Layer(layer, "ffn_norm"), {sizes.width});
  model.Vector(model.Layer(layer, "ffn_gate_inp"), {sizes.width, experts});
  model.Matrix(model.Layer(layer, "ffn_gate_exps"), {sizes.width, inner, experts});
  model.Matrix(model.Layer(layer, "ffn_up_exps"), {sizes.width, inner, experts});
  model.Matrix(model.Layer(layer, "ffn_down_exps"), {inner, sizes.width, experts});
}

inline TinyModel Transformer(const std::string& architecture, const TinySizes& sizes) {
  TinyModel model(architecture, sizes);
  model.Number("attention.head_count_kv", sizes.kv_heads);
  model.Number("attention.key_length", sizes.head_length);
  model.Number("attention.value_length", sizes.head_length);
  model.Number("rope.dimension_count", sizes.head_length);
  model.Real("attention.layer_norm_rms_epsilon", 1e-5F);
  model.SentencePieces();
  return model;
}

inline TinyModel Llama(const TinySizes& sizes) {
  TinyModel model = Transformer("llama", sizes);
  AddEmbedding(model, true);
  for (std::uint32_t layer = 0; layer < sizes.layers; ++layer) {
    AddAttention(model, layer, false);
    AddFeedForward(model, layer, sizes.feed_forward);
  }
  return model;
}

inline TinyModel Qwen3(const TinySizes& sizes) {
  TinyModel model = Transformer("qwen3", sizes);
  AddEmbedding(model, false);
  for (std::uint32_t layer = 0; layer < sizes.layers; ++layer) {
    AddAttention(model, layer, true);
    AddFeedForward(model, layer, sizes.feed_forward);
  }
  return model;
}

inline TinyModel Gemma3(const TinySizes& sizes, std::uint32_t window) {
  TinyModel model = Transformer("gemma3", sizes);
  model.Number("attention.sliding_window", window);
  AddEmbedding(model, false);
  for (std::uint32_t layer = 0; layer < sizes.layers; ++layer) {
    AddAttention(model, layer, true);
    model.Vector(model.Layer(layer, "post_attention_norm"), {sizes.width});
    AddFeedForward(model, layer, sizes.feed_forward);
    model.Vector(model.Layer(layer, "post_ffw_norm"), {sizes.width});
  }
  return model;
}

inline TinyModel Qwen3Moe(const TinySizes& sizes, std::uint32_t experts, std::uint32_t used) {
  TinyModel model = Transformer("qwen3moe", sizes);
  model.Number("expert_count", experts).Number("expert_used_count", used);
  model.Number("expert_feed_forward_length", sizes.feed_forward);
  AddEmbedding(model, true);
  for (std::uint32_t layer = 0; layer < sizes.layers; ++layer) {
    AddAttention(model, layer, true);
    AddExperts(model, layer, experts);
  }
  return model;
}

// Latent attention, without experts.
inline TinyModel DeepSeek2(const TinySizes& sizes, std::uint32_t rank, std::uint32_t rotated) {
  constexpr std::uint32_t kQueryRank = 256;
  const std::uint32_t plain = sizes.head_length;
  TinyModel model("deepseek2", sizes);
  model.Number("attention.head_count_kv", 1).Number("attention.kv_lora_rank", rank);
  model.Number("attention.q_lora_rank", kQueryRank);
  model.Number("attention.key_length", rank + rotated).Number("attention.value_length", rank);
  model.Number("attention.key_length_mla", plain + rotated);
  model.Number("attention.value_length_mla", plain).Number("rope.dimension_count", rotated);
  model.Number("leading_dense_block_count", sizes.layers).Number("expert_shared_count", 0);
  model.Number("expert_feed_forward_length", sizes.feed_forward);
  model.Real("expert_weights_scale", 1).Real("attention.layer_norm_rms_epsilon", 1e-6F);
  model.SentencePieces();
  AddEmbedding(model, true);
  const std::uint64_t heads = sizes.heads;
  for (std::uint32_t layer = 0; layer < sizes.layers; ++layer) {
    model.Vector(model.Layer(layer, "attn_norm"), {sizes.width});
    model.Matrix(model.Layer(layer, "attn_q_a"), {sizes.width, kQueryRank});
    model.Vector(model.Layer(layer, "attn_q_a_norm"), {kQueryRank});
    model.Matrix(model.Layer(layer, "attn_q_b"), {kQueryRank, heads * (plain + rotated)});
    model.Matrix(model.Layer(layer, "attn_kv_a_mqa"), {sizes.width, rank + rotated});
    model.Vector(model.Layer(layer, "attn_kv_a_norm"), {rank});
    model.Matrix(model.Layer(layer, "attn_k_b"), {plain, rank, heads});
    model.Matrix(model.Layer(layer, "attn_v_b"), {rank, plain, heads});
    model.Matrix(model.Layer(layer, "attn_output"), {heads * plain, sizes.width});
    AddFeedForward(model, layer, sizes.feed_forward);
  }
  return model;
}

inline std::uint32_t InnerSize(const TinyModel& model) { return 2 * model.sizes().width; }

inline void AddMamba2Keys(TinyModel& model, std::uint32_t state) {
  model.Number("ssm.conv_kernel", 4).Number("ssm.inner_size", InnerSize(model));
  model.Number("ssm.state_size", state).Number("ssm.time_step_rank", InnerSize(model) / 64);
  model.Number("ssm.group_count", 1);
}

inline void AddMamba2(TinyModel& model, std::uint32_t layer, std::uint32_t state) {
  const std::uint64_t width = model.sizes().width, inner = InnerSize(model), heads = inner / 64;
  const std::uint64_t convolved = inner + 2 * state;
  const std::string prefix = "blk." + std::to_string(layer) + ".";
  model.Vector(model.Layer(layer, "attn_norm"), {width});
  model.Matrix(model.Layer(layer, "ssm_in"), {width, inner + convolved + heads});
  model.Vector(model.Layer(layer, "ssm_conv1d"), {4, convolved});
  model.Vector(prefix + "ssm_conv1d.bias", {convolved}).Vector(prefix + "ssm_dt.bias", {heads});
  model.Vector(prefix + "ssm_a", {1, heads}).Vector(prefix + "ssm_d", {1, heads});
  model.Vector(model.Layer(layer, "ssm_norm"), {inner, 1});
  model.Matrix(model.Layer(layer, "ssm_out"), {inner, width});
}

inline TinyModel Mamba2(const TinySizes& sizes, std::uint32_t state) {
  TinyModel model("mamba2", sizes);
  model.Real("attention.layer_norm_rms_epsilon", 1e-5F).SentencePieces();
  AddMamba2Keys(model, state);
  AddEmbedding(model, true);
  for (std::uint32_t layer = 0; layer < sizes.layers; ++layer) AddMamba2(model, layer, state);
  return model;
}

inline TinyModel Bert(const TinySizes& sizes) {
  TinyModel model("bert", sizes);
  model.Real("attention.layer_norm_epsilon", 1e-12F).Truth("attention.causal", false);
  model.Number("pooling_type", 1).WordPieces();
  const std::uint64_t width = sizes.width;
  model.Matrix("token_embd.weight", {width, sizes.vocabulary});
  model.Vector("token_types.weight", {width, 2});
  model.Vector("position_embd.weight", {width, sizes.context});
  model.Vector("token_embd_norm.weight", {width}).Vector("token_embd_norm.bias", {width});
  for (std::uint32_t layer = 0; layer < sizes.layers; ++layer) {
    const std::string prefix = "blk." + std::to_string(layer) + ".";
    for (const char* name : {"attn_q", "attn_k", "attn_v", "attn_output"}) {
      model.Matrix(model.Layer(layer, name), {width, width});
      model.Vector(prefix + name + ".bias", {width});
    }
    model.Matrix(model.Layer(layer, "ffn_up"), {width, sizes.feed_forward});
    model.Vector(prefix + "ffn_up.bias", {sizes.feed_forward});
    model.Matrix(model.Layer(layer, "ffn_down"), {sizes.feed_forward, width});
    model.Vector(prefix + "ffn_down.bias", {width});
    for (const char* name : {"attn_output_norm", "layer_output_norm"}) {
      model.Vector(model.Layer(layer, name), {width}).Vector(prefix + name + ".bias", {width});
    }
  }
  return model;
}

}  // namespace tidegate::engine
