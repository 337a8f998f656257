#include "protocols/splice_body.h"

#include <memory>
#include <string>
#include <utility>

#include "json/splice.h"
#include "json/writer.h"
#include "protocols/spans.h"

namespace tidegate::protocols {

BodyPieces SpliceBody(const core::Envelope& request, std::string_view model) {
  BodyPieces pieces;
  json::Splice splice(request.body);
  if (!request.spans.model.empty()) {
    std::string name;
    json::Writer(name).String(model);
    pieces.owned.push_back(std::make_unique<std::string>(std::move(name)));
    splice.Replace(ToJson(request.spans.model), *pieces.owned.back());
  }
  for (const core::Span ours : {request.spans.tidegate_member, request.spans.provider_member}) {
    if (!ours.empty()) splice.Erase(ToJson(ours));
  }
  pieces.pieces = splice.Slices();
  return pieces;
}

BodyPieces WholeBody(std::string body) {
  BodyPieces pieces;
  pieces.owned.push_back(std::make_unique<std::string>(std::move(body)));
  pieces.pieces.push_back(*pieces.owned.back());
  return pieces;
}

}  // namespace tidegate::protocols
