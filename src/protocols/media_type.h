// Media types of bodies.
#pragma once

#include <string_view>

namespace tidegate::protocols {

// Whether a Content-Type, perhaps with parameters, is `essence`. Letter case does not count.
bool HasMediaType(std::string_view content_type, std::string_view essence);
bool IsEventStream(std::string_view content_type);

}  // namespace tidegate::protocols
