// Asking servers on this network which models they have now.
//
// LM Studio, vLLM and their like serve what somebody loaded a minute ago, so their models are in no
// catalogue. Each such provider is asked at start and then every kDiscoveryInterval; the inventory
// changes only when an answer did. A server that does not answer keeps no models: a request would
// fail there.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "base/result.h"
#include "core/deployment.h"
#include "net/address.h"
#include "net/client.h"
#include "net/shard.h"
#include "providers/catalogue.h"

namespace tidegate::app {

inline constexpr std::int64_t kDiscoveryInterval = 15 * net::kSecond;
inline constexpr std::int64_t kDiscoveryTimeout = 3 * net::kSecond;

// Whether a request to `endpoint` from this machine would reach one of the addresses.
bool IsOneOf(const providers::Endpoint& endpoint, std::span<const net::ListenAddress> own);

// Runs on one shard. Idle (no timer) when no provider lists its models.
class Discovery {
 public:
  using Found = std::function<void(std::vector<core::Deployment>)>;
  // `found` runs on the shard, with the models of all such providers, whenever they changed.
  // `catalogue` and `configs` outlive it. `own`: where this program listens; a provider there is
  // itself, and is not asked.
  static std::unique_ptr<Discovery> Start(
      net::Shard& shard, const providers::Catalogue& catalogue,
      const std::vector<providers::ProviderConfig>& configs,
      std::span<const net::ListenAddress> own,
      std::function<Result<std::shared_ptr<net::TlsContext>>()> tls, Found found);
  ~Discovery();
  // Ends before it returns; call from a thread that is no shard, while the shard still runs.
  void Stop();

 private:
  struct State;
  explicit Discovery(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace tidegate::app
