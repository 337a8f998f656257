// What can be asked for, in the shape of whoever asks.
#include <algorithm>
#include <atomic>
#include <limits>
#include <map>

#include <fmt/format.h>

#include "engine/deployments.h"
#include "gateway/call.h"
#include "gateway/limits.h"
#include "obs/log.h"

namespace tidegate::gateway {
namespace {

using protocols::ModelEntry;

constexpr std::int64_t kEver = std::numeric_limits<std::int64_t>::max();

// Which local models can be called by their names alone: those names mean nothing else.
class PlainNames {
 public:
  PlainNames(const Shared& shared, const Inventory& inventory) : shared_(shared) {
    for (const core::Deployment& deployment : inventory.deployments()) {
      ++meanings_[std::string(plan::WithoutDefaultTag(deployment.ref.model))];
      ++meanings_[std::string(plan::WithoutDefaultTag(deployment.ref.ToString()))];
    }
  }

  // Empty where it cannot.
  std::string Of(const core::Deployment& deployment) const {
    const std::string& name = deployment.ref.model;
    const std::string_view untagged = plan::WithoutDefaultTag(name);
    if (deployment.ref.provider != engine::kLocalProvider) return {};
    if (meanings_.at(std::string(untagged)) > 1 || plan::ParseModelName(name).automatic) return {};
    for (const auto& [policy, constraints] : shared_.parts.policies) {
      if (plan::WithoutDefaultTag(policy) == untagged) return {};
    }
    return name;
  }

 private:
  const Shared& shared_;
  std::map<std::string, int> meanings_;  // of names without the default tag
};

ModelEntry EntryOf(const Inventory& inventory, std::size_t i, const PlainNames& plain) {
  const core::Deployment& deployment = inventory.deployments()[i];
  ModelEntry entry{.id = deployment.ref.ToString(),
                   .plain = plain.Of(deployment),
                   .owned_by = deployment.ref.provider,
                   .created_s = 0,
                   .deployment = &deployment,
                   .capabilities = deployment.capabilities,
                   .context_tokens = deployment.context_tokens};
  if (deployment.place != core::Place::kDevice) {
    entry.host = inventory.route(i).target.origin.ToString();
  }
  return entry;
}

// A name for a choice: with the best of what may be chosen.
ModelEntry EntryOfChoice(std::string_view name, const Inventory& inventory, core::PlaceSet places) {
  ModelEntry entry{.id = std::string(name), .owned_by = "tidegate"};
  for (const core::Deployment& deployment : inventory.deployments()) {
    if (!places.Has(deployment.place)) continue;
    entry.capabilities = entry.capabilities.Union(deployment.capabilities);
    entry.context_tokens = std::max(entry.context_tokens, deployment.context_tokens);
  }
  return entry;
}

// What a caller can write in `model`: the names for the choice itself first, then every deployment.
std::vector<ModelEntry> ListModels(const Shared& shared, const Inventory& inventory,
                                   const policy::Principal& principal) {
  std::vector<ModelEntry> models;
  const auto add_choice = [&](std::string_view name, const core::Constraints& constraints) {
    core::PlaceSet places =
        principal.places.Intersect(constraints.place.value_or(core::PlaceSet::All()));
    if (constraints.privacy) places = places.Intersect(core::PlacesFor(*constraints.privacy));
    models.push_back(EntryOfChoice(name, inventory, places));
  };
  for (const std::string_view name : plan::kAutoNames) {
    add_choice(name, plan::ConstraintsOfModelName(name));
  }
  for (const auto& [name, constraints] : shared.parts.policies) add_choice(name, constraints);
  const PlainNames plain(shared, inventory);
  for (std::size_t i = 0; i < inventory.deployments().size(); ++i) {
    if (!principal.places.Has(inventory.deployments()[i].place)) continue;
    models.push_back(EntryOf(inventory, i, plain));
  }
  return models;
}

std::vector<ModelEntry> ListLoaded(const Shared& shared, const Inventory& inventory,
                                   const policy::Principal& principal) {
  std::vector<ModelEntry> models;
  if (inventory.engine() == nullptr || !principal.places.Has(core::Place::kDevice)) return models;
  const std::int64_t now = shared.parts.clock.WallNanos();
  const PlainNames plain(shared, inventory);
  for (const engine::ModelStatus& status : inventory.engine()->Statuses()) {
    if (status.state != engine::ModelState::kReady) continue;
    for (std::size_t i = 0; i < inventory.deployments().size(); ++i) {
      if (inventory.route(i).engine_model != status.model) continue;
      ModelEntry entry = EntryOf(inventory, i, plain);
      const bool stays = status.idle_stop_in_nanos < 0 || status.idle_stop_in_nanos > kEver - now;
      // What of it went to the devices although it was meant to be there is not known.
      const std::uint64_t device_bytes = status.degraded.empty() ? status.device_bytes : 0;
      entry.residency = {.bytes = static_cast<std::int64_t>(status.rss_bytes + device_bytes),
                         .until_wall_nanos = stays ? 0 : now + status.idle_stop_in_nanos,
                         .device_bytes = static_cast<std::int64_t>(device_bytes),
                         .context_tokens = status.context_tokens,
                         .pinned = status.pinned};
      models.push_back(std::move(entry));
    }
  }
  // Those that stay longest first.
  std::stable_sort(models.begin(), models.end(), [](const ModelEntry& a, const ModelEntry& b) {
    const auto until = [](const ModelEntry& model) {
      const std::int64_t nanos = model.residency->until_wall_nanos;
      return nanos == 0 ? kEver : nanos;
    };
    return until(a) > until(b);
  });
  return models;
}

// The exact name, else one that the planner would take for it.
const ModelEntry* FindModel(const std::vector<ModelEntry>& models, std::string_view asked) {
  const plan::ModelName name = plan::ParseModelName(asked);
  const ModelEntry* found = nullptr;
  for (const ModelEntry& model : models) {
    if (model.id == asked) return &model;
    const bool means = model.deployment == nullptr
                           ? plan::WithoutDefaultTag(model.id) == plan::WithoutDefaultTag(asked)
                           : !name.automatic && plan::Names(name, *model.deployment);
    if (found == nullptr && means) found = &model;
  }
  return found;
}

Error NoModel(std::string_view asked) {
  Error error =
      NotFound(fmt::format("model '{}' not found: the list of models has what there is", asked));
  error.reason = "model_not_found";
  return error;
}

// The name that the path or the body says.
net::Task<Result<protocols::ModelQuestion>> AskedModel(net::Exchange& exchange,
                                                       const protocols::Protocol& protocol,
                                                       protocols::Route route) {
  if (!route.model_in_body) co_return protocols::ModelQuestion{std::string(route.model)};
  Result<void> json = RequireJson(exchange.head());
  if (!json.ok()) co_return std::move(json).error();
  const Result<std::string_view> body = co_await exchange.ReadBody(kNameBodyBytesMax);
  if (!body.ok()) co_return body.error();
  co_return protocol.DecodeModelQuestion(*body);
}

// On a thread that may wait for the disk.
net::Task<Result<void>> ReadCard(Shared& shared, net::Exchange& exchange, bool everything,
                                 ModelEntry& model) {
  const core::Deployment* deployment = model.deployment;
  const bool known = deployment != nullptr && deployment->weights && deployment->weights->read_card;
  if (!known) co_return Result<void>();
  using Card = std::shared_ptr<const core::ModelCard>;
  std::function<Result<Card>()> read = [make = deployment->weights->read_card,
                                        everything]() -> Result<Card> { return make(everything); };
  Result<Card> card = co_await shared.card_reader.Run(exchange.shard(), std::move(read));
  if (!card.ok()) co_return std::move(card).error();
  model.card = *std::move(card);
  co_return Result<void>();
}

// One of those that may hold all of a model's lists in memory.
class CardPermit {
 public:
  CardPermit() = default;
  CardPermit(const CardPermit&) = delete;
  CardPermit& operator=(const CardPermit&) = delete;
  ~CardPermit() {
    if (count_ != nullptr) --*count_;
  }
  bool Take(std::atomic<int>& count) {
    if (++count <= kWholeCardsMax) {
      count_ = &count;
      return true;
    }
    --count;
    return false;
  }

