// What can be asked for, in the shape of whoever asks.
#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "gateway/call.h"
#include "gateway/limits.h"
#include "obs/log.h"

namespace tidegate::gateway {
namespace {

using protocols::ModelEntry;

constexpr std::int64_t kEver = std::numeric_limits<std::int64_t>::max();

ModelEntry EntryOf(const Inventory& inventory, std::size_t i) {
  const core::Deployment& deployment = inventory.deployments()[i];
  ModelEntry entry{.id = deployment.ref.ToString(),
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
  for (std::size_t i = 0; i < inventory.deployments().size(); ++i) {
    if (!principal.places.Has(inventory.deployments()[i].place)) continue;
    models.push_back(EntryOf(inventory, i));
  }
  return models;
}

std::vector<ModelEntry> ListLoaded(const Shared& shared, const Inventory& inventory,
                                   const policy::Principal& principal) {
  std::vector<ModelEntry> models;
  if (inventory.engine() == nullptr || !principal.places.Has(core::Place::kDevice)) return models;
  const std::int64_t now = shared.parts.clock.WallNanos();
  for (const engine::ModelStatus& status : inventory.engine()->Statuses()) {
    if (status.state != engine::ModelState::kReady) continue;
    for (std::size_t i = 0; i < inventory.deployments().size(); ++i) {
      if (inventory.route(i).engine_model != status.model) continue;
      ModelEntry entry = EntryOf(inventory, i);
      const bool stays = status.idle_stop_in_nanos < 0 || status.idle_stop_in_nanos > kEver - now;
      // What of it went to the devices although it was meant to be there is not known.
      const std::uint64_t device_bytes = status.degraded.empty() ? status.device_bytes : 0;
      entry.residency = {.bytes = static_cast<std::int64_t>(status.rss_bytes + device_bytes),
                         .until_wall_nanos = stays ? 0 : now + status.idle_stop_in_nanos,
                         .device_bytes = static_cast<std::int64_t>(device_bytes),
                         .context_tokens = status.context_tokens};
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
net::Task<Result<std::string>> AskedModel(net::Exchange& exchange,
                                          const protocols::Protocol& protocol,
                                          protocols::Route route) {
  if (!route.model_in_body) co_return std::string(route.model);
  Result<void> json = RequireJson(exchange.head());
  if (!json.ok()) co_return std::move(json).error();
  const Result<std::string_view> body = co_await exchange.ReadBody(kNameBodyBytesMax);
  if (!body.ok()) co_return body.error();
  co_return protocol.DecodeModelName(*body);
}

// On a thread that may wait for the disk.
net::Task<Result<void>> ReadCard(Shared& shared, net::Exchange& exchange, ModelEntry& model) {
  const core::Deployment* deployment = model.deployment;
  const bool known = deployment != nullptr && deployment->weights && deployment->weights->read_card;
  if (!known) co_return Result<void>();
  using Card = std::shared_ptr<const core::ModelCard>;
  std::function<Result<Card>()> read = [make = deployment->weights->read_card]() -> Result<Card> {
    return make();
  };
  Result<Card> card = co_await shared.card_reader.Run(exchange.shard(), std::move(read));
  if (!card.ok()) co_return std::move(card).error();
  model.card = *std::move(card);
  co_return Result<void>();
}

}  // namespace

net::Task<void> AnswerModels(Shared& shared, ShardState& shard, net::Exchange& exchange,
                             const protocols::Protocol& protocol, const protocols::Route& route,
                             const policy::Principal& principal) {
  const std::shared_ptr<Inventory> inventory = shard.inventory;
  std::string body;
  if (route.operation == protocols::Operation::kListLoaded) {
    body = protocol.EncodeLoadedModels(ListLoaded(shared, *inventory, principal));
  } else if (route.operation == protocols::Operation::kListModels) {
    body = protocol.EncodeModels(ListModels(shared, *inventory, principal));
  } else {
    const Result<std::string> asked = co_await AskedModel(exchange, protocol, route);
    if (!asked.ok()) co_return co_await RespondError(exchange, protocol, asked.error(), "");
    const std::vector<ModelEntry> models = ListModels(shared, *inventory, principal);
    const ModelEntry* found = FindModel(models, *asked);
    if (found == nullptr) {
      co_return co_await RespondError(exchange, protocol, NoModel(*asked), "");
    }
    ModelEntry model = *found;
    if (route.shows_card) {
      const Result<void> read = co_await ReadCard(shared, exchange, model);
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
