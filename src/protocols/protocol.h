// A wire protocol, both directions: what clients speak to us, and what we speak to upstreams.
//
// n protocols meet only in core::Request and core::Event, so each is written once and never
// converted pairwise. Everything here is pure: bytes and values in, bytes and values out; no
// socket, no clock, no thread. A codec object is immutable and may be used from any thread;
// encoders, decoders and relays hold the state of one answer and belong to one coroutine.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "core/deployment.h"
#include "core/event.h"
#include "core/request.h"
#include "protocols/constraint_parser.h"
#include "protocols/dialect.h"
#include "protocols/jobs.h"
#include "protocols/model_entry.h"
#include "protocols/rate_limit_words.h"
#include "protocols/route.h"
#include "protocols/stored_answers.h"

namespace tidegate::protocols {

// A body to send, as pieces for one scatter write. The pieces view the request's original body or
// `owned`.
struct BodyPieces {
  std::vector<std::string_view> pieces;
  std::vector<std::unique_ptr<std::string>> owned;
  std::size_t size() const {
    std::size_t sum = 0;
    for (const std::string_view piece : pieces) sum += piece.size();
    return sum;
  }
};

// How one upstream wants this protocol spoken. Filled from the provider's catalogue entry and the
// plan.
struct UpstreamOptions {
  std::string_view model;     // the name the upstream knows
  bool force_stream = false;  // stream although the caller did not ask for it (the local engine)
  bool want_stream_usage = true;  // ask for usage in the stream where the upstream understands it
  bool passes_unknown_fields = false;  // it ignores, or knows, what its API description lacks
  const Dialect* dialect = &kPlainDialect;
  std::optional<std::int64_t> output_tokens_limit =
      {};                              // write this limit; absent = leave the caller's
  std::int64_t output_tokens_max = 0;  // the model's own limit, where it is known
  bool count_only = false;  // ask how many tokens the request has: token_counter() is not null
  std::optional<core::FillInTokens> fill_in = {};  // of a model that fills in by them
  bool cuts_here = false;  // what is too long and may be cut is cut by the gate, once it is known
};

struct UpstreamRequest {
  std::string path;    // below the provider's base URL, as "/chat/completions"; with a query
  std::string fields;  // header lines that the protocol wants, each with CRLF
  std::string_view accept = "application/json";
  BodyPieces body;
  bool streaming = false;  // the upstream was asked for a stream
  // We asked for usage that the caller did not ask for: the relay must drop that frame.
  bool hide_stream_usage = false;
};

// Feeds on an upstream's answer and yields events. Views in events live until the next call.
class ResponseDecoder {
 public:
  virtual ~ResponseDecoder() = default;
  // Decodes the next bytes of a stream (any split) or of a whole body. Malformed input: kProtocol.
  virtual Result<void> Feed(std::string_view bytes, std::vector<core::Event>& out) = 0;
  // The body ended as its framing says; not to be called for a connection that broke. An answer
  // that is not complete is kProtocol: a cut stream is never complete.
  virtual Result<void> Finish(std::vector<core::Event>& out) = 0;
};

// How long an answer has taken so far.
struct AnswerTimes {
  std::int64_t waited_nanos = 0;  // from the request's arrival until it was sent on: loading too
  std::int64_t taken_nanos = 0;   // since then
};

// Makes the client's answer from events.
class ResponseEncoder {
 public:
  virtual ~ResponseEncoder() = default;
  // The moment at which the next events came, for protocols that tell how long things took.
  virtual void NoteTimes(const AnswerTimes&) {}
  // Appends what can be sent now; a non-streaming encoder collects and appends nothing before the
  // DoneEvent.
  virtual void Encode(const core::Event& event, std::string& out) = 0;
};

// What a relay saw passing by.
struct RelayState {
  std::optional<core::Usage> usage;
  bool content_seen = false;       // a frame with text, reasoning or a tool call was released
  bool complete = false;           // the protocol's end marker, or a whole valid body, was seen
  std::optional<Error> error;      // the upstream reported an error inside its answer
  std::int64_t content_bytes = 0;  // of text, for an estimate when no usage came
  std::int64_t content_events = 0;
};

// Passes a same-protocol stream through, byte for byte, in whole frames: no frame waits for the
// next one, and a cut leaves no half frame behind. Withheld are only: a usage frame that the caller
// did not ask for, an error frame (it is in state().error; the caller fails over or sends
// EncodeStreamError), and data behind the end marker or behind an error.
class StreamRelay {
 public:
  virtual ~StreamRelay() = default;
  // Appends views of the complete frames in `bytes` to `out`; they live until the next Feed and
  // view `bytes` or the carry buffer. A malformed frame, or one over kFrameBytesMax: kProtocol;
  // `out` holds the frames before it.
  virtual Result<void> Feed(std::string_view bytes, std::vector<std::string_view>& out) = 0;
  // The body ended as its framing says; not to be called for a connection that broke. Appends the
  // rest if it is a frame that lacks only its blank line, and decides state().complete.
  virtual void Finish(std::vector<std::string_view>& out) = 0;
  virtual const RelayState& state() const = 0;
};

class EmbedCodec;    // embeddings/codec.h
class RerankCodec;   // rerank/codec.h
class TokenCounter;  // token_counter.h

class Protocol {
 public:
  virtual ~Protocol() = default;
  virtual core::Protocol id() const = 0;

