// What a template makes of a chat of texts, for a request that brings its own: an engine knows but
// the one that it was started with.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "templates/ollama_template.h"

namespace tidegate::templates {

inline constexpr std::size_t kRenderedBytesMax = std::size_t{16} << 20U;
inline constexpr std::size_t kRenderStepsMax = 200'000;  // actions that are carried out

struct Turn {
  std::string_view role;  // "system", "user", "assistant"
  std::string_view text;
};

// `today` is {{ currentDate }}: "2026-11-26". Errors: kUnavailable: it does what cannot be done
// here, see jinja.h; kTooLarge.
Result<std::string> Render(const OllamaTemplate& ollama, std::span<const Turn> chat,
                           std::string_view today);

}  // namespace tidegate::templates
