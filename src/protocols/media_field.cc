#include "protocols/media_field.h"

#include <functional>
#include <span>

#include "json/path.h"

namespace tidegate::protocols {
namespace {

using core::Capability;

bool Needs(const core::Part& part, core::CapabilitySet missing) {
  if (core::IsMedia(part.kind) && part.source == core::MediaSource::kUrl &&
      missing.Has(Capability::kMediaUrl)) {
    return true;
  }
  switch (part.kind) {
    case core::PartKind::kImage:
      return missing.Has(Capability::kVision);
    case core::PartKind::kAudio:
      return missing.Has(Capability::kAudio);
    case core::PartKind::kVideo:
      return missing.Has(Capability::kVideo);
    case core::PartKind::kFile:
      return missing.Has(Capability::kFiles);
    default:
      return false;
  }
}

const core::Part* Find(std::span<const core::Part> parts, core::CapabilitySet missing) {
  for (const core::Part& part : parts) {
    if (Needs(part, missing)) return &part;
    for (const core::Part& inner : part.content) {
      if (Needs(inner, missing)) return &inner;
      const bool in_result = core::IsMedia(inner.kind) && missing.Has(Capability::kMediaInResults);
      if (in_result) return &inner;
    }
  }
  return nullptr;
}

}  // namespace

std::string MediaField(const core::Request& request, core::CapabilitySet missing) {
  for (const core::Message& message : request.messages) {
    const core::Part* part = Find(message.parts, missing);
    if (part == nullptr) continue;
    const char* begin = request.body.data();
    const std::less<> before;  // of pointers that may have nothing to do with each other
    if (before(part->text.data(), begin) ||
        !before(part->text.data(), begin + request.body.size())) {
      return {};
    }
    return json::PathAt(request.body, static_cast<std::size_t>(part->text.data() - begin));
  }
  return {};
}

}  // namespace tidegate::protocols
