#include "policy/scope.h"

#include <array>

namespace tidegate::policy {
namespace {

constexpr std::array<std::string_view, kScopes> kWords = {
    "inference", "models:read", "models:write", "records", "metrics", "admin"};

}  // namespace

std::string_view ToString(Scope scope) { return kWords[static_cast<std::size_t>(scope)]; }

std::optional<Scope> ParseScope(std::string_view text) {
  for (std::size_t i = 0; i < kWords.size(); ++i) {
    if (kWords[i] == text) return static_cast<Scope>(i);
  }
  return std::nullopt;
}

std::string ScopeWords() {
  std::string words;
  for (const std::string_view word : kWords) {
    if (!words.empty()) words += ", ";
    words += word;
  }
  return words;
}

}  // namespace tidegate::policy
