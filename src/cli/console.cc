#include "cli/console.h"

#include <cerrno>
#include <cstdlib>
#include <unistd.h>

namespace tidegate::cli {
namespace {

std::string Variable(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): before any thread
  return value == nullptr ? std::string() : std::string(value);
}

}  // namespace

void FileSink::Write(std::string_view text) {
  while (!text.empty() && !failed_ && !closed_) {
    const ssize_t written = ::write(fd_, text.data(), text.size());
    if (written >= 0) {
      text.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EPIPE) {
      closed_ = true;  // `tidegate models | head`: the reader has what it wanted
    } else if (errno != EINTR) {
      failed_ = true;
    }
  }
}

Environment Environment::FromProcess() {
  Environment environment;
  environment.home = Variable("HOME");
  environment.path = Variable("PATH");
  environment.host = Variable("TIDEGATE_HOST");
  environment.api_key = Secret(Variable("TIDEGATE_API_KEY"));
  environment.no_color = !Variable("NO_COLOR").empty();
  const std::string term = Variable("TERM");
  environment.dumb = term.empty() || term == "dumb";
  const std::string state = Variable("XDG_STATE_HOME");
  if (state.starts_with('/')) {  // a relative path is to be ignored (XDG Base Directory)
    environment.state_folder = state + "/tidegate";
  } else if (!environment.home.empty()) {
    environment.state_folder = environment.home + "/.local/state/tidegate";
  }
  return environment;
}

bool Console::Colored(bool terminal) const {
  switch (color) {
    case ColorChoice::kAlways:
      return true;
    case ColorChoice::kNever:
      return false;
    case ColorChoice::kAuto:
      return terminal && !environment.no_color && !environment.dumb;
  }
  return false;
}

}  // namespace tidegate::cli
