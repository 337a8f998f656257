// Chunked bodies: any split gives the body and the verdict of the whole.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "net/http_head.h"

namespace {

using tidegate::Result;
using tidegate::net::ChunkReader;

struct Decoded {
  std::string body;
  bool refused = false, done = false;
  std::size_t used = 0;
};

// Feeds `input` in pieces of `step` bytes; what was not consumed comes again.
Decoded Decode(std::string_view input, std::size_t step) {
  ChunkReader reader;
  Decoded out;
  std::size_t fed = 0;
  while (!reader.done()) {
    const std::string_view waiting = input.substr(out.used, fed - out.used);
    const Result<ChunkReader::Step> next = reader.Next(waiting);
    if (!next.ok()) {
      out.refused = true;
      return out;
    }
    CHECK(next->consumed <= waiting.size());
    CHECK(next->payload.size() <= next->consumed);
    if (next->consumed > 0) {
      out.body += next->payload;
      out.used += next->consumed;
    } else if (fed == input.size()) {
      return out;
    } else {
      fed = std::min(input.size(), fed + step);
    }
  }
  out.done = true;
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Decoded whole = Decode(input, input.size());
  for (const std::size_t step : {std::size_t{1}, std::size_t{data[0] % 16U + 2U}}) {
    const Decoded parts = Decode(input, step);
    CHECK(parts.body == whole.body);
    CHECK(parts.refused == whole.refused && parts.done == whole.done);
    CHECK(!whole.done || parts.used == whole.used);
  }
  return 0;
}
