// Any bytes: either refused with a sentence, or metadata within its bounds, for which an estimate
// of memory can be made. A read beyond the end is a bug.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "models/gguf.h"
#include "models/gguf_builder.h"
#include "models/gguf_info.h"
#include "models/memory_fit.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using tidegate::ErrorCode;
  tidegate::models::MemorySource source({reinterpret_cast<const char*>(data), size});
  const auto metadata = tidegate::models::ReadGguf(source);
  if (metadata.ok()) {
    CHECK(metadata->name.size() <= tidegate::models::kGgufDisplayBytesMax);
    CHECK(metadata->split_index < metadata->split_count);
    CHECK(metadata->shape.block_count <= tidegate::models::kGgufLayersMax);
    CHECK(metadata->weights.block_bytes.size() <= tidegate::models::kGgufLayersMax);
    CHECK(tidegate::models::ReadGgufInfo(source, {.whole_lists = true, .tensors = true}).ok());
    tidegate::models::FitInput input;
    input.model = &*metadata;
    input.context_tokens = 4096;
    const auto estimate = tidegate::models::EstimateMemory(input);
    CHECK(estimate.ok() || estimate.error().code == ErrorCode::kInvalidArgument);
  } else {
    CHECK(metadata.error().code == ErrorCode::kInvalidArgument);
    CHECK(!metadata.error().message.empty());
  }
  return 0;
}