 private:
  std::atomic<int>* count_ = nullptr;
};

Error TooManyCards() {
  Error error{ErrorCode::kRateLimited, ErrorSource::kGateway, Retry::kSameTarget,
              "too many callers want all of a model at once; try again"};
  error.reason = "busy";
  error.retry_after_s = 1;
  return error;
}

}  // namespace

net::Task<void> AnswerModels(Shared& shared, ShardState& shard, net::Exchange& exchange,
                             const protocols::Protocol& protocol, const protocols::Route& route,
                             const policy::Principal& principal) {
  const std::shared_ptr<Inventory> inventory = shard.inventory;
  std::string body;
  CardPermit permit;  // until the answer has left
  if (route.operation == protocols::Operation::kListLoaded) {
    body = protocol.EncodeLoadedModels(ListLoaded(shared, *inventory, principal));
  } else if (route.operation == protocols::Operation::kListModels) {
    body = protocol.EncodeModels(ListModels(shared, *inventory, principal));
  } else {
    const Result<protocols::ModelQuestion> asked = co_await AskedModel(exchange, protocol, route);
    if (!asked.ok()) co_return co_await RespondError(exchange, protocol, asked.error(), "");
    const std::vector<ModelEntry> models = ListModels(shared, *inventory, principal);
    const ModelEntry* found = FindModel(models, asked->model);
    if (found == nullptr) {
      co_return co_await RespondError(exchange, protocol, NoModel(asked->model), "");
    }
    ModelEntry model = *found;
    if (asked->everything && !permit.Take(shared.whole_cards)) {
      co_return co_await RespondError(exchange, protocol, TooManyCards(), "");
    }
    if (route.shows_card) {
      const Result<void> read = co_await ReadCard(shared, exchange, asked->everything, model);
      if (!read.ok()) co_return co_await RespondError(exchange, protocol, read.error(), "");
    }
    body = protocol.EncodeModel(model);
  }
  const Result<void> sent =
      co_await exchange.Respond(200, "content-type: application/json\r\n", body);
  if (!sent.ok())
    obs::Log(obs::Level::kDebug, "the models could not be sent: {}", Describe(sent.error()));
}

}  // namespace tidegate::gateway
