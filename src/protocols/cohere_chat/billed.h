// What Cohere's answers beside chats say of their price.
#pragma once

#include <cstdint>
#include <optional>

#include "core/usage.h"
#include "json/value.h"

namespace tidegate::protocols::cohere_chat {

// meta.billed_units, of the object of an answer: the tokens, with those of images; nothing where
// none are said.
std::optional<core::Usage> ReadBilledTokens(const json::Object& answer);
// The searches; 0 where none are said.
std::int64_t ReadBilledSearches(const json::Object& answer);

}  // namespace tidegate::protocols::cohere_chat
