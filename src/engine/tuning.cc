#include "engine/tuning.h"

#include <string_view>

namespace tidegate::engine {
namespace {

void Add(std::string& text, std::string_view name, const std::string& value) {
  if (!text.empty()) text += ' ';
  text += std::string(name) + "=" + value;
}

}  // namespace

std::string_view ToString(FlashAttention flash_attention) {
  switch (flash_attention) {
    case FlashAttention::kAuto:
      return "auto";
    case FlashAttention::kOn:
      return "on";
    case FlashAttention::kOff:
      return "off";
  }
  return "";
}

std::optional<FlashAttention> ParseFlashAttention(std::string_view text) {
  for (const FlashAttention one :
       {FlashAttention::kAuto, FlashAttention::kOn, FlashAttention::kOff}) {
    if (text == ToString(one)) return one;
  }
  return std::nullopt;
}

std::string ToString(const Tuning& tuning) {
  std::string text;
  if (tuning.threads) Add(text, "threads", std::to_string(*tuning.threads));
  if (tuning.ubatch) Add(text, "ubatch", std::to_string(*tuning.ubatch));
  if (tuning.flash_attention) {
    Add(text, "flash_attention", std::string(ToString(*tuning.flash_attention)));
  }
  if (tuning.kv_type) Add(text, "kv", std::string(models::ToString(*tuning.kv_type)));
  return text.empty() ? "the usual settings" : text;
}

ChildSettings Tuned(ChildSettings settings, const Tuning& tuning) {
  const ChildSettings usual;
  if (tuning.threads && settings.threads == usual.threads) settings.threads = *tuning.threads;
  if (tuning.ubatch && !settings.ubatch) settings.ubatch = tuning.ubatch;
  if (tuning.flash_attention && settings.flash_attention == usual.flash_attention) {
    settings.flash_attention = *tuning.flash_attention;
  }
  const bool kv_said =
      settings.key_type != usual.key_type || settings.value_type != usual.value_type;
  // Quantised values need flash attention, which somebody may have turned off.
  const bool kv_can = !tuning.kv_type || !models::IsQuantised(*tuning.kv_type) ||
                      settings.flash_attention != FlashAttention::kOff;
  if (tuning.kv_type && !kv_said && kv_can) {
    settings.key_type = settings.value_type = *tuning.kv_type;
  }
  return settings;
}

std::string SettingsText(const models::LocalModel& model, const ChildSettings& settings,
                         int slots) {
  std::string text;
  const int threads = settings.threads > 0 ? settings.threads : EngineThreads();
  Add(text, "threads", std::to_string(threads));
  Add(text, "slots", std::to_string(slots));
  Add(text, "context", std::to_string(ContextTokens(model, settings)));
  Add(text, "ubatch", std::to_string(BatchTokens(model, settings)));
  Add(text, "flash_attention", std::string(ToString(settings.flash_attention)));
  Add(text, "kv",
      std::string(models::ToString(settings.key_type)) + "/" +
          std::string(models::ToString(settings.value_type)));
  if (settings.device_layers) Add(text, "gpu_layers", std::to_string(*settings.device_layers));
  if (!settings.speculation.empty()) Add(text, "speculation", settings.speculation);
  if (!settings.draft_path.empty()) Add(text, "draft", settings.draft_path);
  if (settings.draft_tokens) Add(text, "draft_tokens", std::to_string(*settings.draft_tokens));
  if (!settings.adapters.empty()) {
    Add(text, "adapters", std::to_string(settings.adapters.size()));
  }
  return text;
}

}  // namespace tidegate::engine
