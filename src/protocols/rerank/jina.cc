// The ranking that Jina, llama-server, vLLM and others serve as /rerank: in the words of Cohere's
// first version, which asks at the same path.
#include <array>
#include <optional>
#include <string>
#include <utility>

#include "json/writer.h"
#include "protocols/cannot_say.h"
#include "protocols/cohere_chat/billed.h"
#include "protocols/fields.h"
#include "protocols/json_members.h"
#include "protocols/limits.h"
#include "protocols/own_members.h"
#include "protocols/rerank/codec.h"
#include "protocols/rerank/results.h"
#include "protocols/scratch_reader.h"
#include "protocols/splice_body.h"
#include "protocols/upstream_error.h"

namespace tidegate::protocols::rerank {
namespace {

constexpr std::string_view kUpstreamPath = "/rerank";

constexpr FieldNames kRoot{std::to_array<std::string_view>(
    {"model", "query", "documents", "top_n", "return_documents", "tidegate", "provider"})};

std::optional<core::Usage> ReadUsage(const json::Object& root) {
  const std::optional<json::Value> value = FindSet(root, "usage");
  if (!value || !value->is_object()) return std::nullopt;
  for (const std::string_view key : {"prompt_tokens", "total_tokens"}) {
    const std::optional<json::Value> tokens = FindSet(*value->Object(), key);
    if (!tokens) continue;
    core::Usage usage;
    const Result<std::int64_t> count = tokens->IntegerIn(0, kUsageTokensMax);
    usage.estimated = !count.ok();
    if (count.ok()) usage.input_tokens = *count;
    return usage;
  }
  return std::nullopt;
}

class JinaRerank final : public RerankCodec {
 public:
  std::string_view name() const override { return "jina_rerank"; }

  Result<core::RerankRequest> DecodeRequest(const Route&, std::string_view body,
                                            const ConstraintParser& constraints) const override {
    const ScratchReader json;
    TIDEGATE_ASSIGN(const json::Value root, json->Parse(body, kRequestBytesMax));
    core::RerankRequest request;
    request.protocol = core::Protocol::kOpenAiChat;
    request.body = body;
    TIDEGATE_ASSIGN(const auto fields, ReadFields(kRoot, root));
    TIDEGATE_TRY(DecodeQuestion(kRoot, fields, root, request));
    if (const std::optional<json::Value> wanted = fields.Value(kRoot.Index("return_documents"))) {
      TIDEGATE_ASSIGN(request.return_documents, wanted->Bool());
    }
    // Some servers know the field and some pass over it: written anew, all answer alike.
    if (request.return_documents) request.same_bytes = false;
    TIDEGATE_TRY(TakeOwnMembers(kRoot, fields, constraints, request));
    return request;
  }

  std::string EncodeAnswer(const core::RerankRequest& request, const core::RerankAnswer& answer,
                           const RequestId& id) const override {
    std::string body;
    json::Writer out(body);
    out.BeginObject().Key("id").String(id.ToString()).Key("object").String("list");
    out.Key("model").String(answer.model.empty() ? request.model : answer.model);
    WriteResults(out, request, answer);
    if (answer.usage) {
      out.Key("usage").BeginObject().Key("prompt_tokens").Integer(answer.usage->input_tokens);
      out.Key("total_tokens").Integer(answer.usage->input_tokens).EndObject();
    }
    if (answer.search_units > 0) {
      out.Key("meta").BeginObject().Key("billed_units").BeginObject();
      out.Key("search_units").Integer(answer.search_units).EndObject().EndObject();
    }
    out.EndObject();
    return body;
  }

  Result<UpstreamRequest> EncodeRequest(const core::RerankRequest& request,
                                        const UpstreamOptions& options) const override {
    UpstreamRequest upstream;
    upstream.path = kUpstreamPath;
    if (MayPass(request, core::Protocol::kOpenAiChat)) {
      upstream.body = SpliceBody(request, options.model);
      return upstream;
    }
    if (request.document_tokens_max) {
      return CannotSay("max_tokens_per_doc", "shortening documents");
    }
    std::string body;
    json::Writer out(body);
    out.BeginObject().Key("model").String(options.model);
    WriteQuestion(out, request);
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
    answer.usage = ReadUsage(root);
    answer.search_units = cohere_chat::ReadBilledSearches(root);
    return answer;
  }

  Result<RerankBill> Inspect(std::string_view body) const override {
    const ScratchReader json;
    const Result<json::Value> parsed = json->Parse(body, kWholeAnswerBytesMax);
    TIDEGATE_ASSIGN(const json::Object root, ReadRoot(parsed));
    return RerankBill{ReadUsage(root), cohere_chat::ReadBilledSearches(root)};
  }
};

}  // namespace

const RerankCodec& Jina() {
  static const JinaRerank codec;
  return codec;
}

}  // namespace tidegate::protocols::rerank
