// Any body is refused or decoded, and what is decoded means the same when it is sent on; any answer
// is refused, or ranks documents that are there.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "protocols/rerank/codec.h"
#include "protocols/testing/test_support.h"

namespace tidegate::protocols::rerank {
namespace {

std::string Join(const BodyPieces& body) {
  std::string joined;
  for (const std::string_view piece : body.pieces) joined += piece;
  return joined;
}

void RunRequest(const RerankCodec& from, const RerankCodec& to, std::string_view text) {
  const SmallConstraintParser parser;
  const PaddedText body(text);
  const Result<core::RerankRequest> request = from.DecodeRequest(Route{}, body.view(), parser);
  if (!request.ok()) return CHECK(!request.error().message.empty());
  for (const RerankCodec* target : {&from, &to}) {
    const Result<UpstreamRequest> upstream = target->EncodeRequest(*request, {.model = "m\""});
    if (!upstream.ok()) {
      CHECK(upstream.error().retry == Retry::kOtherTarget);
      continue;
    }
    const PaddedText sent(Join(upstream->body));
    const Result<core::RerankRequest> again = target->DecodeRequest(Route{}, sent.view(), parser);
    CHECK(again.ok() && again->model == "m\"" && again->query == request->query);
    CHECK(again->documents == request->documents && again->top_n == request->top_n);
    CHECK(again->spans.tidegate_member.empty());
  }
}

void RunAnswer(const RerankCodec& upstream, std::string_view text) {
  const PaddedText body(text);
  core::RerankRequest request;
  request.documents = {"a", "b", "c"};
  request.return_documents = true;
  const Result<core::RerankAnswer> answer =
      upstream.DecodeAnswer(body.view(), request.documents.size());
  const Result<RerankBill> bill = upstream.Inspect(body.view());
  if (!answer.ok()) return;
  CHECK(bill.ok() && bill->search_units == answer->search_units);
  for (const RerankCodec* client : {&Jina(), &Cohere()}) {
    const PaddedText written(client->EncodeAnswer(request, *answer, RequestId{1, 2}));
    const Result<core::RerankAnswer> again =
        client->DecodeAnswer(written.view(), request.documents.size());
    CHECK(again.ok() && again->results.size() == answer->results.size());
  }
}

}  // namespace
}  // namespace tidegate::protocols::rerank

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tidegate::protocols::rerank;
  if (size < 2) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
  const auto& one = (data[0] & 1U) != 0 ? Jina() : Cohere();
  const auto& other = (data[0] & 1U) != 0 ? Cohere() : Jina();
  RunRequest(one, other, text);
  RunAnswer(one, text);
  return 0;
}
