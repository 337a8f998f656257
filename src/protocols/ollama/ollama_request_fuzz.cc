// Any body is refused or decoded; what is decoded can be sent on, and means the same there.
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/check.h"
#include "core/keep_alive.h"
#include "protocols/ollama/codec.h"
#include "protocols/ollama/request_encoder.h"
#include "protocols/openai_chat/codec.h"
#include "protocols/testing/test_support.h"

namespace tidegate::protocols::ollama {
namespace {

std::string Join(const BodyPieces& body) {
  std::string joined;
  for (const std::string_view piece : body.pieces) joined += piece;
  return joined;
}

void Run(std::string_view text, unsigned variant) {
  const SmallConstraintParser parser;
  const PaddedText body(text);
  (void)core::ParseDuration(text);
  (void)Codec().DecodeModelQuestion(body.view()).ok();
  const std::string path = (variant & 4U) != 0 ? "/api/generate" : "/api/chat";
  const Result<core::Request> request = DecodeChat(Codec(), path, body.view(), parser);
  if (!request.ok()) {
    CHECK(!request.error().message.empty());
    return;
  }
  UpstreamOptions options{.model = "up\"stream"};
  options.force_stream = (variant & 1U) != 0;
  if ((variant & 2U) != 0) options.output_tokens_limit = 77;
  const Result<UpstreamRequest> upstream = Codec().EncodeRequest(*request, options);
  const bool must_call = request->tool_choice == core::ToolChoiceKind::kRequired ||
                         request->tool_choice == core::ToolChoiceKind::kNamed;
  CHECK(upstream.ok() != must_call);  // the protocol has no word for it
  if (must_call) return;
  // A prompt that goes on with a conversation is sent on as one.
  CHECK(upstream->path == (request->same_bytes ? path : "/api/chat"));
  const PaddedText sent(Join(upstream->body));
  const Result<core::Request> again = DecodeChat(Codec(), upstream->path, sent.view(), parser);
  CHECK(again.ok());
  CHECK(again->model == "up\"stream");
  CHECK(again->stream == upstream->streaming);
  CHECK(again->readying == request->readying);
  CHECK(again->spans.tidegate_member.empty());
  CHECK((variant & 2U) == 0 || again->max_output_tokens == 77);
  const Result<std::string> values = WriteOllamaRequest(*request, options, true);
  const Result<std::string> values_again = WriteOllamaRequest(*again, options, true);
  CHECK(values.ok() == values_again.ok());
  CHECK(!values.ok() || *values == *values_again);
  // Any request can be refused by another protocol, but not break it.
  (void)openai_chat::Codec().EncodeRequest(*request, options).ok();
}

}  // namespace
}  // namespace tidegate::protocols::ollama

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  tidegate::protocols::ollama::Run(text.substr(1), data[0]);
  return 0;
}
