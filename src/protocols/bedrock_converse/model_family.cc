#include "protocols/bedrock_converse/model_family.h"

#include <algorithm>
#include <array>

namespace tidegate::protocols::bedrock_converse {
namespace {

// In front of an id: where an inference profile may run it.
constexpr std::array<std::string_view, 8> kGeographies = {"us.", "us-gov.", "eu.", "apac.",
                                                          "au.", "jp.",     "ca.", "global."};

constexpr std::array<std::string_view, 16> kOtherMakers = {
    "ai21.", "amazon.titan", "cohere.",  "deepseek.", "google.",     "luma.",
    "meta.", "minimax.",     "mistral.", "moonshot.", "moonshotai.", "nvidia.",
    "qwen.", "writer.",      "xai.",     "zai."};

}  // namespace

ModelFamily FamilyOf(std::string_view model) {
  if (const std::size_t slash = model.rfind('/'); slash != std::string_view::npos) {
    model.remove_prefix(slash + 1);
  }
  for (const std::string_view geography : kGeographies) {
    if (!model.starts_with(geography)) continue;
    model.remove_prefix(geography.size());
    break;
  }
  if (model.starts_with("amazon.nova-2")) return ModelFamily::kNova2;
  if (model.starts_with("amazon.nova")) return ModelFamily::kNova;
  if (model.starts_with("openai.gpt-oss")) return ModelFamily::kGptOss;
  if (model.starts_with("openai.")) return ModelFamily::kOpenAi;
  const bool other =
      std::any_of(kOtherMakers.begin(), kOtherMakers.end(),
                  [model](std::string_view maker) { return model.starts_with(maker); });
  return other ? ModelFamily::kOther : ModelFamily::kClaude;
}

}  // namespace tidegate::protocols::bedrock_converse
