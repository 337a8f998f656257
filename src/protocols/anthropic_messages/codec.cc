#include "protocols/anthropic_messages/codec.h"

#include <string>

#include "protocols/answer_stream.h"
#include "protocols/anthropic_messages/answer_reader.h"
#include "protocols/anthropic_messages/encoder.h"
#include "protocols/anthropic_messages/error_body.h"
#include "protocols/anthropic_messages/model_list.h"
#include "protocols/anthropic_messages/request_decoder.h"
#include "protocols/anthropic_messages/request_encoder.h"
#include "protocols/limits.h"
#include "protocols/media_type.h"
#include "protocols/token_counter.h"
#include "protocols/upstream_error.h"
#include "protocols/whole_answer.h"

namespace tidegate::protocols::anthropic_messages {
namespace {

constexpr std::string_view kMessagesPath = "/v1/messages";
constexpr std::string_view kCountPath = "/v1/messages/count_tokens";
constexpr std::string_view kModelsPath = "/v1/models";
constexpr std::string_view kModelPrefix = "/v1/models/";

class AnthropicMessages final : public Protocol {
 public:
  core::Protocol id() const override { return core::Protocol::kAnthropicMessages; }

  std::optional<Route> Match(const ClientHead& head) const override {
    const std::string_view path = head.path;
    if (head.method == "POST" && path == kMessagesPath) return Route{};
    if (head.method == "POST" && path == kCountPath) {
      return Route{.operation = Operation::kCountTokens};
    }
    // The path of the models is OpenAI's too; the version field tells who asks.
    if (head.method != "GET" || !head.fields->Find("anthropic-version")) return std::nullopt;
    if (path == kModelsPath) return Route{.operation = Operation::kListModels};
    if (!path.starts_with(kModelPrefix) || path.size() == kModelPrefix.size()) return std::nullopt;
    return Route{.operation = Operation::kGetModel, .model = path.substr(kModelPrefix.size())};
  }

  bool OwnsPath(std::string_view path) const override { return path.starts_with(kMessagesPath); }

  Result<core::Request> DecodeRequest(const ClientHead& head, const Route& route,
                                      std::string_view body,
                                      const ConstraintParser& constraints) const override {
    return DecodeMessagesRequest(head, route.operation == Operation::kCountTokens, body,
                                 constraints);
  }

  std::unique_ptr<ResponseEncoder> NewEncoder(const core::Request& request, const RequestId& id,
                                              std::int64_t) const override {
    EncoderOptions options{.id = id,
                           .model = request.model,
                           .shows_thoughts = request.reasoning.visible.value_or(true)};
    return request.stream ? NewStreamEncoder(std::move(options))
                          : NewWholeEncoder(std::move(options));
  }

  std::string EncodeError(const Error& error) const override { return EncodeErrorBody(error); }
  std::string EncodeStreamError(const Error& error) const override {
    return EncodeErrorEvent(error);
  }
  int ErrorStatus(const Error& error) const override { return ErrorHttpStatus(error); }
  const RateLimitWords* rate_limit_words() const override { return &kAnthropicRateLimitWords; }
  std::string_view StreamContentType(const core::Request&) const override {
    return "text/event-stream; charset=utf-8";
  }
  std::string EncodeModels(std::span<const ModelEntry> models) const override {
    return WriteModelList(models);
  }
  std::string EncodeModel(const ModelEntry& model) const override { return WriteModel(model); }

  core::CapabilitySet Expressible() const override {
    using core::Capability;
    return core::CapabilitySet::All()
        .Without(Capability::kRawPrompt)
        .Without(Capability::kInsert)
        .Without(Capability::kJsonObject)
        .Without(Capability::kAudio)
        .Without(Capability::kVideo)
        .Without(Capability::kLogprobs)
        .Without(Capability::kMultipleChoices)
        .Without(Capability::kSeed)
        .Without(Capability::kLogitBias)
        .Without(Capability::kPenalties)
        .Without(Capability::kTextArguments)
        .Without(Capability::kLlamaSampling);
  }

  Result<UpstreamRequest> EncodeRequest(const core::Request& request,
                                        const UpstreamOptions& options) const override {
    return EncodeMessagesRequest(request, options);
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
    static const MemberCounter counter({"anthropic_count_tokens", {}, "input_tokens"});
    return &counter;
  }
};

}  // namespace

const Protocol& Codec() {
  static const AnthropicMessages codec;
  return codec;
}

}  // namespace tidegate::protocols::anthropic_messages
