#include "app/doctor_machine.h"

#include <string>
#include <utility>

#include <fmt/format.h>

#include "app/engine_settings.h"
#include "app/machine_service.h"
#include "engine/devices.h"
#include "engine/fit.h"
#include "engine/residency.h"

namespace tidegate::app {
namespace {

using cli::Check;
using cli::CheckState;
using engine::GibibytesText;

Check CheckDevices(const Settings& settings,
                   const Result<std::vector<engine::GraphicsDevice>>& devices) {
  const std::string name = "graphics";
  const CheckState trouble = settings.engine_require_gpu ? CheckState::kFail : CheckState::kWarn;
  if (!devices.ok()) {
    return {name, trouble, devices.error().message, "see what llama-server --list-devices prints"};
  }
  if (devices->empty() && settings.engine_require_gpu) {
    return {name, CheckState::kFail,
            "llama-server sees no graphics device, and engine.require_gpu is set",
            "install a llama-server with the device's back end, and its driver; or set "
            "engine.require_gpu to false"};
  }
  if (devices->empty()) {
    return {name, CheckState::kOk, "no graphics device: models run on the processor", ""};
  }
  std::string text;
  for (const engine::GraphicsDevice& device : *devices) {
    text += fmt::format("{}{} {} ({} of {} free)", text.empty() ? "" : "; ", device.id,
                        device.description, GibibytesText(device.free_bytes),
                        GibibytesText(device.total_bytes));
  }
  return {name, CheckState::kOk, std::move(text), ""};
}

Check CheckMemory(const Settings& settings, std::uint64_t budget) {
  const std::string name = "memory";
  const Result<engine::HostMemory> host = engine::ReadHostMemory();
  if (!host.ok()) {
    return {name, CheckState::kWarn, host.error().message,
            "set engine.memory_mib: nothing limits local models otherwise"};
  }
  const std::string text =
      fmt::format("local models may hold {} of {}; {} are free now", GibibytesText(budget),
                  GibibytesText(host->limit_bytes), GibibytesText(host->available_bytes));
  if (settings.engine_memory_mib > 0 && budget > host->limit_bytes) {
    return {name, CheckState::kWarn, text, "lower engine.memory_mib: the machine has less"};
  }
  return {name, CheckState::kOk, text, ""};
}

Check CheckFits(const engine::FitPolicy& policy, const std::vector<models::LocalModel>& models) {
  std::size_t unfit = 0;
  std::string first;
  for (const models::LocalModel& model : models) {
    const engine::ModelFitter fitter(model, policy);
    const core::MemoryFit& memory = fitter.standard().memory;
    if (memory.fits) continue;
    if (unfit++ == 0) first = model.name + ": " + memory.why_not;
  }
  if (unfit == 0) return {"models fit", CheckState::kOk, "all of them", ""};
  return {"models fit", CheckState::kWarn,
          fmt::format("{} of {} cannot be loaded; {}", unfit, models.size(), first),
          "'tidegate show MODEL' says of each what it takes"};
}

}  // namespace

std::vector<Check> CheckMachine(const Config& config, const engine::EngineBinary& binary,
                                const std::vector<models::LocalModel>& models) {
  const Settings& settings = config.settings;
  Result<std::vector<engine::GraphicsDevice>> devices = engine::ListDevices(binary);
  engine::FitPolicy policy = FitPolicyOf(settings);
  if (devices.ok()) policy.machine.devices = *devices;
  if (!devices.ok()) policy.machine.devices_why_not = devices.error().message;
  return {CheckDevices(settings, devices), CheckMemory(settings, policy.machine.host_bytes),
          CheckFits(policy, models)};
}

}  // namespace tidegate::app
