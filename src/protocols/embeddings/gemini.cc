// Gemini's embeddings: embedContent for one text, batchEmbedContents for several. The path names
// the model, and so may the body.
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "json/splice.h"
#include "json/writer.h"
#include "protocols/cannot_say.h"
#include "protocols/embeddings/codec.h"
#include "protocols/embeddings/texts_only.h"
#include "protocols/embeddings/vectors.h"
#include "protocols/fields.h"
#include "protocols/gemini/path.h"
#include "protocols/gemini/proto_fields.h"
#include "protocols/json_members.h"
#include "protocols/limits.h"
#include "protocols/own_members.h"
#include "protocols/request_texts.h"
#include "protocols/scratch_reader.h"
#include "protocols/spans.h"
#include "protocols/splice_body.h"
#include "protocols/upstream_error.h"

namespace tidegate::protocols::embeddings {
namespace {

using core::Capability;
using core::EmbedPurpose;

constexpr FieldNames kBatch{std::to_array<std::string_view>({"requests", "tidegate"})};
constexpr FieldNames kSingle{std::to_array<std::string_view>(
    {"model", "content", "taskType", "title", "outputDimensionality", "tidegate"})};
constexpr FieldNames kOfBatch{std::to_array<std::string_view>(
    {"model", "content", "taskType", "title", "outputDimensionality"})};
constexpr FieldNames kContent{std::to_array<std::string_view>({"parts", "role"})};
constexpr FieldNames kPart{std::to_array<std::string_view>({"text"})};

struct TaskWord {
  std::string_view word;
  EmbedPurpose purpose;
};
constexpr std::array<TaskWord, 5> kTasks = {{{"RETRIEVAL_DOCUMENT", EmbedPurpose::kDocument},
                                             {"RETRIEVAL_QUERY", EmbedPurpose::kQuery},
                                             {"CLASSIFICATION", EmbedPurpose::kClassification},
                                             {"CLUSTERING", EmbedPurpose::kClustering},
                                             {"SEMANTIC_SIMILARITY", EmbedPurpose::kSimilarity}}};

class RequestDecoder {
 public:
  RequestDecoder(const Route& route, std::string_view body, const json::Value& root) : root_(root) {
    request_.protocol = core::Protocol::kGemini;
    request_.body = body;
    request_.form = route.form;
    request_.model = route.model;  // the path names it
    texts_.Need(Capability::kEmbeddings);
  }

  Result<core::EmbedRequest> Decode(const ConstraintParser& parser) {
    if (request_.model.size() > kModelNameBytesMax) {
      return InvalidArgument("model", "has " + std::to_string(request_.model.size()) +
                                          " bytes, the limit is " +
                                          std::to_string(kModelNameBytesMax));
    }
    if (request_.form == kGeminiSingle) {
      TIDEGATE_ASSIGN(const auto fields, gemini::ReadProto(kSingle, root_));
      TIDEGATE_TRY(texts_.TakeUnknown(kSingle, fields));
      TIDEGATE_TRY(DecodeOne(kSingle, fields));
      TIDEGATE_TRY(TakeOwnMembers(kSingle, fields, parser, request_));
      return std::move(request_);
    }
    TIDEGATE_ASSIGN(const auto fields, gemini::ReadProto(kBatch, root_));
    TIDEGATE_TRY(texts_.TakeUnknown(kBatch, fields));
    TIDEGATE_ASSIGN(const json::Value list, fields.Required(kBatch.Index("requests")));
    TIDEGATE_TRY(gemini::ForEachOf(list, [&](const json::Value& each) -> Result<void> {
      if (request_.inputs == static_cast<std::int64_t>(kEmbedInputsMax)) {
        return list.Invalid("has more than " + std::to_string(kEmbedInputsMax) + " requests");
      }
      TIDEGATE_ASSIGN(const auto members, gemini::ReadProto(kOfBatch, each));
      texts_.NeedVendorIfUnknown(members);
      return DecodeOne(kOfBatch, members);
    }));
    if (request_.inputs == 0) return list.Invalid("must hold at least one request");
    TIDEGATE_TRY(TakeOwnMembers(kBatch, fields, parser, request_));
    return std::move(request_);
  }

