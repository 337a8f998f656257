// How tests steer the emulator and ask what it saw: /emulator/… on the same port.
#pragma once

#include <string_view>

#include "emulator/site.h"
#include "emulator/wire.h"
#include "net/server.h"

namespace tidegate::emulator {

inline constexpr std::string_view kAdminPrefix = "/emulator/";

// Answers a request whose path begins with kAdminPrefix. `wire`: nullptr without one. The calls
// stand in README.md.
net::Task<void> ServeAdmin(Site& site, Wire* wire, net::Exchange& exchange);

}  // namespace tidegate::emulator
