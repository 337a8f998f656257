// One model at one place: what the planner chooses between. Facts that change only with the
// configuration.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/money.h"
#include "core/capability.h"
#include "core/model_card.h"
#include "core/place.h"
#include "core/protocol.h"
#include "core/speed_profile.h"

namespace tidegate::core {

// "provider/model", as callers write it. Both parts as configured; the model part may itself
// contain '/'.
struct ModelRef {
  std::string provider;
  std::string model;
  friend bool operator==(const ModelRef&, const ModelRef&) = default;
  std::string ToString() const { return provider + "/" + model; }
};

struct ModelDefaults;  // model_defaults.h
struct MemoryFit;      // memory_fit.h

struct Prices {
  Price input, output, cached_read, cached_write;
  Money per_request;
};

// The numbers of the tokens around what a model fills in.
struct FillInTokens {
  std::int64_t prefix = 0, suffix = 0, middle = 0;
  friend bool operator==(const FillInTokens&, const FillInTokens&) = default;
};

// What lies on the disk, for people and clients that ask.
struct Weights {
  std::string format;        // "gguf"
  std::string architecture;  // "llama", "qwen3", …
  std::string quantisation;  // "Q4_K_M", …
  std::uint64_t parameters = 0;
  std::uint64_t bytes = 0;
  std::int64_t modified_s = 0;  // since 1970
  std::string digest = {};      // of its manifest, 64 hexadecimal digits; empty without one
  // Reads what else it says of itself, its long lists too where `everything` is wanted; blocks on
  // the disk. May be empty: nothing more is known.
  std::function<std::shared_ptr<const ModelCard>(bool everything)> read_card = {};
};
// "8.0B", "134.5M", "260.0K".
std::string ParametersText(std::uint64_t parameters);

struct Deployment {
  ModelRef ref;
  std::string upstream_model;  // the name the provider knows it by, if another than ref.model
  std::string
      family;  // the same weights under other names and providers share it: fallback = same_model
  Protocol protocol = Protocol::kOpenAiChat;
  // Others that it speaks at the same address: for callers who speak them.
  std::vector<Protocol> also_speaks = {};
  Place place = Place::kCloud;
  std::string region;  // jurisdiction, or empty when unknown
  bool zero_data_retention = false;
  bool emulated = false;  // answers come from the emulator and say so
  // Where the server that we reach passes the request on to, in its own words, and as what; empty:
  // it answers itself. Whatever is passed on is at Place::kCloud.
  std::string passed_on_to, passed_on_as;
  std::optional<Weights> weights;                      // of a model on this device
  std::shared_ptr<const ModelDefaults> defaults = {};  // likewise; null: it has none
  std::optional<FillInTokens> fill_in = {};            // likewise, with Capability::kInsert
  CapabilitySet capabilities;
  std::optional<Prices>
      prices;  // nothing = unknown = not eligible for a paid route; the device's is zero
  std::int64_t context_tokens = 0;  // 0 = unknown
  // Of a model on this device that can be loaded again with a larger window: the largest.
  std::int64_t context_tokens_max = 0;
  std::shared_ptr<const MemoryFit> memory = {};  // of a model on this device; null: not known
  std::int64_t output_tokens_max = 0;            // 0 = unknown: the context bounds it
  double quality =
      0.5;  // prior in 0 … 1: chance of a right answer on a request of middling difficulty
  std::int64_t ttft_ms_prior = 500;  // until there are measurements
  double tokens_per_s_prior = 50;
  // What was measured on this machine, which the priors above give way to; null: nothing was.
  std::shared_ptr<const SpeedProfile> speed = {};

  std::int64_t window_max() const { return std::max(context_tokens, context_tokens_max); }
  bool Speaks(Protocol asked) const {
    return asked == protocol ||
           std::find(also_speaks.begin(), also_speaks.end(), asked) != also_speaks.end();
  }
};

// What is known of a deployment at this moment; a snapshot, not a promise.
struct LiveState {
  bool available = true;        // the breaker is closed and, on the device, the engine can serve it
  std::string unavailable_why;  // one sentence, when not available
  bool loaded = true;           // on the device: the weights are resident
  std::int64_t load_ms = 0;     // on the device: expected time to load it, also once more
  // On the device, while it is loaded: the window it has.
  std::int64_t context_tokens = 0;
  std::int64_t queue_depth = 0;  // requests waiting before this one
  std::int64_t users = 0;        // on the device: requests that it answers now
  // On the device: until a request that came now could be sent, loading and queue included, by what
  // was observed of those before.
  std::int64_t expected_wait_ms = 0;
  std::int64_t samples = 0;  // measurements behind the next five; 0 = use the priors
  double ttft_ms_p50 = 0, ttft_ms_p95 = 0;
  double prompt_tokens_p50 = 0;  // of the same requests, as estimated before they were sent
  double tokens_per_s_p50 = 0, tokens_per_s_p05 = 0;
};

}  // namespace tidegate::core
