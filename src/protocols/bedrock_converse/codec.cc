#include "protocols/bedrock_converse/codec.h"

#include <string>

#include "protocols/answer_stream.h"
#include "protocols/bedrock_converse/answer_reader.h"
#include "protocols/bedrock_converse/encoder.h"
#include "protocols/bedrock_converse/error_body.h"
#include "protocols/bedrock_converse/model_list.h"
#include "protocols/bedrock_converse/model_path.h"
#include "protocols/bedrock_converse/request_decoder.h"
#include "protocols/bedrock_converse/request_encoder.h"
#include "protocols/media_type.h"
#include "protocols/token_counter.h"
#include "protocols/whole_answer.h"

namespace tidegate::protocols::bedrock_converse {
namespace {

constexpr std::string_view kEventStream = "application/vnd.amazon.eventstream";

class BedrockConverse final : public Protocol {
 public:
  core::Protocol id() const override { return core::Protocol::kBedrockConverse; }

  std::optional<Route> Match(const ClientHead& head) const override {
    if (head.method == "POST") return MatchModelPath(head.path);
    if (head.method != "GET" || !head.path.starts_with(kModelsPath)) return std::nullopt;
    const std::string_view rest = head.path.substr(kModelsPath.size());
    if (rest.empty()) return Route{.operation = Operation::kListModels};
    if (rest.size() < 2 || rest.front() != '/') return std::nullopt;
    return Route{.operation = Operation::kGetModel, .model = rest.substr(1)};
  }

  bool OwnsPath(std::string_view path) const override {
    return path.starts_with(kModelPrefix) || path.starts_with(kModelsPath);
  }

  Result<core::Request> DecodeRequest(const ClientHead&, const Route& route, std::string_view body,
                                      const ConstraintParser& constraints) const override {
    return DecodeConverseRequest(route, body, constraints);
  }

  std::unique_ptr<ResponseEncoder> NewEncoder(const core::Request& request, const RequestId& id,
                                              std::int64_t) const override {
    const EncoderOptions options{.id = id,
                                 .shows_thoughts = request.reasoning.visible.value_or(true)};
    return request.stream ? NewStreamEncoder(options) : NewWholeEncoder(options);
  }

  std::string EncodeError(const Error& error) const override { return EncodeErrorBody(error); }
  std::string EncodeStreamError(const Error& error) const override {
    return EncodeErrorEvent(error);
  }
  int ErrorStatus(const Error& error) const override { return ErrorHttpStatus(error); }
  std::string ErrorFields(const Error& error) const override {
    return "x-amzn-errortype: " + std::string(ExceptionName(error)) + "\r\n";
  }
  std::string_view StreamContentType(const core::Request&) const override { return kEventStream; }
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
        .Without(Capability::kLogprobs)
        .Without(Capability::kMultipleChoices)
        .Without(Capability::kSeed)
        .Without(Capability::kParallelTools)
        .Without(Capability::kLogitBias)
        .Without(Capability::kPenalties)
        .Without(Capability::kMediaUrl)
        .Without(Capability::kTextArguments)
        .Without(Capability::kLlamaSampling);
  }

  Result<UpstreamRequest> EncodeRequest(const core::Request& request,
                                        const UpstreamOptions& options) const override {
    return EncodeConverseRequest(request, options);
  }

  const TokenCounter* token_counter() const override {
    static const MemberCounter counter({"bedrock_count_tokens", {}, "inputTokens"});
    return &counter;
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
    return HasMediaType(content_type, kEventStream);
  }

  Error DecodeError(int status, std::string_view body, std::int64_t retry_after_s) const override {
    return DecodeErrorAnswer(status, body, retry_after_s);
  }
};

}  // namespace

const Protocol& Codec() {
  static const BedrockConverse codec;
  return codec;
}

}  // namespace tidegate::protocols::bedrock_converse
