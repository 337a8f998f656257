// Any bytes, in pieces of any size: refused with a sentence, or files that lie inside of them under
// names that lead nowhere else.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/check.h"
#include "models/tar.h"

namespace {

using tidegate::Result;
using tidegate::models::TarReader;

void CheckRefusal(const tidegate::Error& error) {
  CHECK(error.code == tidegate::ErrorCode::kInvalidArgument);
  CHECK(!error.message.empty());
}

void CheckName(const std::string& name) {
  CHECK(!name.empty() && name.size() <= tidegate::models::kTarNameBytesMax);
  CHECK(name[0] != '/' && name[0] != '.' && name.find("/.") == std::string::npos);
}

// What the archive holds: the names and contents, and whether it was read to its end.
std::string ReadAll(std::string_view bytes, std::size_t piece) {
  TarReader reader([&](std::span<char> into) -> Result<std::size_t> {
    const std::size_t size = std::min({into.size(), bytes.size(), piece});
    std::memcpy(into.data(), bytes.data(), size);
    bytes.remove_prefix(size);
    return size;
  });
  std::string found;
  for (;;) {
    const Result<std::optional<TarReader::Entry>> entry = reader.Next();
    if (!entry.ok()) {
      CheckRefusal(entry.error());
      return found + "refused";
    }
    if (!*entry) return found + "whole";
    CheckName((*entry)->name);
    found += (*entry)->name + "\n";
    std::uint64_t size = 0;
    for (;;) {
      std::array<char, 300> into{};
      const Result<std::size_t> got = reader.Read(into);
      if (!got.ok()) {
        CheckRefusal(got.error());
        return found + "refused";
      }
      if (*got == 0) break;
      size += *got;
      found.append(into.data(), *got);
    }
    CHECK(size == (*entry)->size);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  CHECK(ReadAll(bytes, size + 1) == ReadAll(bytes, 1));
  return 0;
}
