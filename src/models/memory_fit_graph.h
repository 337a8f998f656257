// The graph that llama.cpp computes for one batch of a model, as far as it needs memory.
//
// Source: the graph builders of llama.cpp (src/llama-graph.cpp and src/models/*.cpp) in the order
// in which GGML_SCHED_DEBUG=2 prints their nodes. Operations that work in place (norms with their
// weights, biases, scales, residual sums) are left out where they change nothing.
#pragma once

#include <cstdint>

#include "models/gguf.h"
#include "models/memory_fit.h"
#include "models/memory_fit_layers.h"

namespace tidegate::models {

struct GraphSettings {
  std::uint64_t tokens = 0;        // of a batch
  std::uint64_t outputs = 0;       // tokens of it whose logits are wanted
  std::uint64_t sequences = 1;     // slots
  std::uint64_t cells = 0;         // that a token of the batch looks at
  std::uint64_t window_cells = 0;  // the same in layers with a window
  bool flash_attention = true;
  KvType key_type = KvType::kF16;
  KvType value_type = KvType::kF16;
};

inline constexpr std::uint64_t kCpuAlignment = 32;  // of ggml's CPU buffers

// Saturates where a hostile file makes the numbers impossible.
std::uint64_t ComputeBytes(const GgufMetadata& metadata, const ModelPlan& plan,
                           const GraphSettings& settings, std::uint64_t alignment);

}  // namespace tidegate::models
