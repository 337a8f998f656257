// Cohere's embeddings, version 2.
#include <array>
#include <optional>
#include <string>
#include <utility>

#include "json/writer.h"
#include "protocols/cannot_say.h"
#include "protocols/cohere_chat/billed.h"
#include "protocols/embeddings/codec.h"
#include "protocols/embeddings/texts_only.h"
#include "protocols/embeddings/vectors.h"
#include "protocols/fields.h"
#include "protocols/json_members.h"
#include "protocols/limits.h"
#include "protocols/media.h"
#include "protocols/own_members.h"
#include "protocols/request_texts.h"
#include "protocols/scratch_reader.h"
#include "protocols/splice_body.h"
#include "protocols/upstream_error.h"

namespace tidegate::protocols::embeddings {
namespace {

using core::Capability;
using core::EmbedPurpose;
using core::Truncate;

constexpr std::string_view kUpstreamPath = "/embed";
constexpr std::int64_t kTextsAtUpstreamMax = 96;

constexpr FieldNames kRoot{std::to_array<std::string_view>(
    {"model", "texts", "images", "inputs", "input_type", "embedding_types", "output_dimension",
     "max_tokens", "truncate", "priority", "tidegate"})};
using RootFields = Fields<kRoot.names.size()>;
constexpr FieldNames kInput{std::to_array<std::string_view>({"content"})};
constexpr FieldNames kContent{std::to_array<std::string_view>({"type", "text", "image_url"})};

struct PurposeWord {
  std::string_view word;
  EmbedPurpose purpose;
};
constexpr std::array<PurposeWord, 4> kPurposes = {
    {{"search_document", EmbedPurpose::kDocument},
     {"search_query", EmbedPurpose::kQuery},
     {"classification", EmbedPurpose::kClassification},
     {"clustering", EmbedPurpose::kClustering}}};

struct TruncateWord {
  std::string_view word;
  Truncate truncate;
};
constexpr std::array<TruncateWord, 3> kTruncates = {
    {{"NONE", Truncate::kNone}, {"START", Truncate::kStart}, {"END", Truncate::kEnd}}};

class RequestDecoder {
 public:
  RequestDecoder(std::string_view body, const json::Value& root) : root_(root) {
    request_.protocol = core::Protocol::kCohereChat;
    request_.body = body;
  }

  Result<core::EmbedRequest> Decode(const ConstraintParser& parser) {
    TIDEGATE_ASSIGN(const RootFields fields, ReadFields(kRoot, root_));
    TIDEGATE_TRY(texts_.TakeUnknown(kRoot, fields));
    TIDEGATE_ASSIGN(const json::Value model, fields.Required(kRoot.Index("model")));
    TIDEGATE_TRY(texts_.TakeModel(model, root_));
    texts_.Need(Capability::kEmbeddings);
    TIDEGATE_TRY(DecodeInputs(fields));
    TIDEGATE_TRY(DecodePurpose(fields));
    TIDEGATE_TRY(DecodeForm(fields));
    TIDEGATE_TRY(DecodeLengths(fields));
    TIDEGATE_TRY(TakeOwnMembers(kRoot, fields, parser, request_));
    return std::move(request_);
  }

 private:
  // One of three lists.
  Result<void> DecodeInputs(const RootFields& fields) {
    const std::optional<json::Value> texts = fields.Value(kRoot.Index("texts"));
    const std::optional<json::Value> images = fields.Value(kRoot.Index("images"));
    const std::optional<json::Value> inputs = fields.Value(kRoot.Index("inputs"));
    if (texts.has_value() + images.has_value() + inputs.has_value() != 1) {
      return InvalidArgument(fields.object().PathOf("texts"),
                             "is required, or either images or inputs in its stead");
    }
    const json::Value list = texts ? *texts : images ? *images : *inputs;
    TIDEGATE_ASSIGN(const json::Array array, list.Array());
    if (array.empty()) return list.Invalid("must not be empty");
    for (const json::Value element : array) {
      if (request_.inputs == static_cast<std::int64_t>(kEmbedInputsMax)) {
        return list.Invalid("has more than " + std::to_string(kEmbedInputsMax) + " elements");
      }
      ++request_.inputs;
      if (texts) {
        TIDEGATE_TRY(TakeText(element));
      } else if (images) {
        TIDEGATE_TRY(TakeImage(element));
      } else {
        TIDEGATE_TRY(DecodeInput(element));
      }
    }
    return {};
  }

