// Any template and any chat: refused with a sentence, or a text within bounds; what Jinja could not
// say, which is asked first, is not asked of this.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "templates/jinja.h"
#include "templates/render.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tidegate;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::size_t end = text.find('\0');
  const std::string_view source = text.substr(0, end);
  const auto ollama = templates::ReadOllamaTemplate(source);
  if (!ollama.ok()) return 0;
  std::vector<templates::Turn> chat;
  std::string_view rest = end == text.npos ? std::string_view() : text.substr(end + 1);
  constexpr std::string_view kRoles[] = {"user", "assistant", "system"};
  while (!rest.empty() && chat.size() < 20) {
    const std::string_view said = rest.substr(0, rest.find('\0'));
    chat.push_back({kRoles[chat.size() * 7 % 3], said});
    rest.remove_prefix(std::min(said.size() + 1, rest.size()));
  }
  const auto out = templates::Render(*ollama, chat, "2026-11-26");
  if (out.ok()) {
    CHECK(out->size() <= templates::kRenderedBytesMax);
  } else {
    CHECK(!out.error().message.empty());
  }
  return 0;
}
