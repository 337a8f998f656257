// Segments come from a disk: whatever they hold, decoding ends with records or an error, and
// records encode again.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "ledger/segment.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using tidegate::ledger::DecodeSegment;
  const auto records = DecodeSegment(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!records.ok()) return 0;
  tidegate::ledger::SegmentBuilder builder;
  for (const auto& record : *records) builder.Add(record);
  const auto again = DecodeSegment(builder.Finish());
  CHECK(again.ok() && again->size() == records->size());
  return 0;
}
