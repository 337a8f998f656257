// What each layer of a model keeps between tokens: keys and values of attention, with or without a
// window, or a state of fixed size.
//
// Sources, all of llama.cpp: which architecture has windows, and in which layers, is in each
// model's load_arch_hparams (src/models/*.cpp); rows of the cache are
// llama_hparams::n_embd_k_gqa/n_embd_v_gqa, states n_embd_r/n_embd_s (src/llama-hparams.cpp).
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "models/gguf.h"

namespace tidegate::models {

// The product, or the largest number when it does not fit.
template <typename... T>
constexpr std::uint64_t SaturatingProduct(T... factors) {
  std::uint64_t product = 1;
  const auto times = [&product](std::uint64_t factor) {
    if (__builtin_mul_overflow(product, factor, &product)) product = UINT64_MAX;
  };
  (times(static_cast<std::uint64_t>(factors)), ...);
  return product;
}
constexpr std::uint64_t SaturatingSum(std::uint64_t a, std::uint64_t b) {
  return __builtin_add_overflow(a, b, &a) ? UINT64_MAX : a;
}
constexpr std::uint64_t RoundUp(std::uint64_t number, std::uint64_t to) {
  return number > UINT64_MAX - to ? UINT64_MAX / to * to : (number + to - 1) / to * to;
}

struct LayerPlan {
  bool attends = false;
  bool cached = false;    // keeps keys and values of its own
  bool windowed = false;  // only of the last tokens
  std::uint64_t heads = 0, kv_heads = 0;
  std::uint64_t key_length = 0, value_length = 0;      // of one head
  std::uint64_t key_elements = 0, value_elements = 0;  // kept for each token
  bool recurrent = false;
  std::uint64_t conv_elements = 0, state_elements = 0;  // kept for each sequence
  std::uint64_t feed_forward = 0;                       // 0 = there is none, or experts only
  bool experts = false;
};

struct ModelPlan {
  std::vector<LayerPlan> layers;
  bool latent = false;  // multi-head latent attention: one compressed row, no values
  std::uint64_t window = 0;
  bool has_cache = false, has_windows = false, has_states = false;
  bool norms_last = false;  // of sums, as in BERT; else of what attention and feed-forward get
  bool rotates = true;      // positions are rotated into queries and keys
};

// Errors: kInvalidArgument when the file lacks a size that is needed, naming the key.
Result<ModelPlan> PlanLayers(const GgufMetadata& metadata);

}  // namespace tidegate::models
