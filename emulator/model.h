// The models that the emulator pretends to serve, and the presets: tables of models that are there
// without a configuration.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/money.h"
#include "base/result.h"
#include "base/secret.h"
#include "emulator/faults.h"

namespace tidegate::emulator {

// The load mock of a model (load_mock.h): pre-rendered answers for benchmarks of the software in
// front.
struct LoadMockOptions {
  std::int64_t answer_bytes = 1400;    // size of the JSON body of a non-streamed answer, exactly
  std::int64_t stream_events = 42;     // frames with text in a streamed answer
  std::int64_t frame_interval_ms = 0;  // between frames; 0 = all in one write
};

// Where a request carries its key; kQuery: "?key=".
enum class KeyPlace : std::uint8_t { kBearer, kToken, kXApiKey, kApiKey, kXGoogApiKey, kQuery };

// How vendors of one protocol tell limits and errors; README.md shows each.
enum class RateFields : std::uint8_t {
  kNone,
  kOpenAi,
  kAnthropic,
  kMistral,
  kTogether,
  kIetf,
  kCerebras,
  kOpenRouter,
};
enum class ErrorStyle : std::uint8_t {
  kOpenAi,
  kMistral,
  kTogether,
  kHuggingFace,
  kCerebras,
  kAzure,
  kOpenRouter,
  kXai,
  kVllm,
  kSglang,
};

// By what a vendor differs from the protocol it speaks.
struct Quirks {
  std::vector<std::string> shapes;  // that the model is served in; empty = all
  std::optional<KeyPlace> key_place;
  std::optional<RateFields> rate_fields;
  ErrorStyle error_style = ErrorStyle::kOpenAi;       // of OpenAI Chat and its kin
  std::string reasoning_field = "reasoning_content";  // of OpenAI Chat
  std::vector<std::string>
      refuse_fields;                    // top-level members, and "messages[].name", that are a 400
  std::string seed_field = "seed";      // of OpenAI Chat
  std::int64_t tool_call_id_bytes = 0;  // OpenAI Chat: ids have so many letters and digits
  bool reasoning_back = false;          // OpenAI Chat: calls come back with reasoning_content
  bool azure = false;                   // Azure's content filters in OpenAI Chat
  bool comments = false;                // OpenAI Chat: streams begin with a comment
  bool slow_jobs = false;               // Replicate: no answer with the prediction
  bool x_groq = false;                  // OpenAI Chat: usage stands in x_groq of the last chunk
  bool nim = false;                     // NVIDIA's additions to OpenAI Chat
  bool thought_signatures_required = false;  // Gemini: by every function call of a turn
  std::string remote_host;                   // Ollama: the cloud that runs this model
  std::int64_t embedding_dimensions = 256;
};

struct Model {
  std::string name;
  std::int64_t ttft_ms = 0;       // time to the first token
  std::int64_t tokens_per_s = 0;  // 0 = unlimited
  double jitter = 0;              // 0 … 1: how far times vary, as a share of themselves
  Price input_price, cached_input_price, output_price;
  std::optional<Price> cache_write_price;     // none = input_price
  std::int64_t context_tokens_max = 128'000;  // prompt and answer together
  std::int64_t output_tokens_max = 16'384;
  std::int64_t requests_per_minute_max = 0;  // 0 = unlimited
  std::int64_t tokens_per_minute_max = 0;    // 0 = unlimited
  std::int64_t concurrent_max = 0;           // 0 = unlimited
  std::int64_t cache_tokens_min = 1024;      // shorter prefixes are not cached
  Secret api_key;                            // empty = any key, or none
  std::string aws_access_key_id;             // with a secret: requests signed with it are taken
  Secret aws_secret_access_key;
  Quirks quirks;
  Faults faults;
  std::optional<LoadMockOptions> load_mock;
};

// "field": the table of the field and the load mock. "demo": two small models. "all": both. Nothing
// for other names.
std::optional<std::vector<Model>> PresetModels(std::string_view preset);

// Models from TOML, an array of tables `[[model]]`; README.md lists the keys. `source` names the
// text in errors. A model may begin as one of a preset: `base = "gpt-4o"`. Errors: kInvalidArgument
// with the key's path and line.
Result<std::vector<Model>> ParseModels(std::string_view toml, std::string_view source);

}  // namespace tidegate::emulator
