// The command line of one llama-server child.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/locator.h"
#include "models/local_models.h"
#include "models/memory_fit.h"

namespace tidegate::engine {

inline constexpr std::int64_t kContextTokensDefault = 8'192;
// Llama-server's own default is 8 GiB beside weights and context.
inline constexpr int kPromptCacheMibDefault = 256;

enum class FlashAttention : std::uint8_t { kAuto, kOn, kOff };

enum class Speculation : std::uint8_t { kOff, kAuto, kDraft, kNgram };

struct Adapter {
  std::string path;
  double scale = 1;
};

class TuningSource;

struct ChildSettings {
  // The most that one request may use; a model with less trained context gets that. Memory is set
  // aside for so much in every slot, so that requests beside each other cannot push one another
  // out. 0 = nobody asked: kContextTokensDefault, or less where that does not fit (fit.h).
  std::int64_t context_tokens_max = 0;
  int threads = 0;  // 0 = EngineThreads()
  int prompt_cache_mib = kPromptCacheMibDefault;
  models::KvType key_type = models::KvType::kF16;
  models::KvType value_type = models::KvType::kF16;  // quantised: needs flash attention
  FlashAttention flash_attention = FlashAttention::kAuto;
  std::optional<int> device_layers;  // layers on graphics devices; unset = llama-server's choice
  std::string devices;               // the only ones to use: "CUDA0,CUDA1"; empty = all
  std::optional<int> ubatch;         // tokens of a batch; unset = 512, or a whole text to embed
  std::string projector_path;        // turns images and sounds into tokens; empty = none, as below
  std::string draft_path;            // a small model that guesses tokens ahead
  // What is decided when a model is known, see speculation.h; a `speculation` that is named wins.
  Speculation speculate = Speculation::kAuto;
  std::string speculation;          // of --spec-type: "draft-simple", "ngram-mod", …
  std::string speculation_note;     // why it is not what was asked for; empty = it is
  std::optional<int> draft_tokens;  // guessed at once; unset = llama-server's choice
  std::string slot_save_folder;     // where the state of slots may be kept
  std::vector<Adapter> adapters;    // applied from the start, in this order
  bool tells_devices = false;       // says in its output which graphics devices it uses
  // What was found better for single models (tuning.h); null: nothing was. What stands above wins.
  std::shared_ptr<TuningSource> tuning = {};
};

// Worker threads for generating: the physical cores that this process may use, but one logical core
// is left to everybody else. llama.cpp's threads wait for each other by spinning, so one too many
// costs most of the speed.
int EngineThreads();

// The context that one request to `model` may use.
std::int64_t ContextTokens(const models::LocalModel& model, const ChildSettings& settings);

// Whether each text that `model` gets is read in one piece: it embeds or ranks.
bool ReadsInOnePiece(const models::LocalModel& model);

// How many tokens `model` computes in one piece.
int BatchTokens(const models::LocalModel& model, const ChildSettings& settings);

struct ChildFiles {
  std::string socket_path;  // ends in ".sock"
  std::string api_key_path;
  // The state of its slots: what it may read, and what it may write; all are there already.
  std::vector<std::string> slots_in = {}, slots_out = {};
  std::uint64_t slot_bytes_max = 0;  // of each that it writes
};

// Options that this version does not list are left out where it can serve without them. Errors:
// kUnavailable with reason "engine_too_old", naming the version and the option, for one without
// which it would be unsafe or of no use, or that a setting asks for; kInvalidArgument for settings
// that contradict each other, or a path that no option can carry.
Result<std::vector<std::string>> MakeCommandLine(const EngineBinary& binary,
                                                 const models::LocalModel& model,
                                                 const ChildSettings& settings, int slots,
                                                 const ChildFiles& files);

}  // namespace tidegate::engine
