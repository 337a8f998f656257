// What a Gemini model's generation wants to hear, told by its name: nothing else tells it.
#pragma once

#include <string_view>

namespace tidegate::protocols::gemini {

// From generation 3 on models want a word for how much they may think (thinkingLevel); those before
// know a number of tokens only (thinkingBudget), which all take.
inline bool KnowsLevels(std::string_view model) {
  constexpr std::string_view kStem = "gemini-";
  const std::size_t at = model.find(kStem);
  if (at == std::string_view::npos || at + kStem.size() == model.size()) return false;
  const char generation = model[at + kStem.size()];
  return generation >= '3' && generation <= '9';
}

// They look at no signature; those behind them refuse calls that nobody signed.
inline bool IsOldGeneration(std::string_view model) {
  return model.find("gemini-1") != std::string_view::npos ||
         model.find("gemini-2") != std::string_view::npos;
}

inline bool IsGemini(std::string_view model) {
  return model.find("gemini") != std::string_view::npos;
}

inline bool IsPro(std::string_view model) { return model.find("-pro") != std::string_view::npos; }

}  // namespace tidegate::protocols::gemini
