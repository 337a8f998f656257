// The state of one request on its way through the phases. Private to gateway/.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/secret.h"
#include "core/decision.h"
#include "core/request.h"
#include "gateway/gateway.h"
#include "gateway/metrics.h"
#include "gateway/work.h"
#include "net/worker.h"
#include "plan/plan.h"
#include "policy/merge.h"
#include "privacy/label.h"
#include "profile/profile.h"
#include "protocols/aws_sigv4/signing_keys.h"

namespace tidegate::gateway {

// One shard's share of the gateway.
struct ShardState {
  ShardState(net::Shard& shard, const GatewayParts& parts, std::shared_ptr<Inventory> inventory_in,
             ShardCells& counts_in)
      : client(shard, parts.client), inventory(std::move(inventory_in)), counts(counts_in) {}
  net::HttpClient client;
  std::shared_ptr<Inventory> inventory;  // of new requests; shared with those that began with it
  ShardCells& counts;
  LiveView live;
  RequestIdSource ids;
  // The key that was accepted last and whose it is: most requests come with the key of the one
  // before, and hashing a key costs several times what comparing it does.
  struct {
    Secret key;
    const policy::Principal* principal = nullptr;
  } last_caller;
  protocols::aws_sigv4::SigningKeys signing_keys;  // of callers and of providers
  std::size_t unproven_bodies = 0;  // bodies being read before it is known whose they are
  std::size_t in_flight = 0;
};

struct Shared {
  explicit Shared(GatewayParts parts_in)
      : parts(std::move(parts_in)), metrics(parts.shards.size()) {}
  GatewayParts parts;
  Metrics metrics;
  std::vector<std::unique_ptr<ShardState>> shards;
  std::mutex mutex;
  std::shared_ptr<Inventory> inventory;  // guarded by mutex; shards hold their own reference
  net::Worker card_reader;
  std::atomic<int> whole_cards{0};  // that are being shown with all their lists
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
  // What was asked for, whatever it is.
  const core::Envelope& asked() const { return work ? work->asked() : request; }

  const policy::Principal* principal = nullptr;
  // Of the request, as it came: from Decode on, or before, where it had to be read to know who is
  // calling.
  std::optional<std::string_view> body;
  core::Request request;       // of a chat
  std::unique_ptr<Work> work;  // of anything else
  std::string recalled_body;   // the same with what it continues, and the padding that is read
  std::string previous_id;     // of the answer that it continues, or empty
  std::vector<protocols::StoredTurn> sources;  // in which items stand that it names
  core::Constraints recalled;                  // what all of these are bound to
  core::Constraints effective;
  privacy::Label label;
  profile::Profile profile;
  std::optional<std::size_t> tried;  // the deployment of the latest attempt
  std::string planned_model;  // what the planner is asked for: the caller's model, or "auto" when
                              // it named a policy
  plan::Plan plan;
  core::DecisionRecord record;
  std::string fields;               // header lines of the answer, reused
  std::string rate_limits;          // of the last attempt that failed: header lines
  std::string method, path, query;  // of KeepHead
};

// Of phase 3, for a request that continues an answer: puts what was kept of it into the request.
net::Task<Result<void>> Recall(Call& call);
// Keeps an answer that is complete, before its client hears that it is.
net::Task<void> Keep(Call& call, protocols::FinishedAnswer answer);
// Whether the answer to this call is to be kept.
bool Keeps(const Call& call);
// What a client asks about an answer that was kept.
net::Task<Result<std::string>> AskStored(Shared& shared, net::Exchange& exchange,
                                         const protocols::Protocol& protocol,
                                         protocols::Operation operation, std::string id,
                                         std::string query, std::string principal);

// Phase 3 to 8; each returns the error that the caller is told. See the .cc files for what each
// does.
net::Task<Result<void>> Decode(Call& call);
Result<void> Constrain(Call& call);
Result<void> MakePlan(Call& call);

// The body of a request must be declared as JSON, if at all: keeps out forms that a web page may
// post without asking.
Result<void> RequireJson(const net::HttpHead& head);

// Phase 12 for a request without content (Request::readying): the model that the plan prefers is
// loaded, or let go. Answers the client unless it returns an error.
net::Task<Result<void>> ReadyModel(Call& call);
// Whether such a request goes to the target as it is, which then does what it says.
bool PassesOn(const Call& call);

// GET of models: what can be asked for, what is in memory, what is known of one.
net::Task<void> AnswerModels(Shared& shared, ShardState& shard, net::Exchange& exchange,
                             const protocols::Protocol& protocol, const protocols::Route& route,
                             const policy::Principal& principal);

// An error answer in the protocol's own shape; `fields`: further header lines.
net::Task<void> RespondError(net::Exchange& exchange, const protocols::Protocol& protocol,
                             const Error& error, std::string fields);

// Phases 11 to 15, for each attempt of the plan in turn. Answers the client unless it returns an
// error.
net::Task<Result<void>> RunAttempts(Call& call);

// Adds to an error of length how the caller could have it answered all the same, in the words of
// its protocol.
void AddRemedy(const Call& call, Error& error);

// As whom, and how urgently, a request waits for a model of the engine.
engine::Claim ClaimOf(const Call& call, std::int64_t window_tokens);

// The header lines that say where an answer came from. `attempt` may be null (nothing was sent).
void AppendDecisionFields(const Call& call, const core::AttemptRecord* attempt, bool emulated,
                          std::string& out);

// What an answer cost at these prices, rounded up. `requests`: how often the price of one is due.
Money CostOf(const core::Usage& usage, const core::Prices& prices, std::int64_t requests = 1);

}  // namespace tidegate::gateway
