#include "engine/device_watch.h"

#include <utility>

namespace tidegate::engine {

std::optional<DeviceNews> DeviceWatch::Look() {
  const Result<EngineBinary> binary = locator_.Locate();
  if (!binary.ok()) return std::nullopt;  // whoever asks for a model is told why
  std::string identity = binary->path + '\n' + binary->version;
  if (identity == asked_) return std::nullopt;
  asked_ = std::move(identity);
  Result<std::vector<GraphicsDevice>> devices = ListDevices(*binary);
  if (!devices.ok()) return DeviceNews{{}, devices.error().message};
  return DeviceNews{*std::move(devices), ""};
}

}  // namespace tidegate::engine
