// Any body is refused or decoded; what is decoded can be sent on, and means the same there. What is
// kept of it can be listed and continued.
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/check.h"
#include "protocols/anthropic_messages/codec.h"
#include "protocols/openai_chat/codec.h"
#include "protocols/openai_responses/codec.h"
#include "protocols/openai_responses/request_encoder.h"
#include "protocols/testing/test_support.h"

namespace tidegate::protocols::openai_responses {
namespace {

constexpr std::string_view kPath = "/v1/responses";

std::string Join(const BodyPieces& body) {
  std::string joined;
  for (const std::string_view piece : body.pieces) joined += piece;
  return joined;
}

void Keep(std::string_view body, const core::Request& request) {
  const StoredAnswers& stored = *Codec().stored_answers();
  const Result<std::string> input = stored.InputOf(body, {}, RequestId{1, 2});
  CHECK(input.ok() || !request.references.empty());
  if (!input.ok()) return;
  const StoredTurn turn{"resp_1", "", *input,
                        R"({"output":[{"type":"message","id":"m",)"
                        R"("role":"assistant","content":[]}]})"};
  CHECK(stored.EncodeInput(turn, "limit=100").ok());
  const std::vector<StoredTurn> turns = {turn};
  const Result<std::string> expanded = stored.Expand(body, turns, {}, 64U << 20U);
  CHECK(expanded.ok());
  const PaddedText again(*expanded);
  const Result<core::Request> continued =
      DecodeChat(Codec(), kPath, again.view(), SmallConstraintParser());
  // A call that stands twice in one turn is the caller's mistake, and may show only here.
  CHECK(!continued.ok() || continued->previous_id.empty());
  CHECK(!continued.ok() || continued->model == request.model);
}

void Run(std::string_view text, unsigned variant) {
  const SmallConstraintParser parser;
  const PaddedText body(text);
  const Result<core::Request> request = DecodeChat(Codec(), kPath, body.view(), parser);
  if (!request.ok()) {
    CHECK(!request.error().message.empty());
    return;
  }
  Keep(body.view(), *request);
  UpstreamOptions options{.model = "up\"stream"};
  options.force_stream = (variant & 1U) != 0;
  if ((variant & 2U) != 0) options.output_tokens_limit = 77;
  const Result<UpstreamRequest> upstream = Codec().EncodeRequest(*request, options);
  CHECK(upstream.ok());
  const PaddedText sent(Join(upstream->body));
  const Result<core::Request> again = DecodeChat(Codec(), kPath, sent.view(), parser);
  CHECK(again.ok());
  CHECK(again->model == "up\"stream");
  CHECK(again->stream == upstream->streaming);
  CHECK(again->spans.tidegate_member.empty());
  CHECK(!again->keep && again->edits.empty());
  const Result<std::string> values = WriteResponsesRequest(*request, options, true);
  const Result<std::string> values_again = WriteResponsesRequest(*again, options, true);
  CHECK(values.ok() == values_again.ok());
  CHECK(!values.ok() || *values == *values_again);
  // Any request can be refused by another protocol, but not break it.
  (void)openai_chat::Codec().EncodeRequest(*request, options).ok();
  (void)anthropic_messages::Codec().EncodeRequest(*request, options).ok();
}

}  // namespace
}  // namespace tidegate::protocols::openai_responses

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  tidegate::protocols::openai_responses::Run(text.substr(1), data[0]);
  return 0;
}
