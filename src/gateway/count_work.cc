// Counting the tokens of a chat: by a target that says, by the model's own tokenizer on this
// device, or, where nobody can be asked, by our estimate, which is marked as one.
#include <algorithm>
#include <array>
#include <utility>

#include "base/check.h"
#include "gateway/work.h"
#include "protocols/token_counter.h"

namespace tidegate::gateway {
namespace {

using dispatch::BodyReader;
using protocols::Protocol;
using protocols::TokenCounter;
using protocols::UpstreamOptions;
using protocols::UpstreamRequest;

class CountReader final : public BodyReader {
 public:
  CountReader(const TokenCounter& client, const TokenCounter& upstream)
      : client_(client), upstream_(upstream) {}

  Result<Answer> Read(std::string_view body) override {
    TIDEGATE_ASSIGN(const std::int64_t tokens, upstream_.DecodeCount(body));
    Answer answer{.usage = core::Usage(), .requests = 0};  // nobody is paid for counting
    if (&client_ != &upstream_) answer.body = client_.EncodeCount(tokens);
    return answer;
  }

 private:
  const TokenCounter& client_;
  const TokenCounter& upstream_;
};

class CountWork final : public Work {
 public:
  CountWork(const Protocol& client, core::Request& request) : client_(client), request_(request) {
    // What only the answer depends on is no part of the question.
    request.stream = request.stream_usage = false;
    request.max_output_tokens.reset();
    request.keep = false;
    estimate_ = profile::Compute(request).input_tokens_estimate;
  }

  const core::Envelope& asked() const override { return request_; }

  // As for the chat, so that it is counted where it would be answered; but nothing is written and
  // nothing is paid, and what does not fit can be counted all the same.
  profile::Profile Profile() const override {
    profile::Profile profile = profile::Compute(request_);
    profile.writes = false;
    profile.output_tokens_estimate = profile.output_tokens_limit = 0;
    profile.input_tokens_max = 0;
    profile.requests_max = 0;
    profile.longest_prompt_estimate = 0;
    profile.window_tokens = 0;
    return profile;
  }

  bool CanAsk(const core::Deployment& deployment) const override {
    return deployment.capabilities.Has(core::Capability::kCountTokens);
  }

  // Of all that the target speaks, what it counts by: OpenAI does it beside its Responses only.
  std::optional<core::Protocol> Spoken(const core::Deployment& deployment) const override {
    if (deployment.Speaks(client_.id())) return client_.id();
    for (const core::Protocol also : deployment.also_speaks) {
      if (protocols::Get(also).token_counter() != nullptr) return also;
    }
    return deployment.protocol;
  }

  bool Teaches() const override { return false; }

  Result<UpstreamRequest> Encode(const Protocol& upstream,
                                 const UpstreamOptions& options) const override {
    CHECK(upstream.token_counter() != nullptr);
    UpstreamOptions counting = options;
    counting.count_only = true;
    counting.force_stream = false;
    counting.output_tokens_limit.reset();
    return upstream.EncodeRequest(request_, counting);
  }

  std::unique_ptr<BodyReader> NewReader(const Protocol& upstream, const RequestId&) const override {
    return std::make_unique<CountReader>(*client_.token_counter(), *upstream.token_counter());
  }

  // A request that a target found fault with is no better for being counted here.
  std::optional<std::string> WithoutTarget(const std::optional<Error>& last) const override {
    constexpr std::array<ErrorCode, 3> kCallers = {
        ErrorCode::kInvalidArgument, ErrorCode::kCancelled, ErrorCode::kDeadlineExceeded};
    const bool callers = last && last->retry != Retry::kOtherTarget &&
                         std::find(kCallers.begin(), kCallers.end(), last->code) != kCallers.end();
    if (callers) return std::nullopt;
    return client_.token_counter()->EncodeCount(estimate_);
  }

 private:
  const Protocol& client_;
  const core::Request& request_;
  std::int64_t estimate_ = 0;
};

}  // namespace

std::unique_ptr<Work> CountTokens(const Protocol& protocol, core::Request& request) {
  CHECK(protocol.token_counter() != nullptr);
  return std::make_unique<CountWork>(protocol, request);
}

}  // namespace tidegate::gateway
