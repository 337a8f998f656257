// What the holder of a key may do: use models, or look after the gate, or both.
//
// A key that runs requests all day lies in many places; it need not be able to fill the disk or to
// read who asked what. So each kind of work wants a scope of its own.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tidegate::policy {

enum class Scope : std::uint8_t {
  kInference,    // chats, embeddings, rankings, token counts, and the caller's own kept answers
  kModelsRead,   // which models there are, and in which state
  kModelsWrite,  // pulling, pushing, making, copying, deleting, loading and unloading them
  kRecords,      // the caller's own decisions and what it spent
  kMetrics,      // counters of the whole gate, which name models but no caller
  kAdmin,        // everything: the scopes above, everybody's records and the gate's status
};
inline constexpr int kScopes = 6;

std::string_view ToString(Scope scope);  // "inference", "models:read", …
std::optional<Scope> ParseScope(std::string_view text);

class ScopeSet {
 public:
  constexpr ScopeSet() = default;
  static constexpr ScopeSet All() { return ScopeSet((1U << kScopes) - 1); }
  // Of a key that states none.
  static constexpr ScopeSet Default() {
    return ScopeSet().With(Scope::kInference).With(Scope::kModelsRead).With(Scope::kRecords);
  }
  constexpr ScopeSet With(Scope scope) const {
    return ScopeSet(bits_ | (1U << static_cast<unsigned>(scope)));
  }
  // kAdmin holds all.
  constexpr bool Has(Scope scope) const { return Holds(scope) || Holds(Scope::kAdmin); }
  friend constexpr bool operator==(ScopeSet, ScopeSet) = default;

 private:
  explicit constexpr ScopeSet(std::uint32_t bits) : bits_(bits) {}
  constexpr bool Holds(Scope scope) const {
    return (bits_ >> static_cast<unsigned>(scope) & 1U) != 0;
  }
  std::uint32_t bits_ = 0;
};

// "inference, models:read": all scopes, for messages.
std::string ScopeWords();

}  // namespace tidegate::policy
