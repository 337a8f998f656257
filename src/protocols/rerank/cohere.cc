// Cohere's ranking, version 2.
#include <array>
#include <optional>
#include <string>
#include <utility>

#include "json/writer.h"
#include "protocols/cohere_chat/billed.h"
#include "protocols/fields.h"
#include "protocols/limits.h"
#include "protocols/own_members.h"
#include "protocols/rerank/codec.h"
#include "protocols/rerank/results.h"
#include "protocols/scratch_reader.h"
#include "protocols/splice_body.h"

namespace tidegate::protocols::rerank {
namespace {

constexpr std::string_view kUpstreamPath = "/rerank";

constexpr FieldNames kRoot{std::to_array<std::string_view>(
    {"model", "query", "documents", "top_n", "max_tokens_per_doc", "priority", "tidegate"})};

class CohereRerank final : public RerankCodec {
 public:
  std::string_view name() const override { return "cohere_rerank"; }

  Result<core::RerankRequest> DecodeRequest(const Route&, std::string_view body,
                                            const ConstraintParser& constraints) const override {
    const ScratchReader json;
    TIDEGATE_ASSIGN(const json::Value root, json->Parse(body, kRequestBytesMax));
    core::RerankRequest request;
    request.protocol = core::Protocol::kCohereChat;
    request.body = body;
    TIDEGATE_ASSIGN(const auto fields, ReadFields(kRoot, root));
    TIDEGATE_TRY(DecodeQuestion(kRoot, fields, root, request));
    if (const auto limit = fields.Value(kRoot.Index("max_tokens_per_doc"))) {
      TIDEGATE_ASSIGN(request.document_tokens_max, limit->IntegerIn(1, kOutputTokensMax));
    }
    if (const std::optional<json::Value> priority = fields.Value(kRoot.Index("priority"))) {
      TIDEGATE_TRY(priority->Integer());  // a hint
    }
    TIDEGATE_TRY(TakeOwnMembers(kRoot, fields, constraints, request));
    return request;
  }

  std::string EncodeAnswer(const core::RerankRequest& request, const core::RerankAnswer& answer,
                           const RequestId& id) const override {
    std::string body;
    json::Writer out(body);
    out.BeginObject().Key("id").String(id.ToString());
    WriteResults(out, request, answer);
    out.Key("meta").BeginObject();
    out.Key("api_version").BeginObject().Key("version").String("2").EndObject();
    if (answer.search_units > 0) {
      out.Key("billed_units").BeginObject();
      out.Key("search_units").Integer(answer.search_units).EndObject();
    }
    if (answer.usage) {
      out.Key("tokens").BeginObject();
      out.Key("input_tokens").Integer(answer.usage->input_tokens).EndObject();
    }
    out.EndObject().EndObject();
    return body;
  }

  Result<UpstreamRequest> EncodeRequest(const core::RerankRequest& request,
                                        const UpstreamOptions& options) const override {
    UpstreamRequest upstream;
    upstream.path = kUpstreamPath;
    if (MayPass(request, core::Protocol::kCohereChat)) {
      upstream.body = SpliceBody(request, options.model);
      return upstream;
    }
    std::string body;
    json::Writer out(body);
    out.BeginObject().Key("model").String(options.model);
    WriteQuestion(out, request);
    if (request.document_tokens_max) {
      out.Key("max_tokens_per_doc").Integer(*request.document_tokens_max);
    }
    out.EndObject();
    upstream.body = WholeBody(std::move(body));
    return upstream;
  }

  Result<core::RerankAnswer> DecodeAnswer(std::string_view body,
                                          std::size_t documents) const override {
    const ScratchReader json;
    const Result<json::Value> parsed = json->Parse(body, kWholeAnswerBytesMax);
    TIDEGATE_ASSIGN(const json::Object root, ReadRoot(parsed));
    core::RerankAnswer answer;
    TIDEGATE_TRY(ReadResults(root, documents, answer));
    answer.usage = cohere_chat::ReadBilledTokens(root);
    answer.search_units = cohere_chat::ReadBilledSearches(root);
    return answer;
  }

  Result<RerankBill> Inspect(std::string_view body) const override {
    const ScratchReader json;
    const Result<json::Value> parsed = json->Parse(body, kWholeAnswerBytesMax);
    TIDEGATE_ASSIGN(const json::Object root, ReadRoot(parsed));
    return RerankBill{cohere_chat::ReadBilledTokens(root), cohere_chat::ReadBilledSearches(root)};
  }
};

}  // namespace

const RerankCodec& Cohere() {
  static const CohereRerank codec;
  return codec;
}

}  // namespace tidegate::protocols::rerank
