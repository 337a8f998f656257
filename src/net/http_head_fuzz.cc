// Heads: whatever comes, in whatever pieces, the verdict is the same and the views stay inside.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "net/http_head.h"

namespace {

using tidegate::Result;
using tidegate::net::HeadKind;
using tidegate::net::HeadReader;
using tidegate::net::HttpHead;

bool Inside(std::string_view whole, std::string_view part) {
  return part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size();
}

void CheckHead(const HttpHead& head, std::string_view input) {
  CHECK(head.size() <= input.size());
  CHECK(!head.chunked() || !head.content_length());
  CHECK(Inside(input, head.method()) && Inside(input, head.target()));
  for (std::size_t i = 0; i < head.fields(); ++i) {
    CHECK(Inside(input, head.name(i)) && Inside(input, head.value(i)));
    CHECK(head.value(i).find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos);
  }
}

void Run(HeadKind kind, std::string_view input, std::size_t split) {
  HeadReader whole(kind), parts(kind);
  const Result<bool> at_once = whole.Read(input);
  if (at_once.ok() && *at_once) CheckHead(whole.head(), input);
  const Result<bool> first = parts.Read(input.substr(0, split));
  if (!first.ok()) {
    CHECK(!at_once.ok());
    return;
  }
  if (*first) {
    CHECK(at_once.ok() && *at_once && parts.head().size() == whole.head().size());
    return;
  }
  const Result<bool> second = parts.Read(input);
  CHECK(second.ok() == at_once.ok());
  if (!second.ok()) {
    CHECK(second.error().reason == at_once.error().reason);
    return;
  }
  CHECK(*second == *at_once);
  if (!*second) return;
  CHECK(parts.head().size() == whole.head().size());
  CHECK(parts.head().fields() == whole.head().fields());
  CHECK(parts.head().content_length() == whole.head().content_length());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::size_t split = input.empty() ? 0 : data[0] % (input.size() + 1);
  Run(HeadKind::kRequest, input, split);
  Run(HeadKind::kResponse, input, split);
  return 0;
}
