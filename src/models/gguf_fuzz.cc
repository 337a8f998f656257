// Any bytes: either refused with a sentence, or metadata within its bounds. A read beyond the end
// is a bug.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "models/gguf.h"
#include "models/gguf_builder.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using tidegate::ErrorCode;
  tidegate::models::MemorySource source({reinterpret_cast<const char*>(data), size});
  const auto metadata = tidegate::models::ReadGguf(source);
  if (metadata.ok()) {
    CHECK(metadata->name.size() <= tidegate::models::kGgufDisplayBytesMax);
    CHECK(metadata->split_index < metadata->split_count);
  } else {
    CHECK(metadata.error().code == ErrorCode::kInvalidArgument);
    CHECK(!metadata.error().message.empty());
  }
  return 0;
}