  Result<void> TakeText(const json::Value& value) {
    TIDEGATE_ASSIGN(const std::string_view text, texts_.Keep(value));
    texts_.Count(text.size());
    request_.texts.push_back(text);
    return {};
  }

  // Other protocols have no images here.
  Result<void> TakeImage(const json::Value& value) {
    TIDEGATE_ASSIGN(const std::string_view url, value.String());
    core::Part image;
    TIDEGATE_TRY(ReadMediaUrl(value, url, image));
    texts_.Need(Capability::kVision);
    texts_.NeedVendor(value.Path());
    ++request_.media_parts;
    return {};
  }

  // {"content": […]}: a text alone is one; what is mixed only this protocol can say.
  Result<void> DecodeInput(const json::Value& value) {
    TIDEGATE_ASSIGN(const auto fields, ReadFields(kInput, value));
    TIDEGATE_ASSIGN(const json::Value content, fields.Required(kInput.Index("content")));
    texts_.NeedVendorIfUnknown(fields);
    TIDEGATE_ASSIGN(const json::Array parts, content.Array());
    if (parts.empty()) return content.Invalid("must not be empty");
    const std::size_t count = parts.Count();
    if (count > 1) texts_.NeedVendor(content.Path());
    for (const json::Value part : parts) {
      TIDEGATE_ASSIGN(const auto members, ReadFields(kContent, part));
      TIDEGATE_ASSIGN(const json::Value type, members.Required(kContent.Index("type")));
      TIDEGATE_ASSIGN(const std::string_view word, type.String());
      texts_.NeedVendorIfUnknown(members);
      if (word == "text") {
        TIDEGATE_ASSIGN(const json::Value text, members.Required(kContent.Index("text")));
        if (count == 1) {
          TIDEGATE_TRY(TakeText(text));
        } else {
          TIDEGATE_TRY(text.String());
          texts_.Count(text.raw().size());
        }
      } else if (word == "image_url") {
        TIDEGATE_ASSIGN(const json::Value image, members.Required(kContent.Index("image_url")));
        TIDEGATE_ASSIGN(const json::Object object, image.Object());
        TIDEGATE_ASSIGN(const json::Value url, object.Get("url"));
        TIDEGATE_TRY(TakeImage(url));
      } else {
        return type.Invalid("must be 'text' or 'image_url'");
      }
    }
    return {};
  }

  Result<void> DecodePurpose(const RootFields& fields) {
    const std::optional<json::Value> type = fields.Value(kRoot.Index("input_type"));
    if (!type) return {};
    TIDEGATE_ASSIGN(const std::string_view word, type->String());
    for (const PurposeWord& known : kPurposes) {
      if (known.word == word) request_.purpose = known.purpose;
    }
    if (request_.purpose == EmbedPurpose::kUnset && word != "image") {
      return type->Invalid(
          "must be one of 'search_document', 'search_query', 'classification', 'clustering', "
          "'image'");
    }
    return {};
  }

  Result<void> DecodeForm(const RootFields& fields) {
    const std::optional<json::Value> types = fields.Value(kRoot.Index("embedding_types"));
    if (!types) return {};
    TIDEGATE_ASSIGN(const json::Array array, types->Array());
    if (array.empty()) return {};
    request_.as_numbers = false;
    for (const json::Value type : array) {
      TIDEGATE_ASSIGN(const std::string_view word, type.String());
      if (word == "float") {
        request_.as_numbers = true;
      } else if (word == "base64") {
        request_.as_base64 = true;
      } else if (word == "int8" || word == "uint8" || word == "binary" || word == "ubinary") {
        texts_.NeedVendor(type.Path());  // rounded in a way that only the vendor knows
      } else {
        return type.Invalid(
            "must be one of 'float', 'base64', 'int8', 'uint8', 'binary', 'ubinary'");
      }
    }
    return {};
  }

