// Any text: refused with a sentence, or commands that can be written so that they read the same.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "models/modelfile.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tidegate::models;
  const auto file = ParseModelfile({reinterpret_cast<const char*>(data), size});
  if (!file.ok()) {
    CHECK(file.error().code == tidegate::ErrorCode::kInvalidArgument);
    CHECK(!file.error().message.empty());
    return 0;
  }
  CHECK(!file->commands.empty() && file->commands.size() <= kModelfileCommandsMax);
  const auto written = WriteModelfile(*file);
  CHECK(written.ok());  // it was read from a form that holds it
  const auto again = ParseModelfile(*written);
  CHECK(again.ok());
  CHECK(again->commands == file->commands);
  const auto parts = TakeApart(*file);
  CHECK(parts.ok() || !parts.error().message.empty());
  return 0;
}
