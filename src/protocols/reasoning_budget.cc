#include "protocols/reasoning_budget.h"

#include <algorithm>
#include <array>

namespace tidegate::protocols {
namespace {

// What the gateways of the field agree on more or less (LiteLLM: 1024, 2048, 4096 tokens for low,
// medium, high; OpenRouter: shares of the output limit). Each word covers the budgets up to its
// number.
struct Step {
  std::string_view effort;
  std::int64_t tokens;
};
constexpr std::array<Step, 6> kSteps = {{{"minimal", 1024},
                                         {"low", 2048},
                                         {"medium", 8192},
                                         {"high", 16'384},
                                         {"xhigh", 32'768},
                                         {"max", 65'536}}};
constexpr std::int64_t kBudgetMin = 1024;  // Anthropic takes no smaller one

}  // namespace

std::string_view EffortFor(const core::Reasoning& reasoning) {
  if (!reasoning.effort.empty()) return reasoning.effort;
  if (reasoning.mode == core::Reasoning::Mode::kOff) return "none";
  if (!reasoning.budget_tokens) {
    return reasoning.mode == core::Reasoning::Mode::kOn ? "medium" : "";
  }
  constexpr std::string_view kHighestForTokens = "high";  // the words beyond it are one vendor's
  for (const Step& step : kSteps) {
    if (*reasoning.budget_tokens <= step.tokens) return step.effort;
    if (step.effort == kHighestForTokens) break;
  }
  return kHighestForTokens;
}

std::optional<std::int64_t> BudgetFor(const core::Reasoning& reasoning,
                                      std::int64_t output_tokens_max) {
  std::optional<std::int64_t> budget = reasoning.budget_tokens;
  for (const Step& step : kSteps) {
    if (!budget && step.effort == reasoning.effort) budget = step.tokens;
  }
  if (!budget) return std::nullopt;
  if (output_tokens_max > 0) {
    budget = std::min(*budget, std::max(kBudgetMin, output_tokens_max - kBudgetMin));
  }
  return budget;
}

}  // namespace tidegate::protocols
