// Ollama's embeddings: /api/embed, and the older /api/embeddings with one prompt.
#include <array>
#include <optional>
#include <string>
#include <utility>

#include "json/writer.h"
#include "protocols/cannot_say.h"
#include "protocols/embeddings/codec.h"
#include "protocols/embeddings/texts_only.h"
#include "protocols/embeddings/vectors.h"
#include "protocols/fields.h"
#include "protocols/json_members.h"
#include "protocols/limits.h"
#include "protocols/ollama/keep_alive.h"
#include "protocols/own_members.h"
#include "protocols/request_texts.h"
#include "protocols/scratch_reader.h"
#include "protocols/splice_body.h"
#include "protocols/upstream_error.h"

namespace tidegate::protocols::embeddings {
namespace {

using core::Capability;

constexpr std::string_view kUpstreamPath = "/api/embed";
constexpr std::string_view kOldUpstreamPath = "/api/embeddings";

constexpr FieldNames kRoot{std::to_array<std::string_view>(
    {"model", "input", "truncate", "dimensions", "options", "keep_alive", "tidegate"})};
constexpr FieldNames kOldRoot{
    std::to_array<std::string_view>({"model", "prompt", "options", "keep_alive", "tidegate"})};

class RequestDecoder {
 public:
  RequestDecoder(const Route& route, std::string_view body, const json::Value& root) : root_(root) {
    request_.protocol = core::Protocol::kOllama;
    request_.body = body;
    request_.form = route.form;
    texts_.Need(Capability::kEmbeddings);
  }

  Result<core::EmbedRequest> Decode(const ConstraintParser& parser) {
    return request_.form == kOllamaOld ? DecodeOld(parser) : DecodeNew(parser);
  }

 private:
  Result<core::EmbedRequest> DecodeOld(const ConstraintParser& parser) {
    TIDEGATE_ASSIGN(const auto fields, ReadFields(kOldRoot, root_));
    TIDEGATE_TRY(DecodeShared(kOldRoot, fields, parser));
    TIDEGATE_ASSIGN(const json::Value prompt, fields.Required(kOldRoot.Index("prompt")));
    TIDEGATE_TRY(TakeText(prompt));
    return std::move(request_);
  }

  Result<core::EmbedRequest> DecodeNew(const ConstraintParser& parser) {
    TIDEGATE_ASSIGN(const auto fields, ReadFields(kRoot, root_));
    TIDEGATE_TRY(DecodeShared(kRoot, fields, parser));
    TIDEGATE_ASSIGN(const json::Value input, fields.Required(kRoot.Index("input")));
    if (input.is_string()) {
      TIDEGATE_TRY(TakeText(input));
    } else {
      if (!input.is_array()) return input.Mismatch("a string or an array of strings");
      const json::Array array = *input.Array();
      if (array.empty()) return input.Invalid("must hold at least one text");
      for (const json::Value text : array) {
        if (request_.inputs == static_cast<std::int64_t>(kEmbedInputsMax)) {
          return input.Invalid("has more than " + std::to_string(kEmbedInputsMax) + " texts");
        }
        TIDEGATE_TRY(TakeText(text));
      }
    }
    // A server of this protocol cuts texts that are too long at their end unless it is told not to.
    // Here only who says so has them cut.
    request_.cut_remedy = R"("truncate": true)";
    if (const std::optional<json::Value> truncate = fields.Value(kRoot.Index("truncate"))) {
      TIDEGATE_ASSIGN(const bool cut, truncate->Bool());
      request_.truncate = cut ? core::Truncate::kEnd : core::Truncate::kNone;
      request_.cut_remedy = {};
    }
    if (const auto dimensions = fields.Value(kRoot.Index("dimensions"))) {
      TIDEGATE_ASSIGN(request_.dimensions, dimensions->IntegerIn(1, kDimensionsMax));
      texts_.Need(Capability::kDimensions);
    }
    return std::move(request_);
  }

  template <std::size_t N>
  Result<void> DecodeShared(const FieldNames<N>& names, const Fields<N>& fields,
                            const ConstraintParser& parser) {
    TIDEGATE_TRY(texts_.TakeUnknown(names, fields));
    TIDEGATE_ASSIGN(const json::Value model, fields.Required(names.Find("model")));
    TIDEGATE_TRY(texts_.TakeModel(model, root_));
    if (const auto options = fields.Value(names.Find("options"))) {
      TIDEGATE_ASSIGN(const json::Object object, options->Object());
      if (!object.empty()) texts_.NeedVendor(options->Path());
    }
    TIDEGATE_TRY(
        ollama::DecodeKeepAlive(fields.Value(names.Find("keep_alive")), request_.constraints));
    return TakeOwnMembers(names, fields, parser, request_);
  }

  Result<void> TakeText(const json::Value& value) {
    TIDEGATE_ASSIGN(const std::string_view text, texts_.Keep(value));
    texts_.Count(text.size());
    request_.texts.push_back(text);
    ++request_.inputs;
    return {};
  }

