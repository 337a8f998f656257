// The right to send one request to a running model, for as long as it lives.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "base/secret.h"
#include "net/address.h"

namespace tidegate::engine {

// Where a leased model answers. Plain values: the dispatcher sees no difference to a cloud.
struct Endpoint {
  net::Origin origin;    // a UNIX socket in a folder that only this user may enter
  Secret authorization;  // the whole value of the Authorization field: "Bearer …"; changes with
                         // every start
  std::string model;     // the name to ask this upstream for
  int peer_pid = 0;      // who has to listen there (net::HttpClient::ExpectPeer); 0 = anybody
  std::int64_t context_tokens = 0;  // of its window
  std::uint64_t run = 0;            // which of the model's processes this is
};

// How a process ended under those who used it.
struct ProcessEnd {
  std::string how;                 // "was killed by signal 11 (SIGSEGV)"
  std::int64_t retry_after_s = 1;  // until the next one serves, as far as can be known
  friend bool operator==(const ProcessEnd&, const ProcessEnd&) = default;
};

// Move-only; usable and destroyed on any thread. Destroying it gives the slot to the next in the
// queue. A lease of a process that crashed stays valid as a value; requests to its endpoint fail.
class Lease {
 public:
  Lease(Endpoint endpoint, std::function<void()> release)
      : endpoint_(std::move(endpoint)), release_(std::move(release)) {}
  Lease(Lease&& other) noexcept
      : endpoint_(std::move(other.endpoint_)), release_(std::exchange(other.release_, nullptr)) {}
  Lease& operator=(Lease&& other) noexcept {
    if (this != &other) {
      Release();
      endpoint_ = std::move(other.endpoint_);
      release_ = std::exchange(other.release_, nullptr);
    }
    return *this;
  }
  ~Lease() { Release(); }

  const Endpoint& endpoint() const { return endpoint_; }

 private:
  void Release() {
    if (release_) std::exchange(release_, nullptr)();
  }
  Endpoint endpoint_;
  std::function<void()> release_;
};

}  // namespace tidegate::engine
