// How much memory llama-server takes for a model, before it is started: part by part and device by
// device. Pure: no I/O, no clock, no engine.
//
// Where each number comes from, all in llama.cpp (checked against version 0.7.0, build 11669, by
// engine/memory_fit_test.cc, which starts it and compares):
//   weights    the tensor table of the file: elements / block * bytes of a block.
//   cache      keys and values: llama_kv_cache (src/llama-kv-cache.cpp): for each layer with a
//   cache
//              of its own cells * streams * (kv_heads * key_length * bytes of K's type + the same
//              of V). cells = context rounded up to 256; unified: one stream of the whole context,
//              else one stream per slot. With a window (src/llama-kv-cache-iswa.cpp): min(cells,
//              window * slots of the stream + ubatch), rounded up to 256. Latent attention: one row
//              of kv_lora_rank + rotated dimensions and no values.
//   states     of recurrent layers (src/llama-memory-recurrent.cpp, n_embd_r and n_embd_s of
//              src/llama-hparams.cpp): F32, one for each slot.
//   compute    the graph of one batch, placed as ggml-alloc places it: memory_fit_graph.h.
//   output     logits of one token for each slot in F32 (llama_context::output_reserve), and its
//              embedding for models that embed.
//   projector  its tensors, the graph of one image (tools/mtmd/clip.cpp), and the image itself in
//              the forms that it has on the way, with what the model gets of it: measured.
//   checkpoints  llama-server keeps up to 32 copies of windows and states per slot, at least 8192
//              tokens apart (tools/server/server-context.cpp, --ctx-checkpoints).
//   process    code, vocabulary, HTTP threads: measured.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "models/gguf.h"

namespace tidegate::models {

// Types that llama-server's --cache-type-k and -v take.
enum class KvType : std::uint8_t { kF32, kF16, kBf16, kQ8_0, kQ5_1, kQ5_0, kQ4_1, kQ4_0, kIq4Nl };
std::string_view ToString(KvType type);  // "q8_0"
std::optional<KvType> ParseKvType(std::string_view text);
bool IsQuantised(KvType type);

inline constexpr std::int64_t kFitSlotsMax = 256;
inline constexpr std::uint64_t kFitContextStep = 256;  // contexts are rounded up to it
inline constexpr int kFitUbatchDefault = 512;

struct FitDevice {
  std::string name;  // "CUDA0"
  std::uint64_t free_bytes = 0;
};

struct FitInput {
  const GgufMetadata* model = nullptr;  // of all parts together
  const GgufMetadata* projector = nullptr;
  const GgufMetadata* draft = nullptr;
  std::int64_t context_tokens = 0;  // of one slot
  int slots = 1;
  bool unified = true;  // one pool of slots * context_tokens; else a part for each slot
  KvType key_type = KvType::kF16;
  KvType value_type = KvType::kF16;
  int ubatch = kFitUbatchDefault;
  bool flash_attention = true;  // off only where it is asked for, or the device lacks it
  int draft_tokens = 0;         // verified at once beside the next one
  std::uint64_t prompt_cache_bytes = 0;
  // Graphics devices in the engine's order, and how many layers they take together, counted from
  // the last; the head of the model counts as one more. Negative = all.
  std::vector<FitDevice> devices;
  int device_layers = -1;
};

struct FitParts {
  std::uint64_t weights = 0;
  std::uint64_t cache = 0;
  std::uint64_t states = 0;
  std::uint64_t compute = 0;
  std::uint64_t output = 0;
  std::uint64_t projector = 0;
  std::uint64_t draft = 0;  // its weights, cache, compute and output
  std::uint64_t checkpoints = 0;
  std::uint64_t prompt_cache = 0;
  std::uint64_t process = 0;

  std::uint64_t Total() const;  // saturating
};

struct DeviceUse {
  std::string name;
  FitParts parts;
  int layers = 0;
};

struct FitEstimate {
  FitParts host;
  std::vector<DeviceUse> devices;  // as in the input
  std::uint64_t Total() const;
};

// Errors: kInvalidArgument when the file lacks a size that is needed, or a number of the input is
// out of bounds.
Result<FitEstimate> EstimateMemory(const FitInput& input);

}  // namespace tidegate::models
