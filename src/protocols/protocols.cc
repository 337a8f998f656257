// The list of protocols: one line each, in matching order.
#include <array>

#include "base/check.h"
#include "protocols/anthropic_messages/codec.h"
#include "protocols/bedrock_converse/codec.h"
#include "protocols/cohere_chat/codec.h"
#include "protocols/gemini/codec.h"
#include "protocols/ollama/codec.h"
#include "protocols/openai_chat/codec.h"
#include "protocols/openai_completions/codec.h"
#include "protocols/openai_responses/codec.h"
#include "protocols/protocol.h"
#include "protocols/replicate/codec.h"

namespace tidegate::protocols {

std::span<const Protocol* const> All() {
  static const std::array kAll = {
      &anthropic_messages::Codec(),  // these before the one that takes all of /v1/
      &gemini::Codec(),
      &bedrock_converse::Codec(),
      &openai_responses::Codec(),
      &openai_completions::Codec(),
      &openai_chat::Codec(),
      &ollama::Codec(),
      &cohere_chat::Codec(),
      &replicate::Codec(),
  };
  return kAll;
}

const Protocol* Find(core::Protocol id) {
  for (const Protocol* protocol : All()) {
    if (protocol->id() == id) return protocol;
  }
  return nullptr;
}

const Protocol& Get(core::Protocol id) {
  const Protocol* const found = Find(id);
  CHECK(found != nullptr);
  return *found;
}

core::CapabilitySet CompleteCapabilities(const Protocol& protocol, core::CapabilitySet set) {
  using core::Capability;
  // Models chat, but for those that are there to embed or to rank and say nothing of chats.
  if (!set.Has(Capability::kEmbeddings) && !set.Has(Capability::kRerank)) {
    set = set.With(Capability::kChat);
  }
  if (protocol.Embeddings() == nullptr) set = set.Without(Capability::kEmbeddings);
  if (protocol.Rankings() == nullptr) set = set.Without(Capability::kRerank);
  if (protocol.token_counter() == nullptr) set = set.Without(Capability::kCountTokens);
  if (set.Has(Capability::kTools)) set = set.With(Capability::kToolChoice);
  // Only OpenAI's streams leave usage out unless they are asked for it.
  if (protocol.id() != core::Protocol::kOpenAiChat) set = set.With(Capability::kStreamUsage);
  if (set.Has(Capability::kVision)) set = set.With(Capability::kMediaUrl);
  if (set.Has(Capability::kVendorFields)) set = set.With(Capability::kTopK);
  // Who speaks Ollama's own words knows how to take a prompt as it stands.
  if (protocol.id() == core::Protocol::kOllama) set = set.With(Capability::kRawPrompt);
  set = set.With(Capability::kTextArguments);
  const core::CapabilitySet unsayable = protocol.Expressible().Missing(set);
  return unsayable.Missing(set);
}

}  // namespace tidegate::protocols
