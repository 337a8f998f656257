#include "protocols/openai_completions/codec.h"

#include <string>

#include "protocols/answer_stream.h"
#include "protocols/media_type.h"
#include "protocols/openai_chat/error_body.h"
#include "protocols/openai_chat/frame_reader.h"
#include "protocols/openai_chat/model_list.h"
#include "protocols/openai_completions/answer_reader.h"
#include "protocols/openai_completions/encoder.h"
#include "protocols/openai_completions/request_decoder.h"
#include "protocols/openai_completions/request_encoder.h"
#include "protocols/upstream_error.h"
#include "protocols/whole_answer.h"

namespace tidegate::protocols::openai_completions {
namespace {

constexpr std::string_view kPath = "/v1/completions";

using FrameReader = openai_chat::ChunkFrames<AnswerReader>;

Result<void> ReadWholeAnswer(const json::Value& root, std::vector<core::Event>& out) {
  return AnswerReader().ReadWhole(root, out);
}

class OpenAiCompletions final : public Protocol {
 public:
  core::Protocol id() const override { return core::Protocol::kOpenAiCompletions; }

  std::optional<Route> Match(const ClientHead& head) const override {
    if (head.method == "POST" && head.path == kPath) return Route{};
    return std::nullopt;
  }
  bool OwnsPath(std::string_view path) const override { return path == kPath; }

  Result<core::Request> DecodeRequest(const ClientHead&, const Route&, std::string_view body,
                                      const ConstraintParser& constraints) const override {
    return DecodeCompletionRequest(body, constraints);
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

  // Errors are those of OpenAI's chats.
  std::string EncodeError(const Error& error) const override {
    return openai_chat::EncodeErrorBody(error);
  }
  std::string EncodeStreamError(const Error& error) const override {
    return openai_chat::EncodeErrorEvent(error);
  }
  int ErrorStatus(const Error& error) const override { return openai_chat::ErrorHttpStatus(error); }
  std::string_view StreamContentType(const core::Request&) const override {
    return "text/event-stream; charset=utf-8";
  }
  std::string EncodeModels(std::span<const ModelEntry> models) const override {
    return openai_chat::WriteModelList(models);
  }
  std::string EncodeModel(const ModelEntry& model) const override {
    return openai_chat::WriteModel(model);
  }

  // Requests of this protocol pass as they are, and a text that came in another can be said in it.
  core::CapabilitySet Expressible() const override { return core::CapabilitySet::All(); }

  Result<UpstreamRequest> EncodeRequest(const core::Request& request,
                                        const UpstreamOptions& options) const override {
    return EncodeCompletionRequest(request, options);
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
};

}  // namespace

const Protocol& Codec() {
  static const OpenAiCompletions codec;
  return codec;
}

}  // namespace tidegate::protocols::openai_completions
