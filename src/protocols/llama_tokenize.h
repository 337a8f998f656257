// Asking a llama-server for the tokens of a text: how a text is cut to fit exactly.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tidegate::protocols {

inline constexpr std::string_view kTokenizePath = "/tokenize";  // of the server, below no base path

// `marked`: with the marks that the tokenizer puts around a text.
std::string EncodeTokenize(std::string_view text, bool marked);
// Errors: kProtocol. REQUIRES: json::kPaddingBytes readable bytes behind `body`.
Result<std::vector<std::int64_t>> DecodeTokens(std::string_view body);

}  // namespace tidegate::protocols
