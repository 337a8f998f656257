// Which graphics devices llama-server sees: asked once for each llama-server that is found, off the
// way of requests, since the answer starts the drivers and takes up to seconds.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/devices.h"
#include "engine/locator.h"

namespace tidegate::engine {

// What is known of them.
struct DeviceNews {
  std::vector<GraphicsDevice> devices;
  std::string why_not;  // they could not be listed
};

// Not thread-safe.
class DeviceWatch {
 public:
  // `locator` outlives it.
  explicit DeviceWatch(Locator& locator) : locator_(locator) {}
  // Nothing when the llama-server is the one that was asked before, or there is none. May block.
  std::optional<DeviceNews> Look();

 private:
  Locator& locator_;
  std::string asked_;  // path and version
};

}  // namespace tidegate::engine
