// Tools that take a text, as other protocols can say them: a function of one string.
//
// Only this protocol has tools without a schema ("custom"). To every other target such a tool is a
// function {"input": string}, its grammar part of its description, and a call of it is turned back
// into what the caller declared.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tidegate::protocols::openai_responses {

// The schema of {"input": string}.
inline constexpr std::string_view kTextInputSchema =
    R"({"type":"object","properties":{"input":{"type":"string",)"
    R"("description":"The input of the tool, as plain text."}},)"
    R"("required":["input"],"additionalProperties":false})";

inline constexpr std::string_view kTextInputBegin = "{\"input\":\"";
inline constexpr std::string_view kTextInputEnd = "\"}";
inline constexpr std::string_view kGroupSeparator = "__";

// {"input": text}.
std::string ToArguments(std::string_view text);

// The text in {"input": text}. A model that wrote something else is taken at its word: the text is
// then all it wrote. REQUIRES: no ScratchReader is alive on this thread.
std::string ToText(std::string_view arguments);

// "group__tool", or the name alone without a group.
std::string JoinedName(std::string_view group, std::string_view name);

}  // namespace tidegate::protocols::openai_responses
