// The state of one chat request on its way through the phases. Private to gateway/.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/secret.h"
#include "core/decision.h"
#include "core/request.h"
#include "gateway/gateway.h"
#include "plan/plan.h"
#include "policy/merge.h"
#include "privacy/label.h"
#include "profile/profile.h"

namespace tidegate::gateway {

// One shard's share of the gateway.
struct ShardState {
  ShardState(net::Shard& shard, const GatewayParts& parts, std::shared_ptr<Inventory> inventory_in)
      : client(shard, parts.client), inventory(std::move(inventory_in)) {}
  net::HttpClient client;
  std::shared_ptr<Inventory> inventory;  // of new requests; shared with those that began with it
  LiveView live;
  RequestIdSource ids;
  // The key that was accepted last and whose it is: most requests come with the key of the one
  // before, and hashing a key costs several times what comparing it does.
  struct {
    Secret key;
    const policy::Principal* principal = nullptr;
  } last_caller;
  std::size_t in_flight = 0;
};

struct Shared {
  explicit Shared(GatewayParts parts_in) : parts(std::move(parts_in)) {}
  GatewayParts parts;
  std::vector<std::unique_ptr<ShardState>> shards;
  std::mutex mutex;
  std::shared_ptr<Inventory> inventory;  // guarded by mutex; shards hold their own reference
  std::atomic<std::int64_t> requests{0};
  std::atomic<std::int64_t> in_flight{0};
};

struct Call {
  Call(Shared& shared_in, ShardState& shard_in, net::Exchange& exchange_in,
       const protocols::Protocol& protocol_in, const protocols::ClientHead& head_in,
       const protocols::Route& route_in)
      : shared(shared_in),
        shard(shard_in),
        exchange(exchange_in),
        protocol(protocol_in),
        head(head_in),
        route(route_in),
        inventory(shard_in.inventory) {}

  // Copies what `head` views, since reading on may move the connection's buffer.
  void KeepHead();

  Shared& shared;
  ShardState& shard;
  net::Exchange& exchange;
  const protocols::Protocol& protocol;
  protocols::ClientHead head;
  protocols::Route route;
  const std::shared_ptr<Inventory> inventory;
  const policy::Principal* principal = nullptr;
  core::Request request;
  core::Constraints effective;
  privacy::Label label;
  profile::Profile profile;
  std::string planned_model;  // what the planner is asked for: the caller's model, or "auto" when
                              // it named a policy
  plan::Plan plan;
  core::DecisionRecord record;
  std::string fields;               // header lines of the answer, reused
  std::string method, path, query;  // of KeepHead
};

// Phase 3 to 8; each returns the error that the caller is told. See the .cc files for what each
// does.
net::Task<Result<void>> Decode(Call& call);
Result<void> Constrain(Call& call);
Result<void> MakePlan(Call& call);

// Phases 11 to 15, for each attempt of the plan in turn. Answers the client unless it returns an
// error.
net::Task<Result<void>> RunAttempts(Call& call);

// The candidates of the plan, put into the record.
void RecordPlan(Call& call);

// The header lines that say where an answer came from. `attempt` may be null (nothing was sent).
void AppendDecisionFields(const Call& call, const core::AttemptRecord* attempt, bool emulated,
                          std::string& out);

// What an answer cost at these prices, rounded up.
Money CostOf(const core::Usage& usage, const core::Prices& prices);

}  // namespace tidegate::gateway
