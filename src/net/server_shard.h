// What the connections of one shard of a server share. Private to the server.
#pragma once

#include <atomic>
#include <cstdint>

#include "net/server.h"

namespace tidegate::net {

struct ServerShard {
  Shard& shard;
  const ServerOptions& options;
  const Handler& handler;
  const RefusalEncoder& refuse;
  const HostCheck& hosts;
  std::atomic<bool>& draining;
};

// How a connection came in.
enum class Arrival : std::uint8_t { kTcp, kTls, kUnix };

}  // namespace tidegate::net
