// The protocol that Ollama's registry speaks, a subset of the OCI distribution protocol, as do
// Hugging Face and anybody's own registry.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/secret.h"
#include "models/digest.h"
#include "models/download_target.h"
#include "models/manifest.h"
#include "models/model_name.h"
#include "models/registry_client.h"
#include "net/cancel.h"

namespace tidegate::models {

inline constexpr std::size_t kTokenAnswerBytesMax = 64 * 1024;
inline constexpr std::size_t kTokenBytesMax = 16 * 1024;
inline constexpr std::size_t kErrorBodyBytesMax = 16 * 1024;

// What a WWW-Authenticate field asks for.
struct BearerChallenge {
  std::string realm, service, scope;
};
// Errors: kProtocol.
Result<BearerChallenge> ParseBearerChallenge(std::string_view field);

// One user's way into one registry, for one pull: it gets a token when the registry asks for one.
// On the client's shard; the client outlives it.
class RegistryAccess {
 public:
  explicit RegistryAccess(RegistryClient& client) : client_(client) {}

  const RegistryConfig& config() const { return client_.config(); }
  // As RegistryClient::Get; a challenge is answered once for each request.
  net::Task<Result<RegistryAnswer>> Get(net::CancelToken& cancel, DownloadTarget target,
                                        std::string fields);
  // As RegistryClient::Head and Send.
  net::Task<Result<RegistryAnswer>> Head(net::CancelToken& cancel, DownloadTarget target);
  net::Task<Result<RegistryAnswer>> Send(net::CancelToken& cancel, RegistryRequest request);
  // The same where nothing is to be proved: to a target that a redirect has named.
  net::Task<Result<RegistryAnswer>> GetDirect(net::CancelToken& cancel, DownloadTarget target,
                                              std::string fields);

 private:
  Secret Authorization() const;
  // Whether the request is to be sent again, since the answer has asked for a token that there is
  // now.
  net::Task<Result<bool>> AnswerChallenge(net::CancelToken& cancel, RegistryAnswer& answer);
  net::Task<Result<void>> Authenticate(net::CancelToken& cancel, BearerChallenge asked);

  RegistryClient& client_;
  Secret token_;  // that the registry has given out
};

// A piece of a model that a manifest names.
struct RemotePiece {
  Digest digest;
  std::uint64_t size = 0;
};

// Of a manifest: its config and layers, each digest once, the config last. Errors: kProtocol with
// what is wrong.
Result<std::vector<RemotePiece>> ParseManifestPieces(std::string_view manifest);

DownloadTarget ManifestTarget(const net::Origin& origin, const ModelName& name);
// Where an upload begins.
DownloadTarget UploadsTarget(const net::Origin& origin, const ModelName& name);
DownloadTarget BlobTarget(const net::Origin& origin, const ModelName& name, const Digest& digest);

// The manifest's bytes as the registry has them. Errors: kNotFound, kPermissionDenied,
// kRateLimited, kUnavailable, kTooLarge, kProtocol.
net::Task<Result<std::string>> FetchManifest(RegistryAccess& access, net::CancelToken& cancel,
                                             ModelName name);

}  // namespace tidegate::models
