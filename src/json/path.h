// Where something stands, said the way people write it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace tidegate::json {

// The path of the string value that holds byte `offset` of `document`, as "messages[0].content";
// empty when no string value does. Keys are shown as they are written. Linear in `offset`; for
// errors only. REQUIRES: `document` is valid JSON.
[[gnu::cold]] std::string PathAt(std::string_view document, std::size_t offset);

}  // namespace tidegate::json
