// Any body is refused or decoded; what is decoded can be sent on, and means the same there.
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/check.h"
#include "protocols/cohere_chat/codec.h"
#include "protocols/cohere_chat/request_encoder.h"
#include "protocols/openai_chat/codec.h"
#include "protocols/testing/test_support.h"

namespace tidegate::protocols::cohere_chat {
namespace {

std::string Join(const BodyPieces& body) {
  std::string joined;
  for (const std::string_view piece : body.pieces) joined += piece;
  return joined;
}

void Run(std::string_view text, unsigned variant) {
  const SmallConstraintParser parser;
  const PaddedText body(text);
  const Result<core::Request> request = DecodeChat(Codec(), "/v2/chat", body.view(), parser);
  if (!request.ok()) {
    CHECK(!request.error().message.empty());
    return;
  }
  UpstreamOptions options{.model = "up\"stream"};
  options.force_stream = (variant & 1U) != 0;
  if ((variant & 2U) != 0) options.output_tokens_limit = 77;
  const Result<UpstreamRequest> upstream = Codec().EncodeRequest(*request, options);
  CHECK(upstream.ok());
  const PaddedText sent(Join(upstream->body));
  const Result<core::Request> again = DecodeChat(Codec(), "/v2/chat", sent.view(), parser);
  CHECK(again.ok());
  CHECK(again->model == "up\"stream");
  CHECK(again->stream == upstream->streaming);
  CHECK(again->spans.tidegate_member.empty());
  const Result<std::string> values = WriteChatRequest(*request, options, true);
  const Result<std::string> values_again = WriteChatRequest(*again, options, true);
  CHECK(values.ok() == values_again.ok());
  CHECK(!values.ok() || *values == *values_again);
  // Any request can be refused by another protocol, but not break it.
  (void)openai_chat::Codec().EncodeRequest(*request, options).ok();
}

}  // namespace
}  // namespace tidegate::protocols::cohere_chat

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  tidegate::protocols::cohere_chat::Run(text.substr(1), data[0]);
  return 0;
}
