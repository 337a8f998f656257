// Passing a body on to who speaks its protocol, for requests of which nothing else has to change.
#pragma once

#include <string_view>

#include "core/envelope.h"
#include "protocols/protocol.h"

namespace tidegate::protocols {

// The original bytes with the model's name replaced, if the body has it, and without the gate's own
// members. `request` must outlive the result.
BodyPieces SpliceBody(const core::Envelope& request, std::string_view model);

// A body that was written anew.
BodyPieces WholeBody(std::string body);

// Whether the bytes of `request` may go to who speaks `protocol`.
inline bool MayPass(const core::Envelope& request, core::Protocol protocol) {
  return request.protocol == protocol && request.same_bytes && !request.body.empty();
}

}  // namespace tidegate::protocols
