#include "protocols/ollama/codec.h"
#include "protocols/testing/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  tidegate::protocols::FuzzStream(tidegate::protocols::ollama::Codec(), data, size);
  return 0;
}
