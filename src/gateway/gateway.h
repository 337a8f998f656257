// One request from its first byte to its record: the fixed list of phases
// (docs/life_of_a_request.md).
//
// Each phase is a function in this folder; none of them knows a vendor, and none but the attempt
// loop sends anything.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "conversations/shelf.h"
#include "core/constraints.h"
#include "core/decision.h"
#include "gateway/inventory.h"
#include "ledger/books.h"
#include "net/client.h"
#include "net/server.h"
#include "net/shard.h"
#include "obs/metrics_text.h"
#include "policy/principal.h"
#include "protocols/constraint_parser.h"
#include "protocols/protocol.h"

namespace tidegate::gateway {

// What a gateway is made of. All references outlive it.
struct GatewayParts {
  net::ShardSet& shards;
  ledger::Books& books;
  const policy::Keyring& keyring;
  const std::map<std::string, core::Constraints, std::less<>>& policies;
  const core::Constraints& defaults;  // apply to every request, as the policy "default"
  const protocols::ConstraintParser& constraint_parser;
  const Clock& clock;
  conversations::Shelf* shelf;  // null: no answer is kept
  net::ClientOptions client;
  std::size_t body_bytes_max = net::kBodyBytesMaxDefault;
  bool trust_callers_without_key =
      true;  // only callers from this machine can reach us, or the operator waived keys
  // The JSON of a record, for dry runs.
  std::function<std::string(const core::DecisionRecord&)> encode_decision;
  // Paths of IsAdminPath: answers and returns true, or returns false for an unknown path.
  std::function<net::Task<bool>(net::Exchange&, const policy::Principal&)> admin;
  // Answers Operation::kManageModels, to whoever may; empty: nothing is managed here.
  std::function<net::Task<void>(net::Exchange&)> manage = {};
};

struct GatewayStats {
  std::int64_t requests = 0;  // for a model, answered or not
  std::int64_t in_flight = 0;
};

struct Shared;  // what all calls see (call.h)

// Thread-safe: each request runs on its connection's shard.
class Gateway {
 public:
  Gateway(GatewayParts parts, std::shared_ptr<Inventory> inventory);
  ~Gateway();
  net::Task<void> Handle(net::Exchange& exchange);
  // The answer for a request that HTTP itself refuses, in the shape of the protocol that `path`
  // belongs to.
  static net::RefusalBody Refuse(std::string_view path, const Error& error);
  GatewayStats Stats() const;
  // What was counted since the start, as families of samples.
  void WriteMetrics(obs::MetricsText& out) const;
  // Requests that arrive from now on see `inventory`; those on their way keep theirs.
  void Replace(std::shared_ptr<Inventory> inventory);
  std::shared_ptr<Inventory> inventory() const;
  // Requests that arrive from now on are planned by what their targets can do now, and not a moment
  // ago. Thread-safe.
  void ForgetLive();

 private:
  std::unique_ptr<Shared> shared_;
};

}  // namespace tidegate::gateway
