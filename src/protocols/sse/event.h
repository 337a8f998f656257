// Reading one frame of text/event-stream (WHATWG HTML, section 9.2.6): its name and its data.
#pragma once

#include <string>
#include <string_view>

namespace tidegate::protocols::sse {

struct Event {
  std::string_view name;  // of the `event` field, empty when there is none
  std::string_view data;
  bool has_data = false;  // false for a comment, a ping, a blank line: nothing is dispatched then
};

// Comments and fields other than `event` and `data` are skipped, as is a byte order mark in front.
// One line of data is viewed in `frame`; several are joined with LF in `joined`, which is
// overwritten. The result views both.
Event ParseEvent(std::string_view frame, std::string& joined);

}  // namespace tidegate::protocols::sse
