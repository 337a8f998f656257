#include "app/discovery.h"

#include <algorithm>
#include <future>

#include <boost/asio/steady_timer.hpp>

#include "app/inventory_builder.h"
#include "obs/log.h"
#include "protocols/protocol.h"
#include "providers/listed_models.h"

namespace tidegate::app {
namespace {

bool SameModels(const std::vector<core::Deployment>& a, const std::vector<core::Deployment>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const core::Deployment& x, const core::Deployment& y) {
                      return x.ref == y.ref && x.place == y.place &&
                             x.context_tokens == y.context_tokens &&
                             x.capabilities == y.capabilities && x.passed_on_to == y.passed_on_to;
                    });
}

}  // namespace

struct Discovery::State {
  State(net::Shard& shard_in, std::function<Result<std::shared_ptr<net::TlsContext>>()> tls)
      : shard(shard_in),
        client(shard_in, {.tls = std::move(tls), .proxy = net::ProxyConfig::FromEnvironment()}),
        timer(shard_in.io()) {}

  struct Source {
    const providers::Provider& provider;
    const providers::ProviderConfig& config;
    std::string path;
    bool answered = true;
  };

  net::Task<std::vector<core::Deployment>> Ask(Source* source) {
    const std::string fields(RequestFields(source->provider).Reveal());
    Result<net::SimpleResponse> answer = co_await net::Fetch(
        client, ToOrigin(source->provider.endpoint), "GET",
        source->provider.endpoint.base_path + source->path, fields, "", kDiscoveryTimeout);
    if (answer.ok() && answer->status == 200) {
      auto models = providers::DeploymentsFromList(source->provider, source->config, answer->body);
      if (models.ok()) {
        if (!source->answered) obs::Log(obs::Level::kInfo, "{} answers again", source->provider.id);
        source->answered = true;
        co_return *std::move(models);
      }
      Note(*source, models.error().message);
    } else {
      Note(*source,
           answer.ok() ? "status " + std::to_string(answer->status) : answer.error().message);
    }
    co_return std::vector<core::Deployment>();
  }

  static void Note(Source& source, const std::string& why) {
    if (source.answered) {
      obs::Log(obs::Level::kWarning,
               "{} does not list its models: {}; they are left out until it does",
               source.provider.id, why);
    }
    source.answered = false;
  }

  net::Task<void> Run() {
    while (!stopping) {
      std::vector<core::Deployment> all;
      for (Source& source : sources) {
        const std::vector<core::Deployment> models = co_await Ask(&source);
        all.insert(all.end(), models.begin(), models.end());
      }
      if (stopping) break;
      if (!SameModels(all, last)) {
        last = all;
        found(std::move(all));
      }
      timer.expires_after(std::chrono::nanoseconds(kDiscoveryInterval));
      co_await timer.async_wait(net::kAwait);
    }
  }

  net::Shard& shard;
  net::HttpClient client;
  net::asio::steady_timer timer;
  Found found;
  std::vector<Source> sources;
  std::vector<core::Deployment> last;
  bool stopping = false;  // of the shard's thread
  std::promise<void> ended;
};

Discovery::Discovery(std::shared_ptr<State> state) : state_(std::move(state)) {}
Discovery::~Discovery() = default;

bool IsOneOf(const providers::Endpoint& endpoint, std::span<const net::ListenAddress> own) {
  return std::any_of(own.begin(), own.end(), [&](const net::ListenAddress& address) {
    if (!address.unix_path.empty()) return endpoint.unix_path == address.unix_path;
    if (endpoint.port != address.port || !endpoint.unix_path.empty()) return false;
    const bool near = providers::ReachOf(endpoint) == providers::Reach::kLoopback ||
                      endpoint.host == "0.0.0.0" || endpoint.host == "::";
    const bool everywhere = address.host == "0.0.0.0" || address.host == "::";
    return endpoint.host == address.host || (near && (address.loopback() || everywhere));
  });
}

std::unique_ptr<Discovery> Discovery::Start(
    net::Shard& shard, const providers::Catalogue& catalogue,
    const std::vector<providers::ProviderConfig>& configs, std::span<const net::ListenAddress> own,
    std::function<Result<std::shared_ptr<net::TlsContext>>()> tls, Found found) {
  auto state = std::make_shared<State>(shard, std::move(tls));
  state->found = std::move(found);
  static const providers::ProviderConfig kNone;
  for (const providers::Provider& provider : catalogue.providers()) {
    if (!provider.lists_models) continue;
    const auto config =
        std::find_if(configs.begin(), configs.end(),
                     [&](const providers::ProviderConfig& c) { return c.id == provider.id; });
    if (IsOneOf(provider.endpoint, own)) {
      obs::Log(obs::Level::kWarning,
               "{} is this program's own address ({}), so it is left out: requests would go round "
               "in a circle",
               provider.id, provider.endpoint.ToString());
      continue;
    }
    state->sources.push_back({provider, config == configs.end() ? kNone : *config,
                              std::string(protocols::Get(provider.protocol).ModelsPath())});
  }
  if (state->sources.empty()) {
    state->ended.set_value();
  } else {
    net::Spawn(shard.io(), state->Run(), [state](std::exception_ptr) { state->ended.set_value(); });
  }
  return std::unique_ptr<Discovery>(new Discovery(std::move(state)));
}

void Discovery::Stop() {
  state_->shard.Post([state = state_] {
    state->stopping = true;
    state->timer.cancel();
  });
  state_->ended.get_future().wait();
}

}  // namespace tidegate::app