 private:
  template <std::size_t N>
  Result<void> DecodeOne(const FieldNames<N>& names, const Fields<N>& fields) {
    ++request_.inputs;
    if (const auto model = fields.Value(names.Find("model"))) {
      TIDEGATE_TRY(model->String());
      request_.models.push_back(ToCore(model->span()));
    }
    TIDEGATE_ASSIGN(const json::Value content, fields.Required(names.Find("content")));
    TIDEGATE_TRY(DecodeContent(content));
    if (const auto title = fields.Value(names.Find("title"))) {
      TIDEGATE_TRY(title->String());
      texts_.NeedVendor(title->Path());
      texts_.Count(title->raw().size());
    }
    TIDEGATE_TRY(DecodeTask(fields.Value(names.Find("taskType"))));
    return DecodeDimensions(fields.Value(names.Find("outputDimensionality")));
  }

  Result<void> DecodeContent(const json::Value& content) {
    TIDEGATE_ASSIGN(const auto fields, gemini::ReadProto(kContent, content));
    TIDEGATE_ASSIGN(const json::Value list, fields.Required(kContent.Index("parts")));
    texts_.NeedVendorIfUnknown(fields);
    texts_.Count(content.raw().size());
    std::size_t parts = 0;
    std::optional<std::string_view> text;
    TIDEGATE_TRY(gemini::ForEachOf(list, [&](const json::Value& part) -> Result<void> {
      ++parts;
      TIDEGATE_ASSIGN(const auto members, gemini::ReadProto(kPart, part));
      texts_.NeedVendorIfUnknown(members);  // what is no text
      if (!members.Member(kPart.Index("text"))) return {};
      TIDEGATE_ASSIGN(text, texts_.Keep(*members.Member(kPart.Index("text"))));
      return {};
    }));
    if (parts == 0) return list.Invalid("must hold at least one part");
    if (parts > 1) texts_.NeedVendor(list.Path());
    if (parts == 1 && text) request_.texts.push_back(*text);
    return {};
  }

  // Of all requests of a batch; where they differ, only this protocol can say it.
  Result<void> DecodeTask(const std::optional<json::Value>& task) {
    EmbedPurpose purpose = EmbedPurpose::kUnset;
    if (task) {
      TIDEGATE_ASSIGN(const std::string_view word, task->String());
      for (const TaskWord& known : kTasks) {
        if (known.word == word) purpose = known.purpose;
      }
      const bool unspecified = word == "TASK_TYPE_UNSPECIFIED";
      if (purpose == EmbedPurpose::kUnset && !unspecified) texts_.NeedVendor(task->Path());
    }
    if (request_.inputs > 1 && purpose != request_.purpose) texts_.NeedVendor("requests");
    request_.purpose = purpose;
    return {};
  }
  Result<void> DecodeDimensions(const std::optional<json::Value>& value) {
    std::optional<std::int64_t> dimensions;
    if (value) {
      TIDEGATE_ASSIGN(dimensions, gemini::IntegerOf(*value, 1, kDimensionsMax));
      texts_.Need(Capability::kDimensions);
    }
    if (request_.inputs > 1 && dimensions != request_.dimensions) texts_.NeedVendor("requests");
    request_.dimensions = dimensions;
    return {};
  }

