// POST /tidegate/models/pin and /tidegate/models/unpin: which models of this device stay in memory.
//
// Only callers that may manage models may: what one pins is not there for the models of others.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "admin/api.h"
#include "net/async.h"
#include "net/server.h"
#include "net/worker.h"
#include "policy/principal.h"

namespace tidegate::admin {

inline constexpr std::size_t kPinBodyBytesMax = 64 * 1024;

struct PinState {
  std::string model;  // its whole name
  bool pinned = false;
};

// Thread-safe. REQUIRES: outlives the requests.
class PinApi {
 public:
  // May block: called on the worker thread, one at a time.
  using Change = std::function<Result<PinState>(const std::string& model, bool pinned)>;

  explicit PinApi(Change change) : change_(std::move(change)) {}

  static std::span<const Route> Routes();
  static bool Owns(std::string_view path);
  // REQUIRES: Owns(path).
  net::Task<void> Handle(net::Exchange& exchange, const policy::Principal& caller);

 private:
  net::Task<Result<std::string>> Answer(net::Exchange& exchange, const policy::Principal& caller);
  const Change change_;
  net::Worker worker_;
};

}  // namespace tidegate::admin
