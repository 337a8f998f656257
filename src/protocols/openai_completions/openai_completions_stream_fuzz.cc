#include "protocols/openai_completions/codec.h"
#include "protocols/testing/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  tidegate::protocols::FuzzStream(tidegate::protocols::openai_completions::Codec(), data, size);
  return 0;
}
