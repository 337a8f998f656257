// What a model file says about itself: GGUF, the format of llama.cpp, header and tensor table only.
//
// A model file comes from the internet and is read by us before llama-server sees it, so every
// count, length and offset in it is hostile until checked (gguf_walk.h): against limits, against
// what is left of the file, and with arithmetic that cannot wrap. Nothing is allocated for a length
// that the file merely claims. A key that we use and that holds something else than it should is an
// error; keys that we do not use may hold anything. Format: docs/gguf.md of ggml; versions 2 and 3,
// little-endian, which is what llama.cpp loads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "models/gguf_source.h"
#include "models/gguf_walk.h"

namespace tidegate::models {

// Of a name, architecture, license, … that is kept.
inline constexpr std::uint64_t kGgufDisplayBytesMax = 256;
inline constexpr std::uint64_t kGgufTemplateBytesMax = 1024 * 1024;
inline constexpr std::uint32_t kGgufLayersMax = 1'024;  // llama.cpp: 512
// Of a size or a count of the network, so that products of a few of them fit 64 bits.
inline constexpr std::uint64_t kGgufSizeMax = 1 << 28;

enum class GgufPooling : std::uint8_t { kNone, kEmbedding, kRank };

enum class GgufKind : std::uint8_t {
  kModel,
  kProjector,  // turns images or sounds into embeddings for a model
  kAdapter,    // LoRA: changes to the weights of a model
  kDraft,      // guesses tokens for one model and cannot run without it
  kOther,      // an importance matrix, a data set, …
};

// A number that a file gives once for all layers, or for each.
struct PerLayer {
  std::vector<std::uint32_t> values;  // empty = not said; one value = the same for each layer

  bool given() const { return !values.empty(); }
  // 0 when it is not said for this layer.
  std::uint32_t At(std::size_t layer) const {
    return values.size() == 1 ? values[0] : layer < values.size() ? values[layer] : 0;
  }
  std::uint32_t Max() const;
};

// Sizes of the network; 0 = the file does not say. Names are those of the keys under the
// architecture's prefix.
struct GgufShape {
  std::uint32_t block_count = 0;  // layers, those for predicting several tokens included
  std::uint32_t nextn_predict_layers = 0;
  std::uint32_t embedding_length = 0;
  std::uint32_t vocabulary = 0;  // rows of the token embedding, or what the keys say
  PerLayer feed_forward_length;
  PerLayer head_count;
  PerLayer head_count_kv;        // like head_count when not given
  std::uint32_t key_length = 0;  // embedding_length / head_count when not given
  std::uint32_t value_length = 0;
  std::uint32_t key_length_swa = 0, value_length_swa = 0;  // of layers with a sliding window
  std::uint32_t sliding_window = 0;
  PerLayer sliding_window_pattern;     // a period, or for each layer whether it has a window
  std::uint32_t shared_kv_layers = 0;  // the last so many use the cache of an earlier one
  std::uint32_t q_lora_rank = 0, kv_lora_rank = 0;  // multi-head latent attention
  std::uint32_t key_length_mla = 0, value_length_mla = 0;
  std::uint32_t rope_dimension_count = 0;
  std::uint32_t full_attention_interval = 0;
  std::uint32_t expert_count = 0, expert_used_count = 0;
  std::uint32_t expert_feed_forward_length = 0, expert_shared_feed_forward_length = 0;
  std::uint32_t expert_shared_count = 0;
  std::uint32_t leading_dense_block_count = 0;
  std::uint32_t ssm_conv_kernel = 0, ssm_inner_size = 0, ssm_state_size = 0;
  std::uint32_t ssm_group_count = 0, ssm_time_step_rank = 0;
  std::uint32_t wkv_head_size = 0, token_shift_count = 0;  // RWKV
  std::uint32_t shortconv_l_cache = 0;
  std::optional<bool> causal;  // attention; unset = the architecture's own

  // Heads and lengths with the defaults filled in.
  std::uint32_t Heads(std::size_t layer) const { return head_count.At(layer); }
  std::uint32_t KvHeads(std::size_t layer) const {
    return head_count_kv.given() ? head_count_kv.At(layer) : head_count.At(layer);
  }
  std::uint32_t KeyLength() const;
  std::uint32_t ValueLength() const;
};

// What a projector file adds.
struct GgufProjector {
  bool vision = false;
  bool audio = false;
  std::string type;  // "gemma3", "qwen2.5vl_merger", …
  std::uint32_t image_size = 0, patch_size = 0;
  std::uint32_t embedding_length = 0, feed_forward_length = 0, head_count = 0, block_count = 0;
  std::uint32_t projection_dim = 0;  // the width of the model that it belongs to
};

struct GgufTypeBytes {
  std::string type;  // "Q4_K"
  std::uint64_t tensors = 0, elements = 0, bytes = 0;
};

// Where the bytes are, for a model that is split between devices.
struct GgufWeights {
  std::vector<GgufTypeBytes> types;         // by ggml's number of the type
  std::uint64_t input_bytes = 0;            // token embedding and what is added to it
  std::uint64_t output_bytes = 0;           // the last norm and the head
  bool has_output = false;                  // else the token embedding is the head as well
  std::vector<std::uint64_t> block_bytes;   // by layer, experts included
  std::vector<std::uint64_t> expert_bytes;  // by layer
  std::uint64_t other_bytes = 0;
  bool has_gate = false;  // the feed-forward network has a gate beside the way up
  bool has_experts = false;
};

// The numbers of the tokens in front of a text, of what follows it, and of what is to be filled in.
struct GgufFillIn {
  std::uint32_t prefix = 0, suffix = 0, middle = 0;
};

struct GgufMetadata {
  std::uint32_t version = 0;
  // "llama", "qwen3", "bert", …; empty only in later parts of a split model.
  std::string architecture;
  std::string type;  // "model", "adapter", "mmproj", …; "model" when the file does not say
  GgufKind kind = GgufKind::kModel;
  std::string name;  // as the author wrote it; may be empty, as the next three
  std::string size_label;
  std::string license;
  std::string base_model;        // name of the first
  std::string quantisation;      // "Q4_K_M", "F16", …; "unknown" when the file does not say
  std::uint64_t parameters = 0;  // elements of all tensors of this file
  std::uint64_t tensor_count = 0;
  std::uint64_t tensor_bytes = 0;
  std::uint64_t context_tokens = 0;  // trained context; 0 = the file does not say
  GgufShape shape;
  GgufWeights weights;
  GgufProjector projector;  // of a projector file
  std::string tokenizer;    // "llama", "gpt2", "bert", …; empty when the file has none
  std::string chat_template;
  bool has_chat_template = false;
  bool template_uses_tools = false;      // a guess from the template's text: it looks at `tools`
  bool template_uses_reasoning = false;  // likewise: it knows of thinking
  std::optional<GgufFillIn> fill_in;     // the vocabulary has tokens to fill in by
  // Not kNone: an embedding or reranking model, which does not chat.
  GgufPooling pooling = GgufPooling::kNone;
  std::uint32_t split_count = 1;  // files that this model is spread over
  std::uint32_t split_index = 0;  // of this file, from 0
};

// Errors: kInvalidArgument with a sentence on what is wrong and where; those of the source.
Result<GgufMetadata> ReadGguf(ByteSource& source);
// Also those of OpenModelFile.
Result<GgufMetadata> ReadGgufFile(const std::string& path);

// Adds the tensors of a later part of a split model. Errors: kInvalidArgument when they are
// impossibly large together.
Result<void> AddGgufPart(GgufMetadata& model, const GgufMetadata& part);

}  // namespace tidegate::models
