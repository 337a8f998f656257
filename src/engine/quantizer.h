// Makes a model's weights smaller with llama-quantize, which comes with the engine.
//
// It reads a file that anybody may have made, so it runs as the models do: a child that reads the
// one file, writes the one that is there for it, and has no network and nothing else (see
// process/sandbox.h). What it has written is believed only after it was read again (models/create).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "engine/locator.h"
#include "models/create.h"

namespace tidegate::engine {

// Of one model, however large.
inline constexpr std::int64_t kQuantizeTimeoutNanos = 24LL * 3'600 * 1'000'000'000;
inline constexpr std::size_t kQuantizeOutputBytesKept = 16 * 1024;
// Less free memory than that is not tried with.
inline constexpr std::uint64_t kQuantizeMemoryBytesMin = std::uint64_t{256} << 20U;

struct QuantizerOptions {
  LocatorOptions locator;
  bool sandbox = true;
  int threads = 0;  // 0 = as many as it likes
};

// Blocks for as long as it takes; the child ends with the calling thread. Errors: kUnavailable with
// reason "engine_not_installed" (no llama-quantize beside llama-server), "quantize_unknown_level"
// (a version that does not know it), "no_memory", or "quantize_failed" with what it said;
// kCancelled.
models::Quantizer MakeQuantizer(QuantizerOptions options);

// "[  12/ 291] blk.0.attn_k.weight - …" of its output: the tensor that it is at, and of how many.
std::optional<std::pair<std::uint64_t, std::uint64_t>> ParseQuantizeLine(std::string_view line);

}  // namespace tidegate::engine
