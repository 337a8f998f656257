// Any body is refused or decoded; what is decoded can be sent on, and means the same there.
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/check.h"
#include "protocols/gemini/codec.h"
#include "protocols/gemini/request_encoder.h"
#include "protocols/openai_chat/codec.h"
#include "protocols/testing/test_support.h"

namespace tidegate::protocols::gemini {
namespace {

std::string Join(const BodyPieces& body) {
  std::string joined;
  for (const std::string_view piece : body.pieces) joined += piece;
  return joined;
}

constexpr std::string_view kVersion = "/v1beta";

// What only the bytes can say beside what Google must not see, or a conversation in which nothing
// is left to say, is refused for another target.
bool IsRefusal(const Error& error) { return error.retry == Retry::kOtherTarget; }

void Run(std::string_view text, unsigned variant) {
  constexpr std::string_view kPaths[] = {
      "/v1beta/models/m:generateContent", "/v1beta/models/m:streamGenerateContent?alt=sse",
      "/v1/projects/p/locations/l/publishers/google/models/m:streamGenerateContent",
      "/v1beta/models/m:countTokens"};
  const bool counts = variant % 4 == 3;
  const SmallConstraintParser parser;
  const PaddedText body(text);
  const Result<core::Request> request =
      DecodeChat(Codec(), kPaths[variant % 4], body.view(), parser);
  if (!request.ok()) {
    CHECK(!request.error().message.empty());
    return;
  }
  UpstreamOptions options{.model = "upstream"};
  options.count_only = counts;
  options.force_stream = !counts && (variant & 4U) != 0;
  Dialect dialect;
  dialect.call_ids = (variant & 8U) != 0;
  options.dialect = &dialect;
  if (!counts && (variant & 16U) != 0) options.output_tokens_limit = 77;
  // Any request can be refused by another protocol, but not break it.
  (void)openai_chat::Codec().EncodeRequest(*request, options).ok();
  const Result<UpstreamRequest> upstream = Codec().EncodeRequest(*request, options);
  if (!upstream.ok()) {
    CHECK(IsRefusal(upstream.error()));
    return;
  }
  const PaddedText sent(Join(upstream->body));
  const std::string path = std::string(kVersion) + upstream->path;
  const Result<core::Request> again = DecodeChat(Codec(), path, sent.view(), parser);
  CHECK(again.ok());
  CHECK(again->model == "upstream");
  CHECK(again->stream == upstream->streaming);
  CHECK(again->spans.tidegate_member.empty());
  CHECK(again->spans.model.empty() != counts);  // what is counted names its model in the body, too
  if (options.output_tokens_limit) CHECK(again->max_output_tokens == 77);
  const Result<std::string> values = WriteGenerateRequest(*request, options);
  const Result<std::string> values_again = WriteGenerateRequest(*again, options);
  CHECK(values.ok() == values_again.ok());
  CHECK(!values.ok() || *values == *values_again);
}

}  // namespace
}  // namespace tidegate::protocols::gemini

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  tidegate::protocols::gemini::Run(text.substr(1), data[0]);
  return 0;
}
