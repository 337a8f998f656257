// A text as one segment of a path of a URL, or as one value of its query.
#pragma once

#include <string>
#include <string_view>

namespace tidegate {

// Appends `text`, each byte but RFC 3986's unreserved ones and `kept` as %XX.
void AppendPercentEncoded(std::string& out, std::string_view text, char kept = '-');

}  // namespace tidegate
