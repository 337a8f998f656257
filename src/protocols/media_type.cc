#include "protocols/media_type.h"

#include "base/ascii.h"

namespace tidegate::protocols {

bool HasMediaType(std::string_view content_type, std::string_view essence) {
  std::string_view type = content_type.substr(0, content_type.find(';'));
  while (type.ends_with(' ') || type.ends_with('\t')) type.remove_suffix(1);
  return EqualsIgnoreCase(type, essence);
}

bool IsEventStream(std::string_view content_type) {
  return HasMediaType(content_type, "text/event-stream");
}

}  // namespace tidegate::protocols
