// What a caller may ask a model for beside an answer to a chat: embeddings, rankings, the number of
// a chat's tokens.
//
// They go the way of every request (label, constraints, plan, reservation, attempts, record) and
// differ only in what stands here: how they are read, what they need, and how they are written for
// a target and its answer for the caller. Private to gateway/.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/result.h"
#include "core/deployment.h"
#include "core/embed.h"
#include "core/request.h"
#include "dispatch/attempt.h"
#include "profile/profile.h"
#include "protocols/protocol.h"

namespace tidegate::gateway {

// Belongs to one call.
class Work {
 public:
  virtual ~Work() = default;
  virtual const core::Envelope& asked() const = 0;
  virtual profile::Profile Profile() const = 0;
  // Whether a target of the plan can be asked at all. What cannot is passed over in silence.
  virtual bool CanAsk(const core::Deployment&) const { return true; }
  // The protocol to speak, where it is not the caller's or the target's first.
  virtual std::optional<core::Protocol> Spoken(const core::Deployment&) const { return {}; }
  // Of texts that may lose what does not fit: where to say what is left of them. Null: they may
  // not.
  virtual core::EmbedRequest* MayCut() { return nullptr; }
  // How long it took says something about the answers to chats.
  virtual bool Teaches() const { return true; }
  // As Protocol::EncodeRequest. Errors also: the target's protocol has no such thing.
  virtual Result<protocols::UpstreamRequest> Encode(
      const protocols::Protocol& upstream, const protocols::UpstreamOptions& options) const = 0;
  // Makes the caller's answer of the target's. REQUIRES: Encode succeeded for `upstream`; the Work
  // outlives the reader.
  virtual std::unique_ptr<dispatch::BodyReader> NewReader(const protocols::Protocol& upstream,
                                                          const RequestId& id) const = 0;
  // The caller's answer where no target gave one, made here; `last`: why not, if one was asked.
  // Nothing where it must come from a target.
  virtual std::optional<std::string> WithoutTarget(const std::optional<Error>&) const { return {}; }
};

// Of a chat that was read with `protocol` for kCountTokens; `request` outlives the Work.
std::unique_ptr<Work> CountTokens(const protocols::Protocol& protocol, core::Request& request);

// REQUIRES: `route` is one of `protocol`, for kEmbed or kRerank; json::kPaddingBytes readable bytes
// behind `body`, which outlives the Work.
Result<std::unique_ptr<Work>> DecodeWork(const protocols::Protocol& protocol,
                                         const protocols::Route& route, std::string_view body,
                                         const protocols::ConstraintParser& constraints);

// What records call the protocol of such a request.
std::string_view NameOf(const protocols::Protocol& protocol, protocols::Operation operation);

}  // namespace tidegate::gateway
