// OpenAI's embeddings, which llama-server, vLLM and most providers speak.
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
#include "protocols/own_members.h"
#include "protocols/request_texts.h"
#include "protocols/scratch_reader.h"
#include "protocols/splice_body.h"
#include "protocols/upstream_error.h"

namespace tidegate::protocols::embeddings {
namespace {

using core::Capability;

constexpr std::string_view kUpstreamPath = "/embeddings";
constexpr std::int64_t kTokenNumberMax = 10'000'000;

constexpr FieldNames kRoot{std::to_array<std::string_view>(
    {"model", "input", "encoding_format", "dimensions", "user", "tidegate", "provider"})};
using RootFields = Fields<kRoot.names.size()>;

class RequestDecoder {
 public:
  RequestDecoder(std::string_view body, const json::Value& root) : root_(root) {
    request_.protocol = core::Protocol::kOpenAiChat;
    request_.body = body;
    request_.truncate = core::Truncate::kNone;  // a text that is too long is an error here
  }

  Result<core::EmbedRequest> Decode(const ConstraintParser& parser) {
    TIDEGATE_ASSIGN(const RootFields fields, ReadFields(kRoot, root_));
    TIDEGATE_TRY(texts_.TakeUnknown(kRoot, fields));
    TIDEGATE_ASSIGN(const json::Value model, fields.Required(kRoot.Index("model")));
    TIDEGATE_TRY(texts_.TakeModel(model, root_));
    texts_.Need(Capability::kEmbeddings);
    TIDEGATE_ASSIGN(const json::Value input, fields.Required(kRoot.Index("input")));
    TIDEGATE_TRY(DecodeInput(input));
    TIDEGATE_TRY(DecodeForm(fields));
    TIDEGATE_TRY(TakeOwnMembers(kRoot, fields, parser, request_));
    return std::move(request_);
  }

 private:
  // A text, several texts, the numbers of the tokens of one text, or those of several.
  Result<void> DecodeInput(const json::Value& input) {
    if (input.is_string()) return TakeText(input);
    if (!input.is_array()) return input.Mismatch("a string or an array");
    const json::Array array = *input.Array();
    if (array.empty()) return input.Invalid("must hold at least one text");
    if ((*array.begin()).kind() == json::Kind::kInteger) return TakeTokens(input);
    for (const json::Value each : array) {
      if (request_.inputs == static_cast<std::int64_t>(kEmbedInputsMax)) {
        return input.Invalid("has more than " + std::to_string(kEmbedInputsMax) + " texts");
      }
      if (each.is_array()) {
        TIDEGATE_TRY(TakeTokens(each));
      } else {
        TIDEGATE_TRY(TakeText(each));
      }
    }
    return {};
  }

  Result<void> TakeText(const json::Value& value) {
    TIDEGATE_ASSIGN(const std::string_view text, texts_.Keep(value));
    if (text.empty()) return value.Invalid("must not be empty");
    texts_.Count(text.size());
    request_.texts.push_back(text);
    ++request_.inputs;
    return {};
  }

  // What a number means, only the tokenizer of the model that was asked for knows.
  Result<void> TakeTokens(const json::Value& value) {
    const json::Array tokens = *value.Array();
    if (tokens.empty()) return value.Invalid("must not be empty");
    for (const json::Value token : tokens) TIDEGATE_TRY(token.IntegerIn(0, kTokenNumberMax));
    texts_.NeedVendor(value.Path());
    texts_.Count(value.raw().size());
    ++request_.inputs;
    return {};
  }

  Result<void> DecodeForm(const RootFields& fields) {
    if (const std::optional<json::Value> format = fields.Value(kRoot.Index("encoding_format"))) {
      TIDEGATE_ASSIGN(const std::string_view word, format->String());
      if (word != "float" && word != "base64")
        return format->Invalid("must be 'float' or 'base64'");
      request_.as_base64 = word == "base64";
      request_.as_numbers = !request_.as_base64;
    }
    if (const std::optional<json::Value> dimensions = fields.Value(kRoot.Index("dimensions"))) {
      TIDEGATE_ASSIGN(request_.dimensions, dimensions->IntegerIn(1, kDimensionsMax));
      texts_.Need(Capability::kDimensions);
    }
    if (fields.Value(kRoot.Index("user"))) {
      TIDEGATE_ASSIGN(request_.user, texts_.Keep(*fields.Member(kRoot.Index("user"))));
    }
    return {};
  }

