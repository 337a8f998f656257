// One protocol's way of asking for a ranking of documents, both sides; see embeddings/codec.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/result.h"
#include "core/rerank.h"
#include "protocols/protocol.h"

namespace tidegate::protocols {

// What an answer says of its price.
struct RerankBill {
  std::optional<core::Usage> usage;
  std::int64_t search_units = 0;  // 0 = not said
};

// Immutable; any thread.
class RerankCodec {
 public:
  virtual ~RerankCodec() = default;
  virtual std::string_view name() const = 0;

  // --- Client side ---
  virtual Result<core::RerankRequest> DecodeRequest(const Route& route, std::string_view body,
                                                    const ConstraintParser& constraints) const = 0;
  // At most `top_n` of the results, with their documents where the request wants them.
  virtual std::string EncodeAnswer(const core::RerankRequest& request,
                                   const core::RerankAnswer& answer, const RequestId& id) const = 0;

  // --- Upstream side ---
  virtual Result<UpstreamRequest> EncodeRequest(const core::RerankRequest& request,
                                                const UpstreamOptions& options) const = 0;
  // Errors: kProtocol, also for a document that is none of the `documents` or stands twice; an
  // error that the body reports. REQUIRES: json::kPaddingBytes readable bytes behind `body`, which
  // outlives the answer.
  virtual Result<core::RerankAnswer> DecodeAnswer(std::string_view body,
                                                  std::size_t documents) const = 0;
  // The price of an answer that is passed on as it is. Errors and REQUIRES: as DecodeAnswer's.
  virtual Result<RerankBill> Inspect(std::string_view body) const = 0;
};

namespace rerank {
const RerankCodec& Jina();    // POST /v1/rerank and /rerank: Jina's, Cohere's first, llama-server's
const RerankCodec& Cohere();  // POST /v2/rerank, /rerank upstream
}  // namespace rerank

}  // namespace tidegate::protocols
