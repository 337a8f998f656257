#include "protocols/gemini/request_encoder.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

#include "json/splice.h"
#include "json/writer.h"
#include "protocols/cannot_say.h"
#include "protocols/gemini/path.h"
#include "protocols/spans.h"
#include "protocols/splice_body.h"

namespace tidegate::protocols::gemini {
namespace {

bool IsForeign(const core::Part& part) {
  return !part.state.empty() && part.state.origin != core::StateOrigin::kGemini;
}

bool HoldsForeignStates(const core::Request& request) {
  return std::any_of(request.messages.begin(), request.messages.end(),
                     [](const core::Message& message) {
                       return std::any_of(message.parts.begin(), message.parts.end(), IsForeign);
                     });
}

struct Edit {
  core::Span span;
  std::string text;
};

// The output limit: where one stands, into the object that would hold it, or with that object.
Edit LimitEdit(const core::Request& request, std::int64_t tokens) {
  const core::BodySpans& spans = request.spans;
  const std::string limit = std::to_string(tokens);
  if (!spans.max_tokens.empty()) return {spans.max_tokens, limit};
  const std::string member = "\"maxOutputTokens\":" + limit;
  const core::Span parent = spans.limit_parent;
  if (parent.empty()) {
    return {{spans.object_begin, spans.object_begin}, "\"generationConfig\":{" + member + "},"};
  }
  const std::string_view text = request.body.substr(parent.begin, parent.end - parent.begin);
  const bool has_members = text.find('"') != std::string_view::npos;
  if (!has_members) return {parent, "{" + member + "}"};  // null, or {}
  return {{parent.begin + 1, parent.begin + 1}, member + ","};
}

// `{"generateContentRequest":{"model":"models/x",`: a whole request stands in the one that counts,
// and names its model.
std::string CountHead(std::string_view model) {
  std::string head = "{\"generateContentRequest\":{\"model\":";
  json::Writer(head).String(ResourceName(model));
  return head + ',';
}

// The turns of a body become a whole request; what is one already gets the model's name.
void NestForCount(const core::Request& request, std::string_view model, BodyPieces& pieces,
                  json::Splice& splice) {
  const std::uint32_t begin = request.spans.object_begin;
  std::string head = CountHead(model);
  if (request.form == kNested) {
    head.erase(0, head.find("\"model\""));
    pieces.owned.push_back(std::make_unique<std::string>(std::move(head)));
    return splice.Insert(begin, *pieces.owned.back());
  }
  pieces.owned.push_back(std::make_unique<std::string>(std::move(head)));
  splice.Replace({0, begin}, *pieces.owned.back());
  splice.Insert(static_cast<std::uint32_t>(request.body.size()), "}");
}

BodyPieces SpliceBody(const core::Request& request, const UpstreamOptions& options) {
  BodyPieces pieces;
  json::Splice splice(request.body);
  const core::BodySpans& spans = request.spans;
  if (!spans.tidegate_member.empty()) splice.Erase(ToJson(spans.tidegate_member));
  if (!spans.model.empty()) splice.Erase(ToJson(spans.model));
  if (options.output_tokens_limit) {
    Edit edit = LimitEdit(request, *options.output_tokens_limit);
    pieces.owned.push_back(std::make_unique<std::string>(std::move(edit.text)));
    splice.Replace(ToJson(edit.span), *pieces.owned.back());
  }
  if (options.count_only) NestForCount(request, options.model, pieces, splice);
  pieces.pieces = splice.Slices();
  return pieces;
}

}  // namespace

Result<UpstreamRequest> EncodeGenerateRequest(const core::Request& request,
                                              const UpstreamOptions& options) {
  UpstreamRequest upstream;
  upstream.streaming = request.stream || options.force_stream;
  const Method method = options.count_only   ? Method::kCountTokens
                        : upstream.streaming ? Method::kStream
                                             : Method::kGenerate;
  upstream.path = UpstreamPath(options.model, method);
  if (upstream.streaming) upstream.accept = "text/event-stream";
  const bool same = MayPass(request, core::Protocol::kGemini);
  const bool must_change = same && request.has_optional_fields &&
                           (!options.dialect->call_ids || HoldsForeignStates(request));
  if (same && !must_change) {
    upstream.body = SpliceBody(request, options);
    return upstream;
  }
  if (must_change && !request.vendor_field.empty()) {
    return CannotSay(request.vendor_field,
                     "this beside what another provider made or ids of calls");
  }
  TIDEGATE_ASSIGN(std::string body, WriteGenerateRequest(request, options));
  if (options.count_only) body = CountHead(options.model) + body.substr(1) + '}';
  upstream.body = WholeBody(std::move(body));
  return upstream;
}

}  // namespace tidegate::protocols::gemini
