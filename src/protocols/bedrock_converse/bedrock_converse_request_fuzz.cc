// Any body is refused or decoded; what is decoded can be sent on, and means the same there.
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/check.h"
#include "protocols/anthropic_messages/codec.h"
#include "protocols/bedrock_converse/codec.h"
#include "protocols/bedrock_converse/request_encoder.h"
#include "protocols/openai_chat/codec.h"
#include "protocols/testing/test_support.h"

namespace tidegate::protocols::bedrock_converse {
namespace {

constexpr std::string_view kModels[] = {"up\"stream", "amazon.nova-2-lite", "openai.gpt-oss-20b",
                                        "meta.llama"};

std::string Join(const BodyPieces& body) {
  std::string joined;
  for (const std::string_view piece : body.pieces) joined += piece;
  return joined;
}

void Run(std::string_view text, unsigned variant) {
  const SmallConstraintParser parser;
  const PaddedText body(text);
  const bool counts = (variant & 8U) != 0;
  const std::string_view path = counts                ? "/model/a/count-tokens"
                                : (variant & 1U) != 0 ? "/model/a:0/converse-stream"
                                                      : "/model/a/b/converse";
  const Result<core::Request> request = DecodeChat(Codec(), path, body.view(), parser);
  if (!request.ok()) {
    CHECK(!request.error().message.empty());
    return;
  }
  UpstreamOptions options{.model = kModels[variant >> 4U & 3U]};
  options.count_only = counts;
  options.force_stream = !counts && (variant & 2U) != 0;
  if (!counts && (variant & 4U) != 0) options.output_tokens_limit = 77;
  const Result<UpstreamRequest> upstream = Codec().EncodeRequest(*request, options);
  CHECK(upstream.ok());
  const PaddedText sent(Join(upstream->body));
  const Result<core::Request> again = DecodeChat(Codec(), path, sent.view(), parser);
  CHECK(again.ok());
  CHECK(again->spans.tidegate_member.empty());
  CHECK(!options.output_tokens_limit || again->max_output_tokens == options.output_tokens_limit);
  const Result<std::string> values = WriteConverseRequest(*request, options);
  const Result<std::string> values_again = WriteConverseRequest(*again, options);
  CHECK(values.ok() == values_again.ok());
  CHECK(!values.ok() || *values == *values_again);
  // Any request can be refused by another protocol, but not break it.
  (void)openai_chat::Codec().EncodeRequest(*request, options).ok();
  (void)anthropic_messages::Codec().EncodeRequest(*request, options).ok();
}

}  // namespace
}  // namespace tidegate::protocols::bedrock_converse

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  tidegate::protocols::bedrock_converse::Run(text.substr(1), data[0]);
  return 0;
}
