// Ids of tool calls for servers that take only short ones.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace tidegate::protocols::openai_chat {

// Whether `id` has exactly `bytes` ASCII letters and digits.
bool IsCallIdOf(std::string_view id, std::size_t bytes);

// `id` as it is where it is such an id, else one that is made of it: always the same, so that a
// call and its result go on belonging together.
std::string CallIdOf(std::string_view id, std::size_t bytes);

}  // namespace tidegate::protocols::openai_chat
