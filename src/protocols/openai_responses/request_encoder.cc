#include "protocols/openai_responses/request_encoder.h"

#include <memory>
#include <string_view>
#include <utility>

#include "json/splice.h"
#include "json/writer.h"
#include "protocols/spans.h"

namespace tidegate::protocols::openai_responses {
namespace {

constexpr std::string_view kPath = "/responses";
constexpr std::string_view kCountPath = "/responses/input_tokens";

BodyPieces SpliceBody(const core::Request& request, const UpstreamOptions& options, bool stream) {
  BodyPieces pieces;
  json::Splice splice(request.body);
  const auto own = [&](std::string text) -> std::string_view {
    pieces.owned.push_back(std::make_unique<std::string>(std::move(text)));
    return *pieces.owned.back();
  };
  std::string model;
  json::Writer(model).String(options.model);
  splice.Replace(ToJson(request.spans.model), own(std::move(model)));
  if (!request.spans.tidegate_member.empty()) splice.Erase(ToJson(request.spans.tidegate_member));
  for (const core::BodyEdit& edit : request.edits) splice.Replace(ToJson(edit.span), edit.text);
  if (options.output_tokens_limit) {
    const std::string limit = std::to_string(*options.output_tokens_limit);
    if (request.spans.max_tokens.empty()) {
      splice.Insert(request.spans.object_begin, own("\"max_output_tokens\":" + limit + ','));
    } else {
      splice.Replace(ToJson(request.spans.max_tokens), own(limit));
    }
  }
  if (stream && !request.stream) {
    if (request.spans.stream.empty()) {
      splice.Insert(request.spans.object_begin, "\"stream\":true,");
    } else {
      splice.Replace(ToJson(request.spans.stream), "true");
    }
  }
  pieces.pieces = splice.Slices();
  return pieces;
}

}  // namespace

Result<UpstreamRequest> EncodeResponsesRequest(const core::Request& request,
                                               const UpstreamOptions& options) {
  UpstreamRequest upstream;
  upstream.path = options.count_only ? kCountPath : kPath;
  upstream.streaming = request.stream || options.force_stream;
  if (upstream.streaming) upstream.accept = "text/event-stream";
  const bool same = request.protocol == core::Protocol::kOpenAiResponses && request.same_bytes &&
                    !request.body.empty();
  if (same) {
    upstream.body = SpliceBody(request, options, upstream.streaming);
    return upstream;
  }
  TIDEGATE_ASSIGN(std::string body, WriteResponsesRequest(request, options, upstream.streaming));
  upstream.body.owned.push_back(std::make_unique<std::string>(std::move(body)));
  upstream.body.pieces.push_back(*upstream.body.owned.back());
  return upstream;
}

}  // namespace tidegate::protocols::openai_responses