  json::Value root_;
  core::EmbedRequest request_;
  RequestTexts texts_{request_};
};

// The original bytes with every name of the model replaced, and without the gate's own member.
BodyPieces Splice(const core::EmbedRequest& request, std::string_view model) {
  BodyPieces pieces;
  std::string name;
  json::Writer(name).String(gemini::ResourceName(model));
  pieces.owned.push_back(std::make_unique<std::string>(std::move(name)));
  json::Splice splice(request.body);
  for (const core::Span& named : request.models) {
    splice.Replace(ToJson(named), *pieces.owned.back());
  }
  if (!request.spans.tidegate_member.empty()) splice.Erase(ToJson(request.spans.tidegate_member));
  pieces.pieces = splice.Slices();
  return pieces;
}

void WriteOne(json::Writer& out, const core::EmbedRequest& request, std::string_view text,
              std::string_view model) {
  out.BeginObject();
  if (!model.empty()) out.Key("model").String(gemini::ResourceName(model));
  out.Key("content").BeginObject().Key("parts").BeginArray();
  out.BeginObject().Key("text").String(text).EndObject().EndArray().EndObject();
  for (const TaskWord& known : kTasks) {
    if (known.purpose == request.purpose) out.Key("taskType").String(known.word);
  }
  if (request.dimensions) out.Key("outputDimensionality").Integer(*request.dimensions);
  out.EndObject();
}

Result<json::Object> ReadRoot(const Result<json::Value>& root) {
  if (!root.ok()) return MalformedAnswer(root.error());
  if (!root->is_object()) return MalformedAnswer(root->Mismatch("an object"));
  const json::Object object = *root->Object();
  if (FindSet(object, "error")) return JudgeFault(ReadFaultBody(*root), 0);
  if (FindSet(object, "embedding") || FindSet(object, "embeddings")) return object;
  return MalformedAnswer("has no embeddings");
}

std::optional<core::Usage> ReadUsage(const json::Object& root) {
  const std::optional<json::Value> value = FindSet(root, "usageMetadata");
  if (!value || !value->is_object()) return std::nullopt;
  const std::optional<json::Value> tokens = FindSet(*value->Object(), "promptTokenCount");
  if (!tokens) return std::nullopt;
  core::Usage usage;
  const Result<std::int64_t> count = tokens->IntegerIn(0, kUsageTokensMax);
  usage.estimated = !count.ok();
  if (count.ok()) usage.input_tokens = *count;
  return usage;
}

Result<void> ReadOne(const json::Value& value, core::EmbedAnswer& answer) {
  if (!value.is_object()) return MalformedAnswer(value.Mismatch("an object"));
  const Result<json::Value> values = value.Object()->Get("values");
  if (!values.ok()) return MalformedAnswer(values.error());
  TIDEGATE_ASSIGN(const core::Embedding vector, ReadVector(*values, answer));
  answer.embeddings.push_back(vector);
  return {};
}

class GeminiEmbeddings final : public EmbedCodec {
 public:
  std::string_view name() const override { return "gemini_embeddings"; }

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
    const auto write = [&](const core::Embedding& vector) {
      out.BeginObject().Key("values");
      WriteNumbers(out, vector);
      out.EndObject();
    };
    out.BeginObject();
    if (request.form == kGeminiSingle) {
      out.Key("embedding");
      write(answer.embeddings.front());
    } else {
      out.Key("embeddings").BeginArray();
      for (const core::Embedding& vector : answer.embeddings) write(vector);
      out.EndArray();
    }
    if (answer.usage) {
      out.Key("usageMetadata").BeginObject();
      out.Key("promptTokenCount").Integer(answer.usage->input_tokens).EndObject();
    }
    out.EndObject();
    return body;
  }

  Result<UpstreamRequest> EncodeRequest(const core::EmbedRequest& request,
                                        const UpstreamOptions& options) const override {
    const bool same = MayPass(request, core::Protocol::kGemini);
    const bool single = same ? request.form == kGeminiSingle : request.inputs == 1;
    UpstreamRequest upstream;
    upstream.path = gemini::UpstreamPath(
        options.model, single ? gemini::Method::kEmbed : gemini::Method::kBatchEmbed);
    if (same) {
      upstream.body = Splice(request, options.model);
      return upstream;
    }
    TIDEGATE_TRY(RequireTextsOnly(request));
    if (request.truncate == core::Truncate::kStart) {
      return CannotSay("truncate", "shortening texts at their beginning");
    }
    std::string body;
    json::Writer out(body);
    if (single) {
      WriteOne(out, request, request.texts.front(), {});
    } else {
      out.BeginObject().Key("requests").BeginArray();
      for (const std::string_view text : request.texts) WriteOne(out, request, text, options.model);
      out.EndArray().EndObject();
    }
    upstream.body = WholeBody(std::move(body));
    return upstream;
  }

  Result<core::EmbedAnswer> DecodeAnswer(std::string_view body,
                                         std::int64_t inputs) const override {
    const ScratchReader json;
    const Result<json::Value> parsed = json->Parse(body, kWholeAnswerBytesMax);
    TIDEGATE_ASSIGN(const json::Object root, ReadRoot(parsed));
    core::EmbedAnswer answer;
    if (const std::optional<json::Value> one = FindSet(root, "embedding")) {
      TIDEGATE_TRY(ReadOne(*one, answer));
    } else {
      const json::Value list = *FindSet(root, "embeddings");
      if (!list.is_array()) return MalformedAnswer(list.Mismatch("an array"));
      const json::Array vectors = *list.Array();
      for (const json::Value vector : vectors) TIDEGATE_TRY(ReadOne(vector, answer));
    }
    if (answer.embeddings.size() != static_cast<std::size_t>(inputs)) {
      return WrongCount(answer.embeddings.size(), inputs);
    }
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

const EmbedCodec& Gemini() {
  static const GeminiEmbeddings codec;
  return codec;
}

}  // namespace tidegate::protocols::embeddings
