#include "protocols/ollama/codec.h"

#include <array>
#include <string>

#include "json/writer.h"
#include "protocols/answer_stream.h"
#include "protocols/embeddings/codec.h"
#include "protocols/media_type.h"
#include "protocols/ollama/answer_reader.h"
#include "protocols/ollama/encode_parts.h"
#include "protocols/ollama/encoder.h"
#include "protocols/ollama/error_body.h"
#include "protocols/ollama/limits.h"
#include "protocols/ollama/model_list.h"
#include "protocols/ollama/request_decoder.h"
#include "protocols/ollama/request_encoder.h"
#include "protocols/upstream_error.h"
#include "protocols/whole_answer.h"

namespace tidegate::protocols::ollama {
namespace {

constexpr std::string_view kOwnPrefix = "/api/";
constexpr std::string_view kBlobs = "/api/blobs/";
constexpr std::string_view kRunning = "Ollama is running";  // what clients look for

// Forms of Operation::kFixed.
constexpr int kAliveForm = 0, kVersionForm = 1;

struct Path {
  std::string_view method, path;
  Operation operation;
  int form = 0;
};
// GET stands for HEAD too.
constexpr std::array<Path, 14> kPaths = {
    {{"POST", "/api/chat", Operation::kChat, kChatForm},
     {"POST", "/api/generate", Operation::kChat, kGenerateForm},
     {"POST", "/api/embed", Operation::kEmbed, embeddings::kOllamaNew},
     {"POST", "/api/embeddings", Operation::kEmbed, embeddings::kOllamaOld},
     {"GET", "/api/tags", Operation::kListModels},
     {"POST", "/api/show", Operation::kGetModel},
     {"GET", "/api/ps", Operation::kListLoaded},
     {"POST", "/api/pull", Operation::kManageModels},
     {"POST", "/api/push", Operation::kManageModels},
     {"POST", "/api/create", Operation::kManageModels},
     {"POST", "/api/copy", Operation::kManageModels},
     {"DELETE", "/api/delete", Operation::kManageModels},
     {"GET", "/api/version", Operation::kFixed, kVersionForm},
     {"GET", "/", Operation::kFixed, kAliveForm}}};

std::string WriteReadied(const core::Request& request, std::int64_t created_s) {
  std::string body;
  json::Writer out(body);
  out.BeginObject().Key("model").String(request.model);
  out.Key("created_at").String(TimeText(created_s));
  if (request.form == kChatForm) {
    out.Key("message").BeginObject().Key("role").String("assistant").Key("content").String("");
    out.EndObject();
  } else {
    out.Key("response").String("");
  }
  out.Key("done").Bool(true).Key("done_reason");
  out.String(request.readying == core::Readying::kUnload ? "unload" : "load").EndObject();
  return body;
}

class Ollama final : public Protocol {
 public:
  core::Protocol id() const override { return core::Protocol::kOllama; }

  std::optional<Route> Match(const ClientHead& head) const override {
    const std::string_view method = head.method == "HEAD" ? "GET" : head.method;
    if (head.path.starts_with(kBlobs) && (head.method == "HEAD" || head.method == "POST")) {
      return Route{.operation = Operation::kManageModels};
    }
    for (const Path& known : kPaths) {
      if (known.method != method || known.path != head.path) continue;
      Route route{.operation = known.operation};
      route.form = known.form;
      route.model_in_body = route.shows_card = known.operation == Operation::kGetModel;
      return route;
    }
    return std::nullopt;
  }

  bool OwnsPath(std::string_view path) const override { return path.starts_with(kOwnPrefix); }

  Result<core::Request> DecodeRequest(const ClientHead&, const Route& route, std::string_view body,
                                      const ConstraintParser& constraints) const override {
    return DecodeOllamaRequest(static_cast<Form>(route.form), body, constraints);
  }

  std::unique_ptr<ResponseEncoder> NewEncoder(const core::Request& request, const RequestId& id,
                                              std::int64_t created_s) const override {
    EncoderOptions options{.id = id,
                           .created_s = created_s,
                           .model = request.model,
                           .form = static_cast<Form>(request.form)};
    // A text that is continued or filled in has no conversation around it.
    if (request.form == kGenerateForm && !request.raw && request.suffix.empty()) {
      options.context.emplace(request);
    }
    return request.stream ? NewStreamEncoder(std::move(options))
                          : NewWholeEncoder(std::move(options));
  }

  std::string EncodeError(const Error& error) const override { return EncodeErrorBody(error); }
  std::string EncodeStreamError(const Error& error) const override {
    return EncodeErrorLine(error);
  }
  int ErrorStatus(const Error& error) const override { return ErrorHttpStatus(error); }
  std::string_view StreamContentType(const core::Request&) const override {
    return "application/x-ndjson";
  }
  std::string EncodeModels(std::span<const ModelEntry> models) const override {
    return WriteTags(models);
  }
  std::string EncodeModel(const ModelEntry& model) const override { return WriteShow(model); }
  std::string EncodeLoadedModels(std::span<const ModelEntry> models) const override {
    return WriteLoaded(models);
  }
  FixedAnswer EncodeFixed(const Route& route) const override {
    if (route.form == kAliveForm) return {"text/plain; charset=utf-8", kRunning};
    static const std::string version = "{\"version\":\"" + std::string(kApiVersion) + "\"}";
    return {"application/json", version};
  }
  Result<ModelQuestion> DecodeModelQuestion(std::string_view body) const override {
    return DecodeShowRequest(body);
  }
  std::string EncodeReadied(const core::Request& request, std::int64_t created_s) const override {
    return WriteReadied(request, created_s);
  }

  std::string_view ModelsPath() const override { return "/api/tags"; }
  core::CapabilitySet Expressible() const override {
    using core::Capability;
    return core::CapabilitySet::All()
        .Without(Capability::kFiles)
        .Without(Capability::kVideo)
        .Without(Capability::kMediaUrl)
        .Without(Capability::kCitations)
        .Without(Capability::kMultipleChoices)
        .Without(Capability::kLogitBias)
        .Without(Capability::kToolChoice)
        .Without(Capability::kParallelTools)
        .Without(Capability::kTextArguments);
  }

  Result<UpstreamRequest> EncodeRequest(const core::Request& request,
                                        const UpstreamOptions& options) const override {
    return EncodeOllamaRequest(request, options);
  }

  std::unique_ptr<ResponseDecoder> NewDecoder(bool stream) const override {
    if (stream) return std::make_unique<StreamDecoder<FrameReader, sse::Framing::kLines>>();
    return NewWholeDecoder(ReadWholeAnswer);
  }
  std::unique_ptr<StreamRelay> NewStreamRelay(bool hide_usage) const override {
    return std::make_unique<FrameRelay<FrameReader, sse::Framing::kLines>>(hide_usage);
  }
  Result<RelayState> InspectWhole(std::string_view body) const override {
    return InspectWholeAnswer(body, ReadWholeAnswer);
  }
  bool IsStream(std::string_view content_type) const override {
    return HasMediaType(content_type, "application/x-ndjson") ||
           HasMediaType(content_type, "application/ndjson");
  }

  Error DecodeError(int status, std::string_view body, std::int64_t retry_after_s) const override {
    return JudgeErrorBody(status, body, retry_after_s);
  }

  const EmbedCodec* Embeddings() const override { return &embeddings::Ollama(); }
};

}  // namespace

const Protocol& Codec() {
  static const Ollama codec;
  return codec;
}

}  // namespace tidegate::protocols::ollama
