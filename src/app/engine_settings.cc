#include "app/engine_settings.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "base/clock.h"
#include "engine/child_environment.h"
#include "engine/machine.h"
#include "obs/log.h"
#include "store/key_file.h"

namespace tidegate::app {
namespace {

constexpr std::uint64_t kMiB = 1024 * 1024;

engine::FlashAttention FlashAttentionOf(std::string_view word) {
  if (word == "on") return engine::FlashAttention::kOn;
  if (word == "off") return engine::FlashAttention::kOff;
  return engine::FlashAttention::kAuto;
}

engine::Speculation SpeculationOf(std::string_view word) {
  if (word == "off") return engine::Speculation::kOff;
  if (word == "draft") return engine::Speculation::kDraft;
  if (word == "ngram") return engine::Speculation::kNgram;
  return engine::Speculation::kAuto;
}

// What local models may hold together, by the settings or by the machine; 0 = nobody knows.
std::uint64_t HostBudgetOf(const Settings& settings) {
  if (settings.engine_memory_mib > 0) {
    return static_cast<std::uint64_t>(settings.engine_memory_mib) << 20U;
  }
  const Result<engine::HostMemory> host = engine::ReadHostMemory();
  return host.ok() ? engine::HostBudget(*host) : 0;
}

}  // namespace

engine::LocatorOptions LocatorOptionsOf(const Settings& settings) {
  return engine::LocatorOptions::FromEnvironment(settings.engine_path, settings.engine_environment);
}

engine::ChildSettings ChildSettingsOf(const Settings& settings) {
  engine::ChildSettings child;
  child.context_tokens_max = settings.engine_context_tokens;
  child.threads = static_cast<int>(settings.engine_threads);
  child.prompt_cache_mib = static_cast<int>(settings.engine_prompt_cache_mib);
  child.key_type = models::ParseKvType(settings.engine_cache_type_k).value_or(child.key_type);
  child.value_type = models::ParseKvType(settings.engine_cache_type_v).value_or(child.value_type);
  child.flash_attention = FlashAttentionOf(settings.engine_flash_attention);
  child.speculate = SpeculationOf(settings.engine_speculation);
  if (settings.engine_gpu_layers >= 0) {
    child.device_layers = static_cast<int>(settings.engine_gpu_layers);
  }
  return child;
}

engine::FitPolicy FitPolicyOf(const Settings& settings) {
  engine::FitPolicy policy;
  policy.child = ChildSettingsOf(settings);
  policy.slots = static_cast<int>(settings.engine_slots);
  policy.machine = {HostBudgetOf(settings), {}, settings.engine_require_gpu};
  return policy;
}

Result<void> CheckEngineSettings(const Settings& settings) {
  TIDEGATE_TRY(engine::CheckVariables(settings.engine_environment));
  const engine::ChildSettings child = ChildSettingsOf(settings);
  if (models::IsQuantised(child.value_type) &&
      child.flash_attention == engine::FlashAttention::kOff) {
    return InvalidArgument("engine.cache_type_v",
                           "values of type " + settings.engine_cache_type_v +
                               " need flash attention, which engine.flash_attention = \"off\" "
                               "forbids; set that to \"auto\", or take f16");
  }
  return {};
}

Result<std::shared_ptr<engine::SlotKeeper>> OpenConversations(const Settings& settings,
                                                              const std::string& state_folder,
                                                              const std::string& runtime_folder) {
  engine::SlotStoreOptions options;
  options.folder = state_folder + "/slots";
  options.bytes_max = static_cast<std::uint64_t>(settings.engine_conversation_mib) * kMiB;
  std::error_code ec;
  const bool off = options.bytes_max == 0;
  if (off && !std::filesystem::exists(options.folder, ec)) {
    return std::shared_ptr<engine::SlotKeeper>();
  }
  TIDEGATE_ASSIGN(options.key, store::LoadOrCreateKey(state_folder + "/ledger.key"));
  Result<std::unique_ptr<engine::SlotStore>> store =
      engine::SlotStore::Open(std::move(options), SystemClock());
  if (store.ok() && off) return std::shared_ptr<engine::SlotKeeper>();
  if (store.ok()) {
    engine::SlotKeeperOptions where;
    where.runtime_folder = runtime_folder;
    Result<std::shared_ptr<engine::SlotKeeper>> keeper =
        engine::SlotKeeper::Open(where, *std::move(store));
    if (keeper.ok()) return keeper;
    store = std::move(keeper).error();
  }
  obs::Log(obs::Level::kWarning,
           "conversations of local models end with their processes (engine.conversation_mib): {}",
           Describe(store.error()));
  return std::shared_ptr<engine::SlotKeeper>();
}

}  // namespace tidegate::app