  Result<void> DecodeLengths(const RootFields& fields) {
    if (const auto dimension = fields.Value(kRoot.Index("output_dimension"))) {
      TIDEGATE_ASSIGN(request_.dimensions, dimension->IntegerIn(1, kDimensionsMax));
      texts_.Need(Capability::kDimensions);
    }
    if (const std::optional<json::Value> limit = fields.Value(kRoot.Index("max_tokens"))) {
      TIDEGATE_TRY(limit->IntegerIn(1, kOutputTokensMax));
      texts_.NeedVendor(limit->Path());
    }
    if (const std::optional<json::Value> priority = fields.Value(kRoot.Index("priority"))) {
      TIDEGATE_TRY(priority->Integer());  // a hint
    }
    const std::optional<json::Value> truncate = fields.Value(kRoot.Index("truncate"));
    if (!truncate) {
      request_.cut_remedy = R"("truncate": "END")";
      return {};
    }
    TIDEGATE_ASSIGN(const std::string_view word, truncate->String());
    for (const TruncateWord& known : kTruncates) {
      if (known.word == word) request_.truncate = known.truncate;
    }
    if (request_.truncate == Truncate::kUnset) {
      return truncate->Invalid("must be one of 'NONE', 'START', 'END'");
    }
    return {};
  }

  json::Value root_;
  core::EmbedRequest request_;
  RequestTexts texts_{request_};
};

// Models ask what a vector is for, and a caller whose protocol cannot say it stores documents more
// often than it asks for them.
Result<std::string_view> PurposeFor(EmbedPurpose purpose) {
  if (purpose == EmbedPurpose::kUnset) return kPurposes[0].word;
  for (const PurposeWord& known : kPurposes) {
    if (known.purpose == purpose) return known.word;
  }
  return CannotSay("task_type", "vectors that are compared with each other");
}

Result<std::string> WriteRequest(const core::EmbedRequest& request,
                                 const UpstreamOptions& options) {
  TIDEGATE_TRY(RequireTextsOnly(request));
  if (request.inputs > kTextsAtUpstreamMax) return CannotSay("input", "more than 96 texts");
  TIDEGATE_ASSIGN(const std::string_view purpose, PurposeFor(request.purpose));
  std::string body;
  json::Writer out(body);
  out.BeginObject().Key("model").String(options.model).Key("input_type").String(purpose);
  out.Key("texts").BeginArray();
  for (const std::string_view text : request.texts) out.String(text);
  out.EndArray().Key("embedding_types").BeginArray();
  out.String(request.as_numbers ? "float" : "base64").EndArray();
  if (request.dimensions) out.Key("output_dimension").Integer(*request.dimensions);
  for (const TruncateWord& known : kTruncates) {
    if (known.truncate == request.truncate) out.Key("truncate").String(known.word);
  }
  out.EndObject();
  return body;
}

Result<json::Value> ReadEmbeddings(const Result<json::Value>& root) {
  if (!root.ok()) return MalformedAnswer(root.error());
  if (!root->is_object()) return MalformedAnswer(root->Mismatch("an object"));
  if (const std::optional<json::Value> found = FindSet(*root->Object(), "embeddings")) {
    return *found;
  }
  const Fault fault = ReadFaultBody(*root);
  if (fault.message.empty()) return MalformedAnswer("has no 'embeddings'");
  return JudgeFault(fault, 0);
}

// The lists by type, or the one list of floats that older models answer with.
Result<void> ReadLists(const json::Value& value, core::EmbedAnswer& answer, std::int64_t inputs) {
  const auto take = [&](const json::Value& list) -> Result<void> {
    if (!list.is_array()) return MalformedAnswer(list.Mismatch("an array"));
    const json::Array array = *list.Array();
    const std::size_t count = array.Count();
    if (static_cast<std::int64_t>(count) != inputs) return WrongCount(count, inputs);
    answer.embeddings.resize(count);
    std::size_t i = 0;
    for (const json::Value element : array) {
      TIDEGATE_ASSIGN(const core::Embedding vector, ReadVector(element, answer));
      core::Embedding& embedding = answer.embeddings[i++];
      if (!vector.numbers.empty()) embedding.numbers = vector.numbers;
      if (!vector.base64.empty()) embedding.base64 = vector.base64;
    }
    return {};
  };
  if (value.is_array()) return take(value);
  if (!value.is_object()) return MalformedAnswer(value.Mismatch("an object"));
  for (const std::string_view type : {"float", "base64"}) {
    if (const std::optional<json::Value> list = FindSet(*value.Object(), type)) {
      TIDEGATE_TRY(take(*list));
    }
  }
  return answer.embeddings.empty() ? Result<void>(MalformedAnswer("has no embeddings as floats"))
                                   : Result<void>();
}

class CohereEmbeddings final : public EmbedCodec {
 public:
  std::string_view name() const override { return "cohere_embed"; }

