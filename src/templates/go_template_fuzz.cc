// Any text: refused with a sentence, or said in Jinja, in which what stood outside of actions
// stands inside strings.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "templates/jinja.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tidegate;
  const auto jinja = templates::JinjaOfGoTemplate({reinterpret_cast<const char*>(data), size});
  if (!jinja.ok()) {
    CHECK(!jinja.error().message.empty());
    CHECK(jinja.error().code == ErrorCode::kInvalidArgument ||
          jinja.error().code == ErrorCode::kUnavailable ||
          jinja.error().code == ErrorCode::kTooLarge);
    return 0;
  }
  CHECK(jinja->text.size() <= templates::kJinjaTemplateBytesMax);
  // Outside of strings every tag is closed before another begins.
  std::string_view rest = jinja->text;
  char quote = '\0';
  bool open = false;
  while (!rest.empty()) {
    std::size_t step = 1;
    if (quote != '\0') {
      if (rest.front() == '\\') {
        step = 2;
      } else if (rest.front() == quote) {
        quote = '\0';
      }
    } else if (rest.starts_with("{{") || rest.starts_with("{%")) {
      CHECK(!open);
      open = true;
      step = 2;
    } else if (rest.starts_with("}}") || rest.starts_with("%}")) {
      CHECK(open);
      open = false;
      step = 2;
    } else {
      CHECK(open);  // nothing stands between tags
      if (rest.front() == '"' || rest.front() == '\'') quote = rest.front();
    }
    CHECK(rest.size() >= step);
    rest.remove_prefix(step);
  }
  CHECK(!open && quote == '\0');
  return 0;
}
