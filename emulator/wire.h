// The wire between the clients and the emulator's HTTP server, where bytes are spoiled that a
// correct server never sends wrong.
//
// A reset, a wrong Content-Length, a chunk that promises too much: net::HttpServer rightly refuses
// to produce these. So clients connect to a Wire, which passes every byte on to the server behind
// it and back, and spoils an answer only when the server asks for it in the answer's own head, by
// the field kWireField, which never reaches the client. The wire can also refuse and reset
// connections before there is a request.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "emulator/faults.h"
#include "net/address.h"
#include "net/shard.h"

namespace tidegate::emulator {

inline constexpr std::string_view kWireFieldName = "x-emulate-wire";

// "x-emulate-wire: rst,content_length=5\r\n" for the faults in `faults` that are the wire's, or "".
// `drop`: no byte of this answer reaches the client.
std::string WireField(const Faults& faults, bool drop);

// Construct, Listen; destroyed when its shards have stopped and before they are. All calls are
// thread-safe after Listen.
class Wire {
 public:
  // `server` listens on a TCP address of this machine.
  Wire(net::ShardSet& shards, net::ListenAddress listen, net::ListenAddress server);
  ~Wire();
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  // Errors: kUnavailable, naming the address.
  Result<void> Listen();
  const net::ListenAddress& bound() const { return listen_; }  // after Listen with its real port

  // Stops listening for so long: clients get "connection refused". Open connections go on.
  void RefuseFor(std::int64_t nanos);
  // The next `count` connections are reset as soon as they are accepted.
  void ResetNext(std::int64_t count) { resets_left_ = count; }

 private:
  class Door;  // the part of one shard
  net::ShardSet& shards_;
  net::ListenAddress listen_;
  const net::ListenAddress server_;
  std::atomic<std::int64_t> resets_left_ = 0;
  std::vector<std::unique_ptr<Door>> doors_;
};

}  // namespace tidegate::emulator
