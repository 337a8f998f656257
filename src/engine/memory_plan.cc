#include "engine/memory_plan.h"

namespace tidegate::engine {
namespace {

constexpr std::uint64_t kMiB = 1024 * 1024;
constexpr int kDraftTokensDefault = 3;  // llama-server's --spec-draft-n-max
// What ways that look for repetitions guess at once at most (--spec-ngram-mod-n-max, …-size-m).
constexpr int kRepeatedTokens = 64;

int DraftTokens(const ChildSettings& settings) {
  if (settings.speculation.empty() || settings.speculation == "none") return 0;
  if (settings.speculation.find("ngram") != std::string::npos) return kRepeatedTokens;
  return settings.draft_tokens.value_or(kDraftTokensDefault);
}

}  // namespace

models::FitInput FitInputOf(const models::LocalModel& model, const CompanionFiles& companions,
                            const ChildSettings& settings, int slots,
                            const std::vector<GraphicsDevice>& devices) {
  models::FitInput input;
  input.model = &model.metadata;
  input.projector = settings.projector_path.empty() ? nullptr : companions.projector;
  input.draft = settings.draft_path.empty() ? nullptr : companions.draft;
  input.context_tokens = ContextTokens(model, settings);
  input.slots = slots;
  input.unified = !ReadsInOnePiece(model);
  input.key_type = settings.key_type;
  input.value_type = settings.value_type;
  input.ubatch = BatchTokens(model, settings);
  input.flash_attention = settings.flash_attention != FlashAttention::kOff;
  input.draft_tokens = DraftTokens(settings);
  if (!ReadsInOnePiece(model)) {
    input.prompt_cache_bytes = static_cast<std::uint64_t>(settings.prompt_cache_mib) * kMiB;
  }
  for (const GraphicsDevice& device : devices) {
    input.devices.push_back({device.id, device.free_bytes});
  }
  input.device_layers = settings.device_layers.value_or(-1);
  return input;
}

}  // namespace tidegate::engine
