// What a model can do, and so what a request can need. One bit each; a request is eligible where
// its needs are a subset.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tidegate::core {

enum class Capability : std::uint8_t {
  kTools,            // function calling
  kJsonSchema,       // response_format json_schema
  kJsonObject,       // response_format json_object
  kVision,           // image input
  kAudio,            // audio input
  kFiles,            // PDF and other document input
  kReasoning,        // reasoning effort, reasoning text
  kLogprobs,         // token log-probabilities
  kMultipleChoices,  // n > 1
  kSeed,             // seeded sampling
  kParallelTools,    // parallel_tool_calls as a parameter
  kStreamUsage,      // stream_options.include_usage is understood
  kLogitBias,        // logit_bias
  kTemperature,      // sampling temperature may be set
  kStop,             // stop sequences
  kPenalties,        // presence and frequency penalties
  kVendorFields,     // passes fields through that we do not know
  kTopK,             // top_k
  kToolChoice,       // tool_choice other than "auto"
  kMediaUrl,         // fetches media by https URL itself
  kVideo,            // video input
  kMediaInResults,   // images and files in tool results
  kTextArguments,    // takes tool arguments back that are not a JSON object
  kCitations,        // citations of documents in the request
  kLlamaSampling,    // min_p, typical_p, repeat_penalty, repeat_last_n, as llama.cpp has them
  kChat,             // answers chats; what only embeds or ranks does not
  kEmbeddings,       // turns texts into vectors
  kRerank,           // ranks documents by a query
  kDimensions,       // the length of its vectors may be set
  kCountTokens,      // says how many tokens a request has, without answering it
  kRawPrompt,        // continues a text as it stands, without a template around it
  kInsert,           // fills in between a text and what follows it
};
inline constexpr int kCapabilities = 32;

class CapabilitySet {
 public:
  constexpr CapabilitySet() = default;
  static constexpr CapabilitySet All() {
    return CapabilitySet((std::uint64_t{1} << kCapabilities) - 1);
  }
  constexpr CapabilitySet With(Capability c) const { return CapabilitySet(bits_ | Bit(c)); }
  constexpr CapabilitySet Without(Capability c) const { return CapabilitySet(bits_ & ~Bit(c)); }
  constexpr CapabilitySet Union(CapabilitySet other) const {
    return CapabilitySet(bits_ | other.bits_);
  }
  constexpr bool Has(Capability c) const { return (bits_ & Bit(c)) != 0; }
  constexpr bool Contains(CapabilitySet needs) const { return (needs.bits_ & ~bits_) == 0; }
  // What of `needs` is missing here.
  constexpr CapabilitySet Missing(CapabilitySet needs) const {
    return CapabilitySet(needs.bits_ & ~bits_);
  }
  constexpr bool empty() const { return bits_ == 0; }
  constexpr std::uint64_t bits() const { return bits_; }
  static constexpr CapabilitySet FromBits(std::uint64_t bits) { return CapabilitySet(bits); }
  friend constexpr bool operator==(CapabilitySet, CapabilitySet) = default;

 private:
  explicit constexpr CapabilitySet(std::uint64_t bits) : bits_(bits) {}
  static constexpr std::uint64_t Bit(Capability c) {
    return std::uint64_t{1} << static_cast<unsigned>(c);
  }
  std::uint64_t bits_ = 0;
};

std::string_view ToString(Capability capability);  // "tools", "json_schema", …
std::optional<Capability> ParseCapability(std::string_view text);
// "tools, vision".
std::string Join(CapabilitySet set);

}  // namespace tidegate::core
