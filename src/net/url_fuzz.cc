// URLs and listen addresses: what is accepted can be written out and read again as the same.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "net/address.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tidegate::net;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  if (const auto url = ParseUrl(input); url.ok()) {
    const bool over_unix = url->origin.scheme == Scheme::kUnix;
    CHECK(over_unix == url->origin.host.empty() && over_unix != url->origin.unix_path.empty());
    CHECK(over_unix || url->origin.port != 0);
    const std::string join = over_unix && !url->path.empty() ? ":" : "";
    const auto again = ParseUrl(url->origin.ToString() + join + url->path);
    CHECK(again.ok() && again->origin == url->origin && again->path == url->path);
    CHECK(url->origin.HostField().find_first_of(" \r\n/@") == std::string::npos);
  }
  if (const auto address = ParseListenAddress(input); address.ok()) {
    const auto again = ParseListenAddress(address->ToString());
    CHECK(again.ok() && again->ToString() == address->ToString());
    CHECK(again->loopback() == address->loopback());
  }
  return 0;
}
