// What each thing that can be asked of the gate wants of its caller's key.
#pragma once

#include "base/result.h"
#include "policy/principal.h"
#include "protocols/route.h"

namespace tidegate::gateway {

policy::Scope ScopeOf(protocols::Operation operation);

// Before anything of the request is read. A request to load a model, or to let go of it, looks like
// a chat until it is, so whoever may do that comes through here. Errors: kPermissionDenied.
Result<void> Authorize(const policy::Principal& caller, protocols::Operation operation);
// When it has been decoded. `readying`: it has no content (core::Request::readying).
Result<void> AuthorizeDecoded(const policy::Principal& caller, protocols::Operation operation,
                              bool readying);

}  // namespace tidegate::gateway
