#include "protocols/memory_fit_json.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>

namespace tidegate::protocols {

void WriteMemoryFit(json::Writer& out, const core::MemoryFit& memory) {
  const auto bytes = [&out](const char* name, std::uint64_t count) {
    constexpr auto kMax = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    out.Key(name).Integer(static_cast<std::int64_t>(std::min(count, kMax)));
  };
  out.BeginObject().Key("fits").Bool(memory.fits);
  if (!memory.fits) out.Key("why_not").String(memory.why_not);
  out.Key("context_tokens").Integer(memory.context_tokens);
  out.Key("context_tokens_max").Integer(memory.context_tokens_max);
  out.Key("slots").Integer(memory.slots);
  out.Key("layers").Integer(memory.layers);
  out.Key("device_layers").Integer(memory.device_layers);
  out.Key("devices").BeginArray();
  for (const std::string& device : memory.devices) out.String(device);
  out.EndArray();
  if (!memory.layers_note.empty()) out.Key("layers_note").String(memory.layers_note);
  if (!memory.window_note.empty()) out.Key("window_note").String(memory.window_note);
  out.Key("estimated").Bool(memory.estimated);
  bytes("weights_bytes", memory.weights);
  bytes("cache_bytes", memory.cache);
  bytes("compute_bytes", memory.compute);
  bytes("other_bytes", memory.other);
  bytes("host_bytes", memory.host);
  bytes("device_bytes", memory.device);
  bytes("host_budget_bytes", memory.host_budget);
  bytes("device_budget_bytes", memory.device_budget);
  out.EndObject();
}

}  // namespace tidegate::protocols
