#include "protocols/bedrock_converse/model_fields.h"

#include <optional>
#include <string_view>

#include "protocols/bedrock_converse/limits.h"
#include "protocols/cannot_say.h"
#include "protocols/reasoning_budget.h"

namespace tidegate::protocols::bedrock_converse {
namespace {

// The words that Nova and OpenAI's models have.
std::string_view ThreeEfforts(std::string_view effort) {
  if (effort == "minimal") return "low";
  return effort == "xhigh" || effort == "max" ? "high" : effort;
}

// What a model shall be told about thinking; nothing where it decides by itself.
struct Thinking {
  std::optional<std::int64_t> budget;  // Claude
  std::string_view effort;             // the others
  bool empty() const { return !budget && effort.empty(); }
};

Thinking ThinkingOf(const core::Request& request, const UpstreamOptions& options,
                    ModelFamily family) {
  Thinking thinking;
  if (request.reasoning.mode != core::Reasoning::Mode::kOn) return thinking;
  if (family == ModelFamily::kClaude) {
    const std::int64_t limit = options.output_tokens_limit.value_or(
        request.max_output_tokens.value_or(options.output_tokens_max));
    // A budget must stay below the limit; a limit that leaves no room leaves no thoughts.
    if (limit == 0 || limit > kThinkingBudgetMin) {
      thinking.budget = BudgetFor(request.reasoning, limit);
    }
  } else if (family != ModelFamily::kNova && family != ModelFamily::kOther) {
    thinking.effort = ThreeEfforts(EffortFor(request.reasoning));
  }
  return thinking;
}

void WriteThinking(const Thinking& thinking, ModelFamily family, json::Writer& out) {
  if (thinking.budget) {
    out.Key("thinking").BeginObject().Key("type").String("enabled");
    out.Key("budget_tokens").Integer(*thinking.budget).EndObject();
  } else if (family == ModelFamily::kNova2) {
    out.Key("reasoningConfig").BeginObject().Key("type").String("enabled");
    out.Key("maxReasoningEffort").String(thinking.effort).EndObject();
  } else if (family == ModelFamily::kGptOss) {
    out.Key("reasoning_effort").String(thinking.effort);
  } else {
    out.Key("reasoning").BeginObject().Key("effort").String(thinking.effort).EndObject();
  }
}

}  // namespace

Result<void> WriteModelFields(const core::Request& request, const UpstreamOptions& options,
                              ModelFamily family, json::Writer& out) {
  const Thinking thinking = ThinkingOf(request, options, family);
  if (thinking.empty() && !request.top_k) return {};
  out.Key("additionalModelRequestFields").BeginObject();
  if (!thinking.empty()) WriteThinking(thinking, family, out);
  if (request.top_k) {
    if (family == ModelFamily::kClaude) {
      out.Key("top_k").Integer(*request.top_k);
    } else if (family == ModelFamily::kNova || family == ModelFamily::kNova2) {
      out.Key("inferenceConfig").BeginObject().Key("topK").Integer(*request.top_k).EndObject();
    } else {
      return CannotSay("top_k", "top_k, which this model does not have");
    }
  }
  out.EndObject();
  return {};
}

}  // namespace tidegate::protocols::bedrock_converse
