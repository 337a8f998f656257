#include "protocols/cohere_chat/codec.h"

#include <string>

#include "protocols/answer_stream.h"
#include "protocols/cohere_chat/answer_reader.h"
#include "protocols/cohere_chat/encoder.h"
#include "protocols/cohere_chat/error_body.h"
#include "protocols/cohere_chat/request_decoder.h"
#include "protocols/cohere_chat/request_encoder.h"
#include "protocols/embeddings/codec.h"
#include "protocols/limits.h"
#include "protocols/media_type.h"
#include "protocols/rerank/codec.h"
#include "protocols/upstream_error.h"
#include "protocols/whole_answer.h"

namespace tidegate::protocols::cohere_chat {
namespace {

constexpr std::string_view kChatPath = "/v2/chat";
constexpr std::string_view kEmbedPath = "/v2/embed";
constexpr std::string_view kRerankPath = "/v2/rerank";

// What the answer calls the documents of the request: by the caller's names, or by the API's own.
std::vector<std::string> DocumentNames(const core::Request& request) {
  std::vector<std::string> names;
  for (const core::Message& message : request.messages) {
    for (const core::Part& part : message.parts) {
      if (part.kind != core::PartKind::kFile) continue;
      names.push_back(part.id.empty() ? "doc:" + std::to_string(names.size())
                                      : std::string(part.id));
    }
  }
  return names;
}

class CohereChat final : public Protocol {
 public:
  core::Protocol id() const override { return core::Protocol::kCohereChat; }

  // Its list of models has OpenAI's path, and is OpenAI's.
  std::optional<Route> Match(const ClientHead& head) const override {
    if (head.method != "POST") return std::nullopt;
    if (head.path == kChatPath) return Route{};
    if (head.path == kEmbedPath) return Route{.operation = Operation::kEmbed};
    if (head.path == kRerankPath) return Route{.operation = Operation::kRerank};
    return std::nullopt;
  }
  bool OwnsPath(std::string_view path) const override {
    return path == kChatPath || path == kEmbedPath || path == kRerankPath;
  }

  Result<core::Request> DecodeRequest(const ClientHead&, const Route&, std::string_view body,
                                      const ConstraintParser& constraints) const override {
    return DecodeChatRequest(body, constraints);
  }

  std::unique_ptr<ResponseEncoder> NewEncoder(const core::Request& request, const RequestId& id,
                                              std::int64_t) const override {
    EncoderOptions options{.id = id, .documents = DocumentNames(request)};
    return request.stream ? NewStreamEncoder(std::move(options))
                          : NewWholeEncoder(std::move(options));
  }

  std::string EncodeError(const Error& error) const override { return EncodeErrorBody(error); }
  std::string EncodeStreamError(const Error& error) const override {
    return EncodeErrorEvent(error);
  }
  int ErrorStatus(const Error& error) const override { return ErrorHttpStatus(error); }
  std::string_view StreamContentType(const core::Request&) const override {
    return "text/event-stream; charset=utf-8";
  }

  // No route asks for them.
  std::string EncodeModels(std::span<const ModelEntry>) const override { return {}; }
  std::string EncodeModel(const ModelEntry&) const override { return {}; }

  core::CapabilitySet Expressible() const override {
    using core::Capability;
    return core::CapabilitySet::All()
        .Without(Capability::kRawPrompt)
        .Without(Capability::kInsert)
        .Without(Capability::kAudio)
        .Without(Capability::kVideo)
        .Without(Capability::kLogprobs)
        .Without(Capability::kMultipleChoices)
        .Without(Capability::kParallelTools)
        .Without(Capability::kLogitBias)
        .Without(Capability::kLlamaSampling);
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

  const EmbedCodec* Embeddings() const override { return &embeddings::Cohere(); }
  const RerankCodec* Rankings() const override { return &rerank::Cohere(); }
};

}  // namespace

const Protocol& Codec() {
  static const CohereChat codec;
  return codec;
}

}  // namespace tidegate::protocols::cohere_chat
