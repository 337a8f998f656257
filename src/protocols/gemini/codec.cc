#include "protocols/gemini/codec.h"

#include <string>

#include "protocols/answer_stream.h"
#include "protocols/embeddings/codec.h"
#include "protocols/gemini/answer_reader.h"
#include "protocols/gemini/encoder.h"
#include "protocols/gemini/error_body.h"
#include "protocols/gemini/model_list.h"
#include "protocols/gemini/path.h"
#include "protocols/gemini/request_decoder.h"
#include "protocols/gemini/request_encoder.h"
#include "protocols/media_type.h"
#include "protocols/query.h"
#include "protocols/token_counter.h"
#include "protocols/upstream_error.h"
#include "protocols/whole_answer.h"

namespace tidegate::protocols::gemini {
namespace {

// Who asks for the models with Google's key wants them in Google's shape.
bool HasGooglesKey(const ClientHead& head) {
  return head.fields->Find("x-goog-api-key") || FindParameter(head.query, "key");
}

Route RouteOf(const MethodPath& path) {
  Route route{.model = path.model};
  if (path.method == Method::kEmbed || path.method == Method::kBatchEmbed) {
    route.operation = Operation::kEmbed;
    route.form =
        path.method == Method::kEmbed ? embeddings::kGeminiSingle : embeddings::kGeminiBatch;
  } else if (path.method == Method::kCountTokens) {
    route.operation = Operation::kCountTokens;
  } else {
    route.stream = path.method == Method::kStream;
  }
  return route;
}

class Gemini final : public Protocol {
 public:
  core::Protocol id() const override { return core::Protocol::kGemini; }

  std::optional<Route> Match(const ClientHead& head) const override {
    if (head.method == "POST") {
      const std::optional<MethodPath> path = ParseMethodPath(head.path);
      return path ? std::optional<Route>(RouteOf(*path)) : std::nullopt;
    }
    if (head.method != "GET") return std::nullopt;
    const std::optional<gemini::ModelsPath> models = ParseModelsPath(head.path);
    if (!models || (models->shared && !HasGooglesKey(head))) return std::nullopt;
    if (models->model.empty()) return Route{.operation = Operation::kListModels};
    return Route{.operation = Operation::kGetModel, .model = models->model};
  }

  bool OwnsPath(std::string_view path) const override { return IsOwnPath(path); }

  Result<core::Request> DecodeRequest(const ClientHead& head, const Route&, std::string_view body,
                                      const ConstraintParser& constraints) const override {
    return DecodeGenerateRequest(head, body, constraints);
  }

  std::unique_ptr<ResponseEncoder> NewEncoder(const core::Request& request, const RequestId& id,
                                              std::int64_t) const override {
    EncoderOptions options{.id = id,
                           .model = request.model,
                           .shows_thoughts = request.reasoning.visible.value_or(true),
                           .form = static_cast<Form>(request.form)};
    return request.stream ? NewStreamEncoder(std::move(options))
                          : NewWholeEncoder(std::move(options));
  }

  std::string EncodeError(const Error& error) const override { return EncodeErrorBody(error); }
  std::string EncodeStreamError(const Error& error) const override {
    return EncodeErrorEvent(error);
  }
  std::string EncodeStreamErrorFor(const core::Request& request,
                                   const Error& error) const override {
    return request.form == kArray ? EncodeErrorElement(error) : EncodeErrorEvent(error);
  }
  int ErrorStatus(const Error& error) const override { return ErrorHttpStatus(error); }
  std::string_view StreamContentType(const core::Request& request) const override {
    return request.form == kArray ? "application/json; charset=utf-8"
                                  : "text/event-stream; charset=utf-8";
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
        .Without(Capability::kParallelTools)
        .Without(Capability::kLogitBias)
        .Without(Capability::kTextArguments)
        .Without(Capability::kCitations)
        .Without(Capability::kLlamaSampling);
  }

  Result<UpstreamRequest> EncodeRequest(const core::Request& request,
                                        const UpstreamOptions& options) const override {
    return EncodeGenerateRequest(request, options);
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
    static const MemberCounter counter({"gemini_count_tokens", {}, "totalTokens"});
    return &counter;
  }
  const EmbedCodec* Embeddings() const override { return &embeddings::Gemini(); }
};

}  // namespace

const Protocol& Codec() {
  static const Gemini codec;
  return codec;
}

}  // namespace tidegate::protocols::gemini
