// Any answer is refused or a number, and a number is written as it is read.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "protocols/gemini/codec.h"
#include "protocols/openai_responses/codec.h"
#include "protocols/testing/test_support.h"
#include "protocols/token_counter.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tidegate::protocols;
  if (size == 0) return 0;
  const bool google = (data[0] & 1U) != 0;
  const TokenCounter& counter =
      *(google ? gemini::Codec() : openai_responses::Codec()).token_counter();
  const PaddedText body(std::string_view(reinterpret_cast<const char*>(data) + 1, size - 1));
  const auto tokens = counter.DecodeCount(body.view());
  if (!tokens.ok()) {
    CHECK(!tokens.error().message.empty());
    return 0;
  }
  const PaddedText written(counter.EncodeCount(*tokens));
  const auto again = counter.DecodeCount(written.view());
  CHECK(again.ok() && *again == *tokens);
  return 0;
}
