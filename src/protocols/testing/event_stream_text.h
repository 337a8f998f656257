// application/vnd.amazon.eventstream as text that a person can read and write, for transcripts.
//
// A message is a line: its kind, its name and its payload, as
//
//   event messageStart {"role":"assistant"}
//   exception throttlingException {"message":"Too many requests"}
//   error 500 it broke
#pragma once

#include <array>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "protocols/aws_event_stream/message.h"
#include "protocols/aws_event_stream/splitter.h"

namespace tidegate::protocols {

inline std::string EventStreamFromText(std::string_view text) {
  using aws_event_stream::Header;
  using aws_event_stream::TextHeader;
  std::string bytes;
  std::istringstream in{std::string(text)};
  std::string line;
  while (std::getline(in, line)) {
    if (line.empty()) continue;
    const std::size_t first = line.find(' ');
    const std::size_t second = line.find(' ', first + 1);
    CHECK(first != std::string::npos && second != std::string::npos);
    const std::string kind = line.substr(0, first);
    const std::string name = line.substr(first + 1, second - first - 1);
    const std::string payload = line.substr(second + 1);
    if (kind == "error") {
      const std::array<Header, 3> headers = {TextHeader(":error-code", name),
                                             TextHeader(":error-message", payload),
                                             TextHeader(":message-type", kind)};
      CHECK(aws_event_stream::AppendMessage(headers, "", bytes).ok());
      continue;
    }
    const std::string type_name = ":" + kind + "-type";
    const std::array<Header, 3> headers = {TextHeader(type_name, name),
                                           TextHeader(":content-type", "application/json"),
                                           TextHeader(":message-type", kind)};
    CHECK(aws_event_stream::AppendMessage(headers, payload, bytes).ok());
  }
  return bytes;
}

inline std::string EventStreamToText(std::string_view bytes) {
  aws_event_stream::Splitter splitter;
  std::vector<std::string_view> frames;
  std::string text;
  const bool whole = splitter.Feed(bytes, frames).ok() && splitter.rest().empty();
  for (const std::string_view frame : frames) {
    std::vector<aws_event_stream::Header> headers;
    const Result<aws_event_stream::Message> message =
        aws_event_stream::ParseMessage(frame, headers);
    if (!message.ok()) return text + "broken\n";
    const std::string kind(message->Text(":message-type"));
    text += kind;
    text += ' ';
    if (kind == "error") {
      text += message->Text(":error-code");
      text += ' ';
      text += message->Text(":error-message");
    } else {
      text += message->Text(":" + kind + "-type");
      if (message->Text(":content-type") != "application/json") text += " (not JSON)";
      text += ' ';
      text += message->payload;
    }
    text += '\n';
  }
  if (!whole) text += "cut\n";
  return text;
}

}  // namespace tidegate::protocols
