#include "gateway/authorize.h"

#include "base/check.h"

namespace tidegate::gateway {

using policy::Scope;
using protocols::Operation;

// Without a default: whoever adds an operation says here what it wants.
Scope ScopeOf(Operation operation) {
  switch (operation) {
    case Operation::kChat:
    case Operation::kEmbed:
    case Operation::kRerank:
    case Operation::kCountTokens:
    case Operation::kGetStored:
    case Operation::kDeleteStored:
    case Operation::kListStoredInput:
    case Operation::kCancelStored:
      return Scope::kInference;
    case Operation::kListModels:
    case Operation::kGetModel:
    case Operation::kListLoaded:
      return Scope::kModelsRead;
    case Operation::kManageModels:
      return Scope::kModelsWrite;
    case Operation::kFixed:  // needs no key at all
      break;
  }
  CHECK(operation == Operation::kFixed);
  return Scope::kAdmin;
}

Result<void> Authorize(const policy::Principal& caller, Operation operation) {
  if (operation == Operation::kChat && caller.scopes.Has(Scope::kModelsWrite)) return {};
  return policy::RequireScope(caller, ScopeOf(operation));
}

Result<void> AuthorizeDecoded(const policy::Principal& caller, Operation operation, bool readying) {
  if (readying && caller.scopes.Has(Scope::kModelsWrite)) return {};
  return policy::RequireScope(caller, ScopeOf(operation));
}

}  // namespace tidegate::gateway
