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

struct Model {
  std::string name;
  std::int64_t ttft_ms = 0;       // time to the first token
  std::int64_t tokens_per_s = 0;  // 0 = unlimited
  double jitter = 0;              // 0 … 1: how far times vary, as a share of themselves
  Price input_price, cached_input_price, output_price;
  std::int64_t context_tokens_max = 128'000;  // prompt and answer together
  std::int64_t output_tokens_max = 16'384;
  std::int64_t requests_per_minute_max = 0;  // 0 = unlimited
  std::int64_t concurrent_max = 0;           // 0 = unlimited
  std::int64_t cache_tokens_min = 1024;      // shorter prefixes are not cached
  Secret api_key;                            // empty = any key, or none
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
