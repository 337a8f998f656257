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
      entry.residency = {static_cast<std::int64_t>(status.rss_bytes),
                         stays ? 0 : now + status.idle_stop_in_nanos};
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
    const ModelEntry* model = FindModel(models, *asked);
    if (model == nullptr) {
      co_return co_await RespondError(exchange, protocol, NoModel(*asked), "");
    }
    body = protocol.EncodeModel(*model);
  }
  const Result<void> sent =
      co_await exchange.Respond(200, "content-type: application/json\r\n", body);
  if (!sent.ok())
    obs::Log(obs::Level::kDebug, "the models could not be sent: {}", Describe(sent.error()));
}

}  // namespace tidegate::gateway
