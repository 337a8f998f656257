// The client's side of a protocol that is spoken to upstreams only: nobody asks in it, so it
// matches nothing and nothing is ever written in it.
#pragma once

#include <memory>
#include <string>

#include "protocols/protocol.h"

namespace tidegate::protocols {

class UpstreamOnly : public Protocol {
 public:
  std::optional<Route> Match(const ClientHead&) const final { return std::nullopt; }
  bool OwnsPath(std::string_view) const final { return false; }
  Result<core::Request> DecodeRequest(const ClientHead&, const Route&, std::string_view,
                                      const ConstraintParser&) const final {
    return Internal("no client speaks this protocol");
  }
  // Null, since there are no requests of this protocol.
  std::unique_ptr<ResponseEncoder> NewEncoder(const core::Request&, const RequestId&,
                                              std::int64_t) const final {
    return nullptr;
  }
  std::string EncodeError(const Error&) const final { return {}; }
  std::string EncodeStreamError(const Error&) const final { return {}; }
  int ErrorStatus(const Error& error) const final { return HttpStatus(error.code); }
  std::string_view StreamContentType(const core::Request&) const final { return {}; }
  std::string EncodeModels(std::span<const ModelEntry>) const final { return {}; }
  std::string EncodeModel(const ModelEntry&) const final { return {}; }
};

}  // namespace tidegate::protocols
