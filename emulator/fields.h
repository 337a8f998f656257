// Small helpers that every shape reads and writes with.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "emulator/chat.h"
#include "emulator/faults.h"
#include "json/value.h"
#include "json/writer.h"

namespace tidegate::emulator {

inline constexpr std::int64_t kTokenLimitMax = 1'000'000'000;  // a request may ask for no more

// The member unless it is missing or null.
std::optional<json::Value> FindValue(const json::Object& object, std::string_view key);
Result<bool> ReadBool(const json::Object& object, std::string_view key, bool missing);
Result<std::string> ReadString(const json::Object& object, std::string_view key);
// Empty when it is missing or null.
Result<std::string> ReadOptionalString(const json::Object& object, std::string_view key);
// The member as an object; nothing when it is missing or null.
Result<std::optional<json::Object>> FindObject(const json::Object& object, std::string_view key);
Result<json::Object> ReadObject(const json::Object& object, std::string_view key);
// A number that must be in low … high, if it is there at all.
Result<void> CheckNumber(const json::Object& object, std::string_view key, double low, double high);
// At most `max` texts, none of them empty.
Result<std::vector<std::string>> ReadTexts(const json::Value& array, std::size_t max);

// All tokens of one kind (and tool call) as one text.
std::string Join(const Choice& choice, TokenKind kind, std::uint32_t tool_call = 0);
bool Has(const Choice& choice, TokenKind kind);
// Behind the last token from `begin` on, at most `end`, that may share a frame with the first: of
// the same kind and call. A tool's name stands alone.
std::size_t RunEnd(const Choice& choice, std::size_t begin, std::size_t end);
std::string JoinRange(const Choice& choice, std::size_t begin, std::size_t end);

// Usage as the faults want it told.
Usage Told(const Usage& usage, const Faults& faults);
// Whether usage is told at all in a protocol that always tells it.
bool TellsUsage(const Faults& faults);
// a + b, or the most there is.
std::int64_t Sum(std::int64_t a, std::int64_t b);

// "data: …\n\n", with "event: <event>\n" before it unless that is empty.
void AppendEvent(std::string& out, std::string_view event, std::string_view data);

inline constexpr std::string_view kFailedMidway =
    "[emulated] the model failed in the middle of its answer";

}  // namespace tidegate::emulator
