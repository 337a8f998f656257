// Who may talk to a server on loopback: Host and Origin, checked on every request.
//
// A page in a browser can reach loopback (drive-by) and can make its own name resolve to it (DNS
// rebinding). Both show in fields that a browser sets and a page cannot: Host and Origin. Only
// exact forms pass; nothing is guessed from prefixes, suffixes, private ranges or local names.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "net/http_head.h"

namespace tidegate::net {

class HostCheck {
 public:
  // `names`: configured host names beside localhost, 127.0.0.1 and [::1]. `origins`: allowed web
  // origins, exact.
  HostCheck(std::vector<std::string> names, std::vector<std::string> origins);
  // Errors: kInvalidArgument (no or several Host fields), kPermissionDenied. `over_unix`: any
  // single Host will do, since no browser speaks to a UNIX socket.
  Result<void> Check(const HttpHead& head, bool over_unix) const;

 private:
  bool HostAllowed(std::string_view host) const;
  std::vector<std::string> names_, origins_;
};

}  // namespace tidegate::net