  Result<core::EmbedRequest> DecodeRequest(const Route&, std::string_view body,
                                           const ConstraintParser& constraints) const override {
    const ScratchReader json;
    TIDEGATE_ASSIGN(const json::Value root, json->Parse(body, kRequestBytesMax));
    return RequestDecoder(body, root).Decode(constraints);
  }

  std::string EncodeAnswer(const core::EmbedRequest& request, const core::EmbedAnswer& answer,
                           const RequestId& id) const override {
    std::string body;
    json::Writer out(body);
    out.BeginObject().Key("id").String(id.ToString()).Key("embeddings").BeginObject();
    if (request.as_numbers) {
      out.Key("float").BeginArray();
      for (const core::Embedding& vector : answer.embeddings) WriteNumbers(out, vector);
      out.EndArray();
    }
    if (request.as_base64) {
      out.Key("base64").BeginArray();
      for (const core::Embedding& vector : answer.embeddings) WriteBase64(out, vector);
      out.EndArray();
    }
    out.EndObject().Key("texts").BeginArray();
    for (const std::string_view text : request.texts) out.String(text);
    out.EndArray().Key("meta").BeginObject();
    out.Key("api_version").BeginObject().Key("version").String("2").EndObject();
    if (answer.usage) {
      out.Key("billed_units").BeginObject();
      out.Key("input_tokens").Integer(answer.usage->input_tokens).EndObject();
    }
    out.EndObject().Key("response_type").String("embeddings_by_type").EndObject();
    return body;
  }

  Result<UpstreamRequest> EncodeRequest(const core::EmbedRequest& request,
                                        const UpstreamOptions& options) const override {
    UpstreamRequest upstream;
    upstream.path = kUpstreamPath;
    if (MayPass(request, core::Protocol::kCohereChat)) {
      upstream.body = SpliceBody(request, options.model);
      return upstream;
    }
    TIDEGATE_ASSIGN(std::string body, WriteRequest(request, options));
    upstream.body = WholeBody(std::move(body));
    return upstream;
  }

  Result<core::EmbedAnswer> DecodeAnswer(std::string_view body,
                                         std::int64_t inputs) const override {
    const ScratchReader json;
    const Result<json::Value> root = json->Parse(body, kWholeAnswerBytesMax);
    TIDEGATE_ASSIGN(const json::Value embeddings, ReadEmbeddings(root));
    core::EmbedAnswer answer;
    TIDEGATE_TRY(ReadLists(embeddings, answer, inputs));
    answer.usage = cohere_chat::ReadBilledTokens(*root->Object());
    return answer;
  }

  Result<std::optional<core::Usage>> Inspect(std::string_view body) const override {
    const ScratchReader json;
    const Result<json::Value> root = json->Parse(body, kWholeAnswerBytesMax);
    TIDEGATE_TRY(ReadEmbeddings(root));
    return cohere_chat::ReadBilledTokens(*root->Object());
  }
};

}  // namespace

const EmbedCodec& Cohere() {
  static const CohereEmbeddings codec;
  return codec;
}

}  // namespace tidegate::protocols::embeddings