  // --- Client side ---
  // Nothing when the request is not this protocol's.
  virtual std::optional<Route> Match(const ClientHead& head) const = 0;
  // Whether `path` belongs to this protocol, whatever the method: decides the shape of a 404 or
  // 405.
  virtual bool OwnsPath(std::string_view path) const = 0;
  // A chat, on a route that Match gave. `constraints` gives the gate's own fields their meaning.
  // Errors: kInvalidArgument with the path of the field at fault; kTooLarge.
  // REQUIRES: json::kPaddingBytes readable bytes behind `body`, which outlives the Request.
  virtual Result<core::Request> DecodeRequest(const ClientHead& head, const Route& route,
                                              std::string_view body,
                                              const ConstraintParser& constraints) const = 0;
  virtual std::unique_ptr<ResponseEncoder> NewEncoder(const core::Request& request,
                                                      const RequestId& id,
                                                      std::int64_t created_s) const = 0;
  // The body of an error answer, and the bytes that end a stream that has begun.
  virtual std::string EncodeError(const Error& error) const = 0;
  virtual std::string EncodeStreamError(const Error& error) const = 0;
  // The same for a protocol whose streams have more than one form.
  virtual std::string EncodeStreamErrorFor(const core::Request&, const Error& error) const {
    return EncodeStreamError(error);
  }
  // Some fields of this protocol's errors decide the status; otherwise HttpStatus(error.code).
  virtual int ErrorStatus(const Error& error) const = 0;
  // Header lines that an error answer of this protocol has beside its body, each with CRLF.
  virtual std::string ErrorFields(const Error&) const { return {}; }
  // Null: its clients know no header fields that tell of rate limits.
  virtual const RateLimitWords* rate_limit_words() const { return nullptr; }
  virtual std::string_view StreamContentType(const core::Request& request) const = 0;
  virtual std::string EncodeModels(std::span<const ModelEntry> models) const = 0;
  virtual std::string EncodeModel(const ModelEntry& model) const = 0;
  // Of a protocol with such operations.
  virtual std::string EncodeLoadedModels(std::span<const ModelEntry> models) const {
    return EncodeModels(models);
  }
  virtual FixedAnswer EncodeFixed(const Route&) const { return {}; }
  // REQUIRES: json::kPaddingBytes readable bytes behind `body`.
  virtual Result<ModelQuestion> DecodeModelQuestion(std::string_view) const {
    return InvalidArgument("model", "is not taken from a body by this protocol");
  }
  // The answer to a request without content (Request::readying).
  virtual std::string EncodeReadied(const core::Request&, std::int64_t /*created_s*/) const {
    return {};
  }
  // Not null where clients may come back to an answer.
  virtual const StoredAnswers* stored_answers() const { return nullptr; }

  // --- Upstream side ---
  // Where a server of this protocol lists its models, below the provider's base URL.
  virtual std::string_view ModelsPath() const { return "/models"; }
  // What requests to this protocol can say at all, whatever the model; see core::Capability.
  virtual core::CapabilitySet Expressible() const = 0;
  // The body to send: the original bytes with the least that must change spliced when
  // request.protocol is this one and the bytes may be used; else written anew. What cannot be said
  // is kInvalidArgument with the path of the field, and another target may do better.
  // `request` must outlive the result.
  virtual Result<UpstreamRequest> EncodeRequest(const core::Request& request,
                                                const UpstreamOptions& options) const = 0;
  virtual std::unique_ptr<ResponseDecoder> NewDecoder(bool stream) const = 0;
  virtual std::unique_ptr<StreamRelay> NewStreamRelay(bool hide_usage) const = 0;
  // Reads usage and errors from a whole same-protocol body that is passed through. Not valid:
  // kProtocol. REQUIRES: json::kPaddingBytes readable bytes behind `body`.
  virtual Result<RelayState> InspectWhole(std::string_view body) const = 0;
  // Not null where an upstream answers with a job, and gives the answer afterwards.
  virtual const Jobs* jobs() const { return nullptr; }
  // Whether an answer with this content type is a stream of this protocol's.
  virtual bool IsStream(std::string_view content_type) const = 0;
  // What an error answer of an upstream means for us. `retry_after_s` from its headers, 0 = none.
  virtual Error DecodeError(int status, std::string_view body,
                            std::int64_t retry_after_s) const = 0;

  // --- Beside chats, both sides; nullptr where the protocol has no such thing ---
  virtual const EmbedCodec* Embeddings() const { return nullptr; }
  virtual const RerankCodec* Rankings() const { return nullptr; }
  virtual const TokenCounter* token_counter() const { return nullptr; }
};

// All protocols, in matching order. One line each in protocols.cc.
std::span<const Protocol* const> All();
const Protocol* Find(core::Protocol id);  // nullptr: not one that can be spoken yet
const Protocol& Get(core::Protocol id);   // REQUIRES: Find finds it

// What a model can do when this protocol is spoken to it: with what the protocol brings with it,
// without what it cannot say.
core::CapabilitySet CompleteCapabilities(const Protocol& protocol, core::CapabilitySet of_model);

}  // namespace tidegate::protocols
