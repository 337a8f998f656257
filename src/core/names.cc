// The stable words of core's enumerations, both ways.
#include <array>

#include "core/capability.h"
#include "core/decision.h"
#include "core/place.h"
#include "core/protocol.h"

namespace tidegate::core {
namespace {

constexpr std::array<std::string_view, kPlaces> kPlaceNames = {"device", "edge", "attested",
                                                               "cloud"};
constexpr std::array<std::string_view, 4> kPrivacyNames = {"open", "masked", "attested", "local"};
constexpr std::array<std::string_view, kCapabilities> kCapabilityNames = {"tools",
                                                                          "json_schema",
                                                                          "json_object",
                                                                          "vision",
                                                                          "audio",
                                                                          "files",
                                                                          "reasoning",
                                                                          "logprobs",
                                                                          "n",
                                                                          "seed",
                                                                          "parallel_tool_calls",
                                                                          "stream_usage",
                                                                          "logit_bias",
                                                                          "temperature",
                                                                          "stop",
                                                                          "penalties",
                                                                          "vendor_fields",
                                                                          "top_k",
                                                                          "tool_choice",
                                                                          "media_url",
                                                                          "video",
                                                                          "media_in_results",
                                                                          "text_arguments",
                                                                          "citations",
                                                                          "llama_sampling",
                                                                          "chat",
                                                                          "embeddings",
                                                                          "rerank",
                                                                          "dimensions",
                                                                          "count_tokens",
                                                                          "raw_prompt",
                                                                          "insert"};
constexpr std::array<std::string_view, kProtocols> kProtocolNames = {
    "openai_chat",      "openai_responses", "anthropic_messages", "gemini", "ollama", "cohere_chat",
    "bedrock_converse", "replicate",        "openai_completions"};
constexpr std::array<std::string_view, 16> kRejectNames = {
    "model_name", "place",       "privacy",       "retention", "region", "provider_list",
    "capability", "context",     "price_unknown", "max_cost",  "budget", "deadline",
    "quality",    "unavailable", "fallback",      "key_place"};

template <typename Enum, std::size_t N>
std::optional<Enum> Find(const std::array<std::string_view, N>& names, std::string_view text) {
  for (std::size_t i = 0; i < N; ++i) {
    if (names[i] == text) return static_cast<Enum>(i);
  }
  return std::nullopt;
}

}  // namespace

std::string_view ToString(Place place) { return kPlaceNames[static_cast<std::size_t>(place)]; }
std::string_view ToString(Privacy privacy) {
  return kPrivacyNames[static_cast<std::size_t>(privacy)];
}
std::string_view ToString(Egress egress) {
  switch (egress) {
    case Egress::kNone:
      return "none";
    case Egress::kMasked:
      return "masked";
    case Egress::kRaw:
      return "raw";
  }
  return "raw";
}
std::optional<Place> ParsePlace(std::string_view text) { return Find<Place>(kPlaceNames, text); }
std::optional<Privacy> ParsePrivacy(std::string_view text) {
  return Find<Privacy>(kPrivacyNames, text);
}

std::string_view ToString(Capability capability) {
  return kCapabilityNames[static_cast<std::size_t>(capability)];
}
std::optional<Capability> ParseCapability(std::string_view text) {
  return Find<Capability>(kCapabilityNames, text);
}
std::string Join(CapabilitySet set) {
  std::string out;
  for (int i = 0; i < kCapabilities; ++i) {
    const auto capability = static_cast<Capability>(i);
    if (!set.Has(capability)) continue;
    if (!out.empty()) out += ", ";
    out += ToString(capability);
  }
  return out;
}

std::string_view ToString(Protocol protocol) {
  return kProtocolNames[static_cast<std::size_t>(protocol)];
}
std::optional<Protocol> ParseProtocol(std::string_view text) {
  return Find<Protocol>(kProtocolNames, text);
}

std::string_view ToString(RejectReason reason) {
  return kRejectNames[static_cast<std::size_t>(reason)];
}

std::string_view ToString(AttemptOutcome outcome) {
  switch (outcome) {
    case AttemptOutcome::kOk:
      return "ok";
    case AttemptOutcome::kFailed:
      return "failed";
    case AttemptOutcome::kCancelled:
      return "cancelled";
    case AttemptOutcome::kTimedOut:
      return "timed_out";
    case AttemptOutcome::kCut:
      return "cut";
    case AttemptOutcome::kNotSent:
      return "not_sent";
  }
  return "failed";
}

Money DecisionRecord::Cost() const {
  Money sum;
  for (const AttemptRecord& attempt : attempts) sum += attempt.cost;
  return sum;
}

Egress DecisionRecord::Left() const {
  Egress most = Egress::kNone;
  for (const AttemptRecord& attempt : attempts) {
    if (attempt.outcome != AttemptOutcome::kNotSent && attempt.egress > most) most = attempt.egress;
  }
  return most;
}

const AttemptRecord* DecisionRecord::Answered() const {
  for (const AttemptRecord& attempt : attempts) {
    if (attempt.outcome == AttemptOutcome::kOk || attempt.outcome == AttemptOutcome::kCut)
      return &attempt;
  }
  return nullptr;
}

}  // namespace tidegate::core
