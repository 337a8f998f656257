// What can be written from the values of a request, as opposed to passing its bytes on.
#pragma once

#include <string>

#include "base/result.h"
#include "core/embed.h"
#include "protocols/cannot_say.h"

namespace tidegate::protocols::embeddings {

// Errors: kInvalidArgument, for another target: something of it only its own bytes say.
inline Result<void> RequireTextsOnly(const core::EmbedRequest& request) {
  const bool all_texts = static_cast<std::int64_t>(request.texts.size()) == request.inputs;
  if (all_texts && !request.needs.Has(core::Capability::kVendorFields)) return {};
  return CannotSay(request.vendor_field, "what only the bytes of the request say");
}

}  // namespace tidegate::protocols::embeddings
