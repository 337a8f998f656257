// The gate's own JSON API, /tidegate/…: what it decided and why, what was spent, what runs; and
// /metrics for whoever scrapes them.
//
// Made for the command line and the console; docs/admin_api.md describes every route. Nothing here
// changes anything. Each route wants a scope of its caller's key. A caller without the scope
// "admin" sees its own principal's records only, and cannot tell another's from one that does not
// exist.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"
#include "core/decision.h"
#include "core/deployment.h"
#include "engine/locator.h"
#include "engine/machine.h"
#include "engine/status.h"
#include "ledger/decision_log.h"
#include "ledger/ledger.h"
#include "net/async.h"
#include "net/server.h"
#include "obs/metrics_text.h"
#include "policy/principal.h"

namespace tidegate::admin {

inline constexpr std::size_t kDecisionsDefault = 20;   // of GET /tidegate/decisions without a limit
inline constexpr std::int32_t kSpendDaysDefault = 30;  // of GET /tidegate/spend without a first day
inline constexpr std::int32_t kSpendDaysMax = 3'660;

struct ModelRow {
  core::Deployment deployment;
  core::LiveState live;
};

// What the running program knows of itself.
struct GateFacts {
  std::string version;
  std::int64_t started_wall_nanos = 0;
  std::vector<std::string> listen;  // bound addresses
  std::size_t shards = 0;
  std::size_t connections = 0;       // open now
  std::int64_t requests = 0;         // since the start
  std::int64_t requests_active = 0;  // now
  engine::Machine machine = {};      // what local models may have of it
  std::string devices_why_not;       // its graphics devices are not known
  // Answers that are kept for their callers; all 0 when none are.
  std::int64_t kept_answers = 0, kept_bytes = 0, kept_failed = 0;
};

struct BookFacts {
  ledger::RecoveryReport recovery;
  ledger::LedgerStats ledger;
  ledger::LogStats log;
};

// One word of the policy vocabulary (policy::Field).
struct PolicyField {
  std::string name;
  std::string type;     // "boolean", …
  std::string merging;  // "strictest" or "most_specific"
  std::string allowed;
  std::string meaning;
};

// Where the answers come from. All functions must be set and thread-safe unless noted.
struct Sources {
  const Clock& clock;
  // Quick: called on a shard.
  std::function<std::vector<ModelRow>()> models = {};
  std::function<std::vector<engine::ModelStatus>()> engine_models = {};
  std::function<GateFacts()> gate = {};
  std::function<BookFacts()> books = {};
  // May block: called on the Api's worker thread, one at a time.
  std::function<Result<engine::EngineBinary>()> locate_engine = {};
  std::function<Result<core::DecisionRecord>(const RequestId&)> find_decision = {};
  std::function<Result<std::vector<core::DecisionRecord>>(std::size_t limit,
                                                          const std::string& principal)>
      latest_decisions = {};
  std::function<Result<std::vector<ledger::SpendRow>>(const ledger::SpendQuery&)> spend = {};
  std::vector<PolicyField> policy_fields = {};
  // Adds what is counted of the requests; likewise.
  std::function<void(obs::MetricsText&)> request_metrics = {};
};

// A path, and what it wants of its caller's key. One that ends in '/' stands for those below it.
struct Route {
  std::string_view path;
  policy::Scope scope;
};
std::span<const Route> Routes();

// Thread-safe: any shard may call Handle. REQUIRES: destroyed after the server that calls it has
// drained and before the shards are.
class Api {
 public:
  explicit Api(Sources sources);
  ~Api();
  Api(const Api&) = delete;
  Api& operator=(const Api&) = delete;

  // Whether `path` (without its query) is one of ours: "/tidegate" or below, or "/metrics".
  static bool Owns(std::string_view path);
  // Answers a request to one of our paths; false, and nothing answered, for any other. The caller
  // has been authenticated, and outlives the call. Failures of the connection end the exchange and
  // are nobody's error.
  net::Task<bool> Handle(net::Exchange& exchange, const policy::Principal& caller);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tidegate::admin
