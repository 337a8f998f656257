#include "protocols/openai_chat/codec.h"

#include <string>

#include "protocols/embeddings/codec.h"
#include "protocols/media_type.h"
#include "protocols/openai_chat/encoder.h"
#include "protocols/openai_chat/error_body.h"
#include "protocols/openai_chat/frame_reader.h"
#include "protocols/openai_chat/limits.h"
#include "protocols/openai_chat/model_list.h"
#include "protocols/openai_chat/request_decoder.h"
#include "protocols/openai_chat/request_encoder.h"
#include "protocols/rerank/codec.h"
#include "protocols/token_counter.h"
#include "protocols/upstream_error.h"
#include "protocols/whole_answer.h"

namespace tidegate::protocols::openai_chat {
namespace {

constexpr std::string_view kChatPath = "/v1/chat/completions";
constexpr std::string_view kCountPath = "/v1/chat/completions/input_tokens";
constexpr std::string_view kEmbedPath = "/v1/embeddings";
constexpr std::string_view kRerankPath = "/v1/rerank";
constexpr std::string_view kShortRerankPath = "/rerank";
constexpr std::string_view kModelsPath = "/v1/models";
constexpr std::string_view kModelPrefix = "/v1/models/";
constexpr std::string_view kOwnPrefix = "/v1/";

Result<void> ReadWholeAnswer(const json::Value& root, std::vector<core::Event>& out) {
  return AnswerReader().ReadWhole(root, out);
}

class OpenAiChat final : public Protocol {
 public:
  core::Protocol id() const override { return core::Protocol::kOpenAiChat; }

  std::optional<Route> Match(const ClientHead& head) const override {
    const std::string_view path = head.path;
    if (head.method == "POST" && path == kChatPath) return Route{.operation = Operation::kChat};
    if (head.method == "POST" && path == kCountPath) {
      return Route{.operation = Operation::kCountTokens};
    }
    if (head.method == "POST" && path == kEmbedPath) return Route{.operation = Operation::kEmbed};
    if (head.method == "POST" && (path == kRerankPath || path == kShortRerankPath)) {
      return Route{.operation = Operation::kRerank};
    }
    if (head.method != "GET") return std::nullopt;
    if (path == kModelsPath) return Route{.operation = Operation::kListModels};
    if (!path.starts_with(kModelPrefix) || path.size() == kModelPrefix.size()) return std::nullopt;
    return Route{.operation = Operation::kGetModel, .model = path.substr(kModelPrefix.size())};
  }

  bool OwnsPath(std::string_view path) const override {
    return path.starts_with(kOwnPrefix) || path == kShortRerankPath;
  }

  Result<core::Request> DecodeRequest(const ClientHead&, const Route&, std::string_view body,
                                      const ConstraintParser& constraints) const override {
    return DecodeChatRequest(body, constraints);
  }

  std::unique_ptr<ResponseEncoder> NewEncoder(const core::Request& request, const RequestId& id,
                                              std::int64_t created_s) const override {
    EncoderOptions options{.id = id,
                           .created_s = created_s,
                           .model = request.model,
                           .include_usage = request.stream_usage};
    return request.stream ? NewStreamEncoder(std::move(options))
                          : NewWholeEncoder(std::move(options));
  }

  std::string EncodeError(const Error& error) const override { return EncodeErrorBody(error); }
  std::string EncodeStreamError(const Error& error) const override {
    return EncodeErrorEvent(error);
  }
  int ErrorStatus(const Error& error) const override { return ErrorHttpStatus(error); }
  const RateLimitWords* rate_limit_words() const override { return &kOpenAiRateLimitWords; }
  std::string_view StreamContentType(const core::Request&) const override {
    return "text/event-stream; charset=utf-8";
  }
  std::string EncodeModels(std::span<const ModelEntry> models) const override {
    return WriteModelList(models);
  }
  std::string EncodeModel(const ModelEntry& model) const override { return WriteModel(model); }

  core::CapabilitySet Expressible() const override {
    // What it cannot say; all else is in the body somewhere.
    return core::CapabilitySet::All()
        .Without(core::Capability::kVideo)
        .Without(core::Capability::kCitations)
        .Without(core::Capability::kRawPrompt)
        .Without(core::Capability::kInsert);
  }

  Result<UpstreamRequest> EncodeRequest(const core::Request& request,
                                        const UpstreamOptions& options) const override {
    return EncodeChatRequest(request, options);
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

  // OpenAI has no such thing for chats; llama-server answers as OpenAI does for its Responses.
  const TokenCounter* token_counter() const override {
    static const MemberCounter counter(
        {"openai_chat_input_tokens", "response.input_tokens", "input_tokens"});
    return &counter;
  }

  const EmbedCodec* Embeddings() const override { return &embeddings::OpenAi(); }
  const RerankCodec* Rankings() const override { return &rerank::Jina(); }
};

}  // namespace

const Protocol& Codec() {
  static const OpenAiChat codec;
  return codec;
}

}  // namespace tidegate::protocols::openai_chat
