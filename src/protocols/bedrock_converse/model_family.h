// What the id of a Bedrock model says about the words that only its maker knows.
//
// The Converse API has no field for how much a model shall think, nor for top_k: they stand in
// additionalModelRequestFields, in each maker's own words, and a model refuses another maker's. A
// prompt cache mark, too, is refused by models without a prompt cache.
#pragma once

#include <cstdint>
#include <string_view>

namespace tidegate::protocols::bedrock_converse {

enum class ModelFamily : std::uint8_t {
  kClaude,  // also a name that says nothing: an inference profile of one's own, a test's server
  kNova,
  kNova2,   // with reasoningConfig
  kGptOss,  // with reasoning_effort
  kOpenAi,  // with reasoning.effort
  kOther,   // a maker whose models have no such words
};

// "us.anthropic.claude-sonnet-4-5-20250929-v1:0", or an ARN that ends in such an id.
ModelFamily FamilyOf(std::string_view model);

inline bool TakesCachePoints(ModelFamily family) {
  return family == ModelFamily::kClaude || family == ModelFamily::kNova ||
         family == ModelFamily::kNova2;
}

}  // namespace tidegate::protocols::bedrock_converse
