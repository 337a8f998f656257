// Any body is refused or decoded; what is decoded means the same to an upstream of this protocol,
// and a chat gets its prompt or is not asked.
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/check.h"
#include "protocols/openai_chat/codec.h"
#include "protocols/openai_completions/codec.h"
#include "protocols/testing/test_support.h"

namespace tidegate::protocols::openai_completions {
namespace {

std::string Join(const BodyPieces& body) {
  std::string joined;
  for (const std::string_view piece : body.pieces) joined += piece;
  return joined;
}

void Run(std::string_view text, unsigned variant) {
  const PaddedText body(text);
  const Result<core::Request> request = DecodeChat(Codec(), "/v1/completions", body.view());
  if (!request.ok()) return CHECK(!request.error().message.empty());
  UpstreamOptions options{.model = "up\"stream"};
  options.force_stream = (variant & 1U) != 0;
  options.want_stream_usage = (variant & 2U) != 0;
  if ((variant & 4U) != 0) options.output_tokens_limit = 77;
  const Result<UpstreamRequest> upstream = Codec().EncodeRequest(*request, options);
  CHECK(upstream.ok());
  const PaddedText sent(Join(upstream->body));
  const Result<core::Request> again = DecodeChat(Codec(), "/v1/completions", sent.view());
  CHECK(again.ok() && again->model == "up\"stream" && again->stream == upstream->streaming);
  CHECK(again->spans.tidegate_member.empty() && again->spans.provider_member.empty());
  CHECK(again->messages.size() == request->messages.size());
  CHECK(again->choices == request->choices && again->needs.Contains(request->needs));
  if (request->needs.Has(core::Capability::kVendorFields)) return;
  CHECK(request->messages.size() == 1);
  const Result<UpstreamRequest> chat = openai_chat::Codec().EncodeRequest(*request, options);
  CHECK(chat.ok());
  const PaddedText asked(Join(chat->body));
  const Result<core::Request> as_chat =
      DecodeChat(openai_chat::Codec(), "/v1/chat/completions", asked.view());
  CHECK(as_chat.ok() && as_chat->messages.size() == 1);
  CHECK(as_chat->messages[0].parts[0].text == request->messages[0].parts[0].text);
}

}  // namespace
}  // namespace tidegate::protocols::openai_completions

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  tidegate::protocols::openai_completions::Run(text.substr(1), data[0]);
  return 0;
}
