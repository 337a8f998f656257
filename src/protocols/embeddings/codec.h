// One protocol's way of asking for embeddings, both sides; see protocol.h for what is common to
// all.
//
// There is no stream: a request is one body, and so is its answer. Clients reach it by the paths
// that the protocol's Match gives the operation kEmbed; errors have the protocol's own shape.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/result.h"
#include "core/embed.h"
#include "protocols/protocol.h"

namespace tidegate::protocols {

// Immutable; any thread.
class EmbedCodec {
 public:
  virtual ~EmbedCodec() = default;
  // For records, as "openai_embeddings".
  virtual std::string_view name() const = 0;

  // --- Client side ---
  // As Protocol::DecodeRequest.
  virtual Result<core::EmbedRequest> DecodeRequest(const Route& route, std::string_view body,
                                                   const ConstraintParser& constraints) const = 0;
  // The answer in the form that `request` wants. REQUIRES: as many embeddings as inputs, each in
  // one form at least.
  virtual std::string EncodeAnswer(const core::EmbedRequest& request,
                                   const core::EmbedAnswer& answer, const RequestId& id) const = 0;

  // --- Upstream side ---
  // As Protocol::EncodeRequest.
  virtual Result<UpstreamRequest> EncodeRequest(const core::EmbedRequest& request,
                                                const UpstreamOptions& options) const = 0;
  // Errors: kProtocol, also when there are not exactly `inputs` vectors; an error that the body
  // reports. REQUIRES: json::kPaddingBytes readable bytes behind `body`, which outlives the answer.
  virtual Result<core::EmbedAnswer> DecodeAnswer(std::string_view body,
                                                 std::int64_t inputs) const = 0;
  // The usage in an answer that is passed on as it is. Errors and REQUIRES: as DecodeAnswer's.
  virtual Result<std::optional<core::Usage>> Inspect(std::string_view body) const = 0;
};

namespace embeddings {
const EmbedCodec& OpenAi();  // POST /v1/embeddings, /embeddings upstream
const EmbedCodec& Cohere();  // POST /v2/embed, /embed upstream

// The numbers that Route::form has for the paths of one protocol.
inline constexpr int kGeminiSingle = 0;  // {model}:embedContent
inline constexpr int kGeminiBatch = 1;   // {model}:batchEmbedContents
const EmbedCodec& Gemini();              // below /models upstream
inline constexpr int kOllamaNew = 0;     // POST /api/embed
inline constexpr int kOllamaOld = 1;     // POST /api/embeddings
const EmbedCodec& Ollama();              // the same paths upstream
}  // namespace embeddings

}  // namespace tidegate::protocols