  json::Value root_;
  core::EmbedRequest request_;
  RequestTexts texts_{request_};
};

Result<std::string> WriteRequest(const core::EmbedRequest& request,
                                 const UpstreamOptions& options) {
  TIDEGATE_TRY(RequireTextsOnly(request));
  const bool cuts =
      request.truncate == core::Truncate::kStart || request.truncate == core::Truncate::kEnd;
  if (cuts && !options.cuts_here) {
    return CannotSay("truncate", "shortening texts that are too long");
  }
  std::string body;
  json::Writer out(body);
  out.BeginObject().Key("model").String(options.model).Key("input").BeginArray();
  for (std::size_t i = 0; i < request.texts.size(); ++i) {
    if (request.cut_tokens.empty() || request.cut_tokens[i].empty()) {
      out.String(request.texts[i]);
      continue;
    }
    out.BeginArray();
    for (const std::int64_t token : request.cut_tokens[i]) out.Integer(token);
    out.EndArray();
  }
  out.EndArray();
  out.Key("encoding_format").String(request.as_numbers ? "float" : "base64");
  if (request.dimensions) out.Key("dimensions").Integer(*request.dimensions);
  if (!request.user.empty()) out.Key("user").String(request.user);
  out.EndObject();
  return body;
}

// The object of an answer. An error where it is none, or reports one.
Result<json::Object> ReadRoot(const Result<json::Value>& root) {
  if (!root.ok()) return MalformedAnswer(root.error());
  if (!root->is_object()) return MalformedAnswer(root->Mismatch("an object"));
  const json::Object object = *root->Object();
  if (FindSet(object, "error")) return JudgeFault(ReadFaultBody(*root), 0);
  return object;
}

std::optional<core::Usage> ReadUsage(const json::Object& root) {
  const std::optional<json::Value> value = FindSet(root, "usage");
  if (!value || !value->is_object()) return std::nullopt;
  core::Usage usage;
  for (const std::string_view key : {"prompt_tokens", "total_tokens"}) {
    const std::optional<json::Value> tokens = FindSet(*value->Object(), key);
    if (!tokens) continue;
    const Result<std::int64_t> count = tokens->IntegerIn(0, kUsageTokensMax);
    usage.estimated = !count.ok();
    if (count.ok()) usage.input_tokens = *count;
    return usage;
  }
  return std::nullopt;
}

Result<void> ReadData(const json::Object& root, core::EmbedAnswer& answer, std::int64_t inputs) {
  const std::optional<json::Value> data = FindSet(root, "data");
  if (!data || !data->is_array()) return MalformedAnswer("has no array 'data'");
  const json::Array array = *data->Array();
  const std::size_t count = array.Count();
  if (static_cast<std::int64_t>(count) != inputs) return WrongCount(count, inputs);
  answer.embeddings.resize(count);
  std::size_t position = 0;
  for (const json::Value element : array) {
    if (!element.is_object()) return MalformedAnswer(element.Mismatch("an object"));
    const json::Object entry = *element.Object();
    std::size_t index = position++;
    if (const std::optional<json::Value> stated = FindSet(entry, "index")) {
      const Result<std::int64_t> number = stated->IntegerIn(0, inputs - 1);
      if (!number.ok()) return MalformedAnswer(number.error());
      index = static_cast<std::size_t>(*number);
    }
    core::Embedding& embedding = answer.embeddings[index];
    const std::optional<json::Value> vector = FindSet(entry, "embedding");
    if (!vector) return MalformedAnswer("has an entry without its embedding");
    if (!embedding.numbers.empty() || !embedding.base64.empty()) {
      return MalformedAnswer("has two embeddings of one input");
    }
    TIDEGATE_ASSIGN(embedding, ReadVector(*vector, answer));
  }
  return {};
}

class OpenAiEmbeddings final : public EmbedCodec {
 public:
  std::string_view name() const override { return "openai_embeddings"; }

  Result<core::EmbedRequest> DecodeRequest(const Route&, std::string_view body,
                                           const ConstraintParser& constraints) const override {
    const ScratchReader json;
    TIDEGATE_ASSIGN(const json::Value root, json->Parse(body, kRequestBytesMax));
    return RequestDecoder(body, root).Decode(constraints);
  }

  std::string EncodeAnswer(const core::EmbedRequest& request, const core::EmbedAnswer& answer,
                           const RequestId&) const override {
    std::string body;
    json::Writer out(body);
    out.BeginObject().Key("object").String("list").Key("data").BeginArray();
    for (std::size_t i = 0; i < answer.embeddings.size(); ++i) {
      out.BeginObject().Key("object").String("embedding");
      out.Key("index").Integer(static_cast<std::int64_t>(i)).Key("embedding");
      if (request.as_base64) {
        WriteBase64(out, answer.embeddings[i]);
      } else {
        WriteNumbers(out, answer.embeddings[i]);
      }
      out.EndObject();
    }
    out.EndArray().Key("model").String(answer.model.empty() ? request.model : answer.model);
    if (answer.usage) {
      out.Key("usage").BeginObject().Key("prompt_tokens").Integer(answer.usage->input_tokens);
      out.Key("total_tokens").Integer(answer.usage->input_tokens).EndObject();
    }
    out.EndObject();
    return body;
  }

  Result<UpstreamRequest> EncodeRequest(const core::EmbedRequest& request,
                                        const UpstreamOptions& options) const override {
    UpstreamRequest upstream;
    upstream.path = kUpstreamPath;
    if (MayPass(request, core::Protocol::kOpenAiChat)) {
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
    const Result<json::Value> parsed = json->Parse(body, kWholeAnswerBytesMax);
    TIDEGATE_ASSIGN(const json::Object root, ReadRoot(parsed));
    core::EmbedAnswer answer;
    TIDEGATE_TRY(ReadData(root, answer, inputs));
    answer.model = answer.arena.emplace_back(StringOrEmpty(root, "model"));
    answer.usage = ReadUsage(root);
    return answer;
  }

  Result<std::optional<core::Usage>> Inspect(std::string_view body) const override {
    const ScratchReader json;
    const Result<json::Value> parsed = json->Parse(body, kWholeAnswerBytesMax);
    TIDEGATE_ASSIGN(const json::Object root, ReadRoot(parsed));
    const std::optional<json::Value> data = FindSet(root, "data");
    if (!data || !data->is_array()) return MalformedAnswer("has no array 'data'");
    return ReadUsage(root);
  }
};

}  // namespace

const EmbedCodec& OpenAi() {
  static const OpenAiEmbeddings codec;
  return codec;
}

}  // namespace tidegate::protocols::embeddings
