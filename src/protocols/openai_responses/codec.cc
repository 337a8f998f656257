#include "protocols/openai_responses/codec.h"

#include <string>

#include "protocols/answer_stream.h"
#include "protocols/media_type.h"
#include "protocols/openai_chat/error_body.h"
#include "protocols/openai_chat/model_list.h"
#include "protocols/openai_responses/answer_reader.h"
#include "protocols/openai_responses/encoder.h"
#include "protocols/openai_responses/request_decoder.h"
#include "protocols/openai_responses/request_encoder.h"
#include "protocols/openai_responses/stored.h"
#include "protocols/token_counter.h"
#include "protocols/upstream_error.h"
#include "protocols/whole_answer.h"

namespace tidegate::protocols::openai_responses {
namespace {

constexpr std::string_view kResponsesPath = "/v1/responses";
constexpr std::string_view kOnePrefix = "/v1/responses/";
constexpr std::string_view kCountPath = "/v1/responses/input_tokens";
constexpr std::string_view kInputItems = "/input_items";
constexpr std::string_view kCancel = "/cancel";

class OpenAiResponses final : public Protocol {
 public:
  core::Protocol id() const override { return core::Protocol::kOpenAiResponses; }

  std::optional<Route> Match(const ClientHead& head) const override {
    const std::string_view path = head.path;
    if (path == kResponsesPath && head.method == "POST") return Route{};
    if (path == kCountPath && head.method == "POST") {
      return Route{.operation = Operation::kCountTokens};
    }
    if (!path.starts_with(kOnePrefix)) return std::nullopt;
    const std::string_view rest = path.substr(kOnePrefix.size());
    const std::string_view id = rest.substr(0, rest.find('/'));
    const std::string_view below = rest.substr(id.size());
    if (id.empty()) return std::nullopt;
    if (below.empty() && head.method == "GET") {
      return Route{.operation = Operation::kGetStored, .id = id};
    }
    if (below.empty() && head.method == "DELETE") {
      return Route{.operation = Operation::kDeleteStored, .id = id};
    }
    if (below == kInputItems && head.method == "GET") {
      return Route{.operation = Operation::kListStoredInput, .id = id};
    }
    if (below == kCancel && head.method == "POST") {
      return Route{.operation = Operation::kCancelStored, .id = id};
    }
    return std::nullopt;
  }

  bool OwnsPath(std::string_view path) const override {
    return path == kResponsesPath || path.starts_with(kOnePrefix);
  }

  Result<core::Request> DecodeRequest(const ClientHead&, const Route& route, std::string_view body,
                                      const ConstraintParser& constraints) const override {
    return DecodeResponsesRequest(body, route.operation == Operation::kCountTokens, constraints);
  }

  std::unique_ptr<ResponseEncoder> NewEncoder(const core::Request& request, const RequestId& id,
                                              std::int64_t created_s) const override {
    return NewResponsesEncoder(OptionsFor(request, id, created_s));
  }

  // Errors and models have the shape of all of OpenAI's interfaces.
  std::string EncodeError(const Error& error) const override {
    return openai_chat::EncodeErrorBody(error);
  }
  std::string EncodeStreamError(const Error& error) const override {
    return EncodeErrorEvent(error, 0);
  }
  int ErrorStatus(const Error& error) const override { return openai_chat::ErrorHttpStatus(error); }
  const RateLimitWords* rate_limit_words() const override { return &kOpenAiRateLimitWords; }
  std::string_view StreamContentType(const core::Request&) const override {
    return "text/event-stream; charset=utf-8";
  }
  std::string EncodeModels(std::span<const ModelEntry> models) const override {
    return openai_chat::WriteModelList(models);
  }
  std::string EncodeModel(const ModelEntry& model) const override {
    return openai_chat::WriteModel(model);
  }
  const StoredAnswers* stored_answers() const override { return &Stored(); }

  core::CapabilitySet Expressible() const override {
    using core::Capability;
    return core::CapabilitySet::All()
        .Without(Capability::kRawPrompt)
        .Without(Capability::kInsert)
        .Without(Capability::kAudio)
        .Without(Capability::kVideo)
        .Without(Capability::kMultipleChoices)
        .Without(Capability::kSeed)
        .Without(Capability::kLogitBias)
        .Without(Capability::kStop)
        .Without(Capability::kPenalties)
        .Without(Capability::kTopK)
        .Without(Capability::kCitations)
        .Without(Capability::kLlamaSampling);
  }

  Result<UpstreamRequest> EncodeRequest(const core::Request& request,
                                        const UpstreamOptions& options) const override {
    return EncodeResponsesRequest(request, options);
  }

  std::unique_ptr<ResponseDecoder> NewDecoder(bool stream) const override {
    if (stream) return std::make_unique<StreamDecoder<FrameReader>>();
    return NewWholeDecoder(ReadWholeAnswer);
  }
  std::unique_ptr<StreamRelay> NewStreamRelay(bool hide_usage) const override {
    return std::make_unique<FrameRelay<FrameReader>>(hide_usage);
  }
  Result<RelayState> InspectWhole(std::string_view body) const override {
    return InspectWholeAnswer(body, ReadWholeAnswer);
  }
  bool IsStream(std::string_view content_type) const override {
    return IsEventStream(content_type);
  }

  Error DecodeError(int status, std::string_view body, std::int64_t retry_after_s) const override {
    return JudgeErrorBody(status, body, retry_after_s);
  }

  const TokenCounter* token_counter() const override {
    static const MemberCounter counter(
        {"openai_input_tokens", "response.input_tokens", "input_tokens"});
    return &counter;
  }
};

}  // namespace

const Protocol& Codec() {
  static const OpenAiResponses codec;
  return codec;
}

}  // namespace tidegate::protocols::openai_responses
