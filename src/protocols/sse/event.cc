#include "protocols/sse/event.h"

namespace tidegate::protocols::sse {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

// Takes the first line off `text`, without its end. `has_cr`: CRs may end lines here; without them
// LF is found faster.
std::string_view TakeLine(std::string_view& text, bool has_cr) {
  const std::size_t end = has_cr ? text.find_first_of("\r\n") : text.find('\n');
  const std::string_view line = text.substr(0, end);
  // The LF of a CRLF is left as an empty line, which means nothing inside a frame.
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

}  // namespace

Event ParseEvent(std::string_view frame, std::string& joined) {
  if (frame.starts_with(kByteOrderMark)) frame.remove_prefix(kByteOrderMark.size());
  Event event;
  bool is_joined = false;
  const bool has_cr = frame.find('\r') != std::string_view::npos;
  while (!frame.empty()) {
    const std::string_view line = TakeLine(frame, has_cr);
    const std::size_t colon = line.find(':');
    const std::string_view field = line.substr(0, colon);
    std::string_view value =
        colon == std::string_view::npos ? std::string_view() : line.substr(colon + 1);
    if (value.starts_with(' ')) value.remove_prefix(1);
    if (field == "event") event.name = value;
    if (field != "data") continue;
    if (!event.has_data) {
      event.data = value;
      event.has_data = true;
      continue;
    }
    if (!is_joined) joined = event.data;
    is_joined = true;
    joined += '\n';
    joined += value;
    event.data = joined;
  }
  return event;
}

}  // namespace tidegate::protocols::sse
