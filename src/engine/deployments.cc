#include "engine/deployments.h"

#include <algorithm>
#include <cmath>

#include "engine/model_card.h"
#include "models/capabilities.h"
#include "models/gguf.h"

namespace tidegate::engine {
namespace {

using core::Capability;

// What llama-server honours for every model that chats. Not in it, with the reason:
//  - kVendorFields: it ignores fields that it does not know, and to ignore is not to honour;
//  - kMultipleChoices: several answers share one slot's context, which the promised context does
//  not allow for;
//  - kVision, kAudio: come with a projector file; kFiles: there are none for it.
// With tools comes kParallelTools, the parameter: one call at a time is a grammar of one call, and
// several are a permission, which every template may leave unused.
constexpr core::CapabilitySet kAlways = core::CapabilitySet()
                                            .With(Capability::kChat)
                                            .With(Capability::kCountTokens)
                                            .With(Capability::kJsonSchema)
                                            .With(Capability::kJsonObject)
                                            .With(Capability::kLogprobs)
                                            .With(Capability::kSeed)
                                            .With(Capability::kStreamUsage)
                                            .With(Capability::kLogitBias)
                                            .With(Capability::kTemperature)
                                            .With(Capability::kStop)
                                            .With(Capability::kPenalties)
                                            .With(Capability::kTopK)
                                            .With(Capability::kLlamaSampling)
                                            .With(Capability::kTextArguments)
                                            .With(Capability::kRawPrompt);

// A prior, until answers were judged: 0.35 at 10^9 parameters and 0.2 more for each factor of ten,
// a rough line through what open models of one generation score. The bounds keep a size that says
// little from deciding alone.
double QualityPrior(std::uint64_t parameters) {
  const double billions = std::max(1e-3, static_cast<double>(parameters) / 1e9);
  return std::clamp(0.35 + 0.2 * std::log10(billions), 0.05, 0.8);
}

// A prior: generating reads every weight once per token, so memory bandwidth bounds it.
constexpr double kMemoryBytesPerSecondPrior = 20e9;  // two channels of DDR4, half used
constexpr double kTokensPerSecondMax = 500;

double TokensPerSecondPrior(std::uint64_t weight_bytes) {
  const double bytes = std::max(1.0, static_cast<double>(weight_bytes));
  return std::min(kTokensPerSecondMax, kMemoryBytesPerSecondPrior / bytes);
}

// What the model is there for, and what its file and its projector add.
core::CapabilitySet CapabilitiesOf(const ModelFitter& fitter) {
  const models::ModelCapabilities file =
      models::CapabilitiesOf(fitter.model().metadata, fitter.projector());
  if (file.rerank) return core::CapabilitySet().With(Capability::kRerank);
  if (file.embedding) return core::CapabilitySet().With(Capability::kEmbeddings);
  core::CapabilitySet can = kAlways;
  if (file.tools) {
    can =
        can.With(Capability::kTools).With(Capability::kToolChoice).With(Capability::kParallelTools);
  }
  if (file.thinking) can = can.With(Capability::kReasoning);
  if (file.vision) can = can.With(Capability::kVision);
  if (file.audio) can = can.With(Capability::kAudio);
  if (file.insert) can = can.With(Capability::kInsert);
  return can;
}

core::Deployment MakeDeployment(const ModelFitter& fitter) {
  const models::LocalModel& model = fitter.model();
  core::Deployment deployment;
  deployment.ref = {std::string(kLocalProvider), model.name};
  deployment.family = model.name;
  deployment.place = core::Place::kDevice;
  // It keeps nothing but a cache in memory, and that ends with it.
  deployment.zero_data_retention = true;
  deployment.capabilities = CapabilitiesOf(fitter);
  // How large one that only embeds or ranks is says little: it is as good as others.
  if (deployment.capabilities.Has(Capability::kChat)) {
    deployment.also_speaks = {core::Protocol::kOpenAiCompletions};
    deployment.quality = QualityPrior(model.metadata.parameters);
  }
  if (const auto& fill_in = model.metadata.fill_in) {
    deployment.fill_in = core::FillInTokens{fill_in->prefix, fill_in->suffix, fill_in->middle};
  }
  deployment.weights =
      core::Weights{.format = "gguf",
                    .architecture = model.metadata.architecture,
                    .quantisation = model.metadata.quantisation,
                    .parameters = model.metadata.parameters,
                    .bytes = model.size_bytes,
                    .modified_s = model.modified_s,
                    .read_card = [model](bool everything) { return MakeCard(model, everything); }};
  if (model.manifest_digest) deployment.weights->digest = model.manifest_digest->Hex();
  deployment.defaults = MakeDefaults(model);
  deployment.prices = core::Prices{};
  deployment.memory = std::make_shared<const core::MemoryFit>(fitter.standard().memory);
  deployment.context_tokens = deployment.memory->context_tokens;
  deployment.context_tokens_max = deployment.memory->context_tokens_max;
  deployment.tokens_per_s_prior = TokensPerSecondPrior(model.metadata.tensor_bytes);
  return deployment;
}

}  // namespace

std::vector<core::Deployment> MakeDeployments(const Fitters& fitters, const SpeedLookup& speed_of) {
  std::vector<core::Deployment> deployments;
  for (const std::shared_ptr<const ModelFitter>& fitter : fitters) {
    core::Deployment& made = deployments.emplace_back(MakeDeployment(*fitter));
    if (speed_of) made.speed = speed_of(fitter->model(), fitter->standard());
    if (!made.speed) continue;
    // Of the shortest prompt, alone: for people. The planner asks for each prompt.
    const core::SpeedPoint& first = made.speed->points().front();
    made.ttft_ms_prior = std::llround(first.ttft_ms_p50);
    made.tokens_per_s_prior = first.tokens_per_s;
  }
  return deployments;
}

}  // namespace tidegate::engine
