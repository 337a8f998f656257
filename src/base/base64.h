// Base64 (RFC 4648, section 4: with padding).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tidegate {

std::string EncodeBase64(std::string_view bytes);
// Nothing when `text` is not exactly such an encoding.
std::optional<std::string> DecodeBase64(std::string_view text);

}  // namespace tidegate
