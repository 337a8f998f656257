// What a server says it has: the answer to the question for its models, as deployments.
//
// The list decides about privacy. A server near by may pass a model's requests on to somebody else
// (Ollama does, for its cloud models), and says so here or nowhere; such a model is at
// Place::kCloud, whatever the address and the configuration say of the server.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "core/deployment.h"
#include "providers/provider.h"

namespace tidegate::providers {

inline constexpr std::size_t kModelListBytesMax = 8U << 20U;  // of such an answer
inline constexpr std::size_t kListedModelsMax = 4096;         // of one provider

// The models in the answer of a provider with `lists_models`, in the shape of its protocol.
// `config` gives the facts that the configuration states. Errors: kProtocol when it is no such
// answer.
Result<std::vector<core::Deployment>> DeploymentsFromList(const Provider& provider,
                                                          const ProviderConfig& config,
                                                          std::string_view body);

// Names that Ollama's servers pass on: those whose tag is or ends in "cloud".
bool IsRemoteName(std::string_view name);
// What is known of the server says nothing of whoever it passes the request on to.
void MakeRemote(core::Deployment& model);

}  // namespace tidegate::providers
