// A text as one segment of a URL's path.
#pragma once

#include <string>
#include <string_view>

namespace tidegate::protocols {

// Appends `text`, each byte but RFC 3986's unreserved ones as %XX.
void AppendPercentEncoded(std::string& out, std::string_view text);

}  // namespace tidegate::protocols
