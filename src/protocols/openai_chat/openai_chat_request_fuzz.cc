// Any body is refused or decoded; what is decoded can be sent on, and means the same there.
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/check.h"
#include "protocols/openai_chat/codec.h"
#include "protocols/openai_chat/request_encoder.h"
#include "protocols/testing/test_support.h"

namespace tidegate::protocols::openai_chat {
namespace {

// Takes any field, so that the fuzzer gets behind it.
class AnyConstraintParser final : public ConstraintParser {
 public:
  Result<void> ApplyField(core::Constraints&, std::string_view, const core::FieldValue&,
                          std::string_view) const override {
    return {};
  }
  Result<void> ApplyProviderAlias(core::Constraints&, std::string_view, const core::FieldValue&,
                                  std::string_view) const override {
    return {};
  }
};

std::string Join(const BodyPieces& body) {
  std::string joined;
  for (const std::string_view piece : body.pieces) joined += piece;
  return joined;
}

// What the request says, apart from what EncodeRequest may change.
std::string Values(const core::Request& request) {
  const UpstreamOptions options{
      .model = "m", .passes_unknown_fields = true, .output_tokens_limit = 1};
  return *WriteChatRequest(request, options, {.streaming = true, .usage = true});
}

void Run(std::string_view text, unsigned variant) {
  const AnyConstraintParser parser;
  const PaddedText body(text);
  const Result<core::Request> request =
      DecodeChat(Codec(), "/v1/chat/completions", body.view(), parser);
  if (!request.ok()) {
    CHECK(!request.error().message.empty());
    return;
  }
  UpstreamOptions options{.model = "up\"stream", .passes_unknown_fields = true};
  options.force_stream = (variant & 1U) != 0;
  options.want_stream_usage = (variant & 2U) != 0;
  Dialect dialect;
  dialect.max_completion_tokens = (variant & 4U) != 0;
  const bool strict = (variant & 64U) != 0;
  if (strict) {
    dialect.seed = "random_seed";
    dialect.refuses = {"user", "store", "stream_options"};
    dialect.call_id_bytes = 9;
    dialect.reasoning_back = true;
  }
  options.dialect = &dialect;
  if ((variant & 8U) != 0) options.output_tokens_limit = 77;
  const Result<UpstreamRequest> upstream = Codec().EncodeRequest(*request, options);
  if (!upstream.ok()) {  // what only the bytes can say, and other bytes are wanted
    CHECK(strict && request->needs.Has(core::Capability::kVendorFields));
    CHECK(upstream.error().retry == Retry::kOtherTarget);
    return;
  }
  const PaddedText sent(Join(upstream->body));
  const Result<core::Request> again =
      DecodeChat(Codec(), "/v1/chat/completions", sent.view(), parser);
  CHECK(again.ok());
  CHECK(again->model == "up\"stream");
  CHECK(again->stream == upstream->streaming);
  if (strict) {
    CHECK(again->user.empty() && !again->seed && again->spans.stream_options.empty());
    return;
  }
  CHECK(again->spans.tidegate_member.empty() && again->spans.provider_member.empty());
  CHECK(again->stream_usage == (request->stream_usage || upstream->hide_stream_usage));
  CHECK(!options.output_tokens_limit || again->max_output_tokens == options.output_tokens_limit);
  CHECK(options.output_tokens_limit || again->max_output_tokens == request->max_output_tokens);
  CHECK(Values(*request) == Values(*again));
  if (request->needs.Has(core::Capability::kVendorFields)) return;
  const PaddedText written(Values(*request));
  const Result<core::Request> third =
      DecodeChat(Codec(), "/v1/chat/completions", written.view(), parser);
  CHECK(third.ok());
  CHECK(Values(*third) == written.view());
}

}  // namespace
}  // namespace tidegate::protocols::openai_chat

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  tidegate::protocols::openai_chat::Run(text.substr(1), data[0]);
  return 0;
}