  json::Value root_;
  core::EmbedRequest request_;
  RequestTexts texts_{request_};
};

Result<json::Object> ReadRoot(const Result<json::Value>& root) {
  if (!root.ok()) return MalformedAnswer(root.error());
  if (!root->is_object()) return MalformedAnswer(root->Mismatch("an object"));
  const json::Object object = *root->Object();
  if (FindSet(object, "error")) return JudgeFault(ReadFaultBody(*root), 0);
  if (FindSet(object, "embeddings") || FindSet(object, "embedding")) return object;
  return MalformedAnswer("has no embeddings");
}

std::optional<core::Usage> ReadUsage(const json::Object& root) {
  const std::optional<json::Value> tokens = FindSet(root, "prompt_eval_count");
  if (!tokens) return std::nullopt;
  core::Usage usage;
  const Result<std::int64_t> count = tokens->IntegerIn(0, kUsageTokensMax);
  usage.estimated = !count.ok();
  if (count.ok()) usage.input_tokens = *count;
  return usage;
}

class OllamaEmbeddings final : public EmbedCodec {
 public:
  std::string_view name() const override { return "ollama_embed"; }

  Result<core::EmbedRequest> DecodeRequest(const Route& route, std::string_view body,
                                           const ConstraintParser& constraints) const override {
    const ScratchReader json;
    TIDEGATE_ASSIGN(const json::Value root, json->Parse(body, kRequestBytesMax));
    return RequestDecoder(route, body, root).Decode(constraints);
  }

  std::string EncodeAnswer(const core::EmbedRequest& request, const core::EmbedAnswer& answer,
                           const RequestId&) const override {
    std::string body;
    json::Writer out(body);
    out.BeginObject();
    if (request.form == kOllamaOld) {
      out.Key("embedding");
      WriteNumbers(out, answer.embeddings.front());
      out.EndObject();
      return body;
    }
    out.Key("model").String(answer.model.empty() ? request.model : answer.model);
    out.Key("embeddings").BeginArray();
    for (const core::Embedding& vector : answer.embeddings) WriteNumbers(out, vector);
    out.EndArray();
    if (answer.total_nanos > 0) {
      out.Key("total_duration").Integer(answer.total_nanos);
      out.Key("load_duration").Integer(answer.load_nanos);
    }
    if (answer.usage) out.Key("prompt_eval_count").Integer(answer.usage->input_tokens);
    out.EndObject();
    return body;
  }

  Result<UpstreamRequest> EncodeRequest(const core::EmbedRequest& request,
                                        const UpstreamOptions& options) const override {
    UpstreamRequest upstream;
    if (MayPass(request, core::Protocol::kOllama)) {
      upstream.path = request.form == kOllamaOld ? kOldUpstreamPath : kUpstreamPath;
      upstream.body = SpliceBody(request, options.model);
      return upstream;
    }
    TIDEGATE_TRY(RequireTextsOnly(request));
    if (request.truncate == core::Truncate::kStart) {
      return CannotSay("truncate", "shortening texts at their beginning");
    }
    upstream.path = kUpstreamPath;
    std::string body;
    json::Writer out(body);
    out.BeginObject().Key("model").String(options.model).Key("input").BeginArray();
    for (const std::string_view text : request.texts) out.String(text);
    out.EndArray();
    if (request.truncate != core::Truncate::kUnset) {
      out.Key("truncate").Bool(request.truncate == core::Truncate::kEnd);
    }
    if (request.dimensions) out.Key("dimensions").Integer(*request.dimensions);
    out.EndObject();
    upstream.body = WholeBody(std::move(body));
    return upstream;
  }

  Result<core::EmbedAnswer> DecodeAnswer(std::string_view body,
                                         std::int64_t inputs) const override {
    const ScratchReader json;
    const Result<json::Value> parsed = json->Parse(body, kWholeAnswerBytesMax);
    TIDEGATE_ASSIGN(const json::Object root, ReadRoot(parsed));
    core::EmbedAnswer answer;
    if (const std::optional<json::Value> list = FindSet(root, "embeddings")) {
      if (!list->is_array()) return MalformedAnswer(list->Mismatch("an array"));
      const json::Array vectors = *list->Array();
      for (const json::Value vector : vectors) {
        TIDEGATE_ASSIGN(const core::Embedding embedding, ReadVector(vector, answer));
        answer.embeddings.push_back(embedding);
      }
    } else {
      TIDEGATE_ASSIGN(const core::Embedding embedding,
                      ReadVector(*FindSet(root, "embedding"), answer));
      answer.embeddings.push_back(embedding);
    }
    if (answer.embeddings.size() != static_cast<std::size_t>(inputs)) {
      return WrongCount(answer.embeddings.size(), inputs);
    }
    answer.model = answer.arena.emplace_back(StringOrEmpty(root, "model"));
    answer.usage = ReadUsage(root);
    return answer;
  }

  Result<std::optional<core::Usage>> Inspect(std::string_view body) const override {
    const ScratchReader json;
    const Result<json::Value> parsed = json->Parse(body, kWholeAnswerBytesMax);
    TIDEGATE_ASSIGN(const json::Object root, ReadRoot(parsed));
    return ReadUsage(root);
  }
};

}  // namespace

const EmbedCodec& Ollama() {
  static const OllamaEmbeddings codec;
  return codec;
}

}  // namespace tidegate::protocols::embeddings
