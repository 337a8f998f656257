#include "protocols/bedrock_converse/request_encoder.h"

#include <memory>
#include <string_view>
#include <utility>

#include "json/splice.h"
#include "protocols/bedrock_converse/model_path.h"
#include "protocols/spans.h"
#include "protocols/splice_body.h"

namespace tidegate::protocols::bedrock_converse {
namespace {

std::string_view Own(BodyPieces& pieces, std::string text) {
  pieces.owned.push_back(std::make_unique<std::string>(std::move(text)));
  return *pieces.owned.back();
}

// The limit stands in inferenceConfig, which may be missing, null or empty.
void EditOutputLimit(const core::Request& request, std::int64_t limit, BodyPieces& pieces,
                     json::Splice& splice) {
  const core::BodySpans& spans = request.spans;
  const std::string number = std::to_string(limit);
  if (!spans.max_tokens.empty()) {
    return splice.Replace(ToJson(spans.max_tokens), Own(pieces, number));
  }
  const std::string member = "\"maxTokens\":" + number;
  if (spans.limit_parent.empty()) {  // others follow, since messages are required
    return splice.Insert(spans.object_begin, Own(pieces, "\"inferenceConfig\":{" + member + "},"));
  }
  const std::string_view parent = ToJson(spans.limit_parent).Of(request.body);
  if (parent.find('"') == std::string_view::npos) {  // null or {}
    return splice.Replace(ToJson(spans.limit_parent), Own(pieces, "{" + member + "}"));
  }
  splice.Insert(spans.limit_parent.begin + 1, Own(pieces, member + ","));
}

BodyPieces SpliceBody(const core::Request& request, const UpstreamOptions& options) {
  BodyPieces pieces;
  json::Splice splice(request.body);
  if (!request.spans.tidegate_member.empty()) splice.Erase(ToJson(request.spans.tidegate_member));
  if (options.output_tokens_limit) {
    EditOutputLimit(request, *options.output_tokens_limit, pieces, splice);
  }
  pieces.pieces = splice.Slices();
  return pieces;
}

}  // namespace

Result<UpstreamRequest> EncodeConverseRequest(const core::Request& request,
                                              const UpstreamOptions& options) {
  UpstreamRequest upstream;
  upstream.streaming = request.stream || options.force_stream;
  const Method method = options.count_only   ? Method::kCountTokens
                        : upstream.streaming ? Method::kStream
                                             : Method::kConverse;
  upstream.path = ModelPath(options.model, method);
  if (upstream.streaming) upstream.accept = "application/vnd.amazon.eventstream";
  if (MayPass(request, core::Protocol::kBedrockConverse)) {
    upstream.body = SpliceBody(request, options);
    return upstream;
  }
  TIDEGATE_ASSIGN(std::string body, WriteConverseRequest(request, options));
  if (options.count_only) body = R"({"input":{"converse":)" + body + "}}";
  upstream.body = WholeBody(std::move(body));
  return upstream;
}

}  // namespace tidegate::protocols::bedrock_converse
