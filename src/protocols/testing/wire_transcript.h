// Replays the transcripts in a protocol's testdata/*.wire.
//
// A transcript is one exchange: what a client sent, what we must send upstream, what the upstream
// answered, and what must become of that. It is text in sections; a section is a line "--- name
// arguments" and all lines up to the next such line.
//
//   # …                     lines in front of the first section say what the transcript is about
//   --- path …              where the client sent it, if not to the usual place
//   --- request             the client's body (the line end before the next section is not part of
//   it)
//   --- options …           how the upstream wants it: model=X force_stream no_usage
//   max_completion_tokens limit=N
//   --- needs               what the request demands of a target
//   --- upstream-request    the body for the upstream; its first line says "stream" or "whole",
//   "hide-usage" and the path
//   --- answer stream       the upstream's answer, byte for byte; "crlf" or "cr" behind it: with
//   these line ends
//                           (a stream that is not text: in the notation of event_stream_text.h)
//   --- answer whole        the same, not streamed
//   --- answer error 429    an error answer; "retry-after=N" behind it
//   --- client              what the client gets of it from the relay ("same" = the answer's
//   bytes), or the error answer
//   --- relay               what the relay (or the inspection of a whole body) noted of the answer
//   --- events              what the decoder makes of it, one event a line
//   --- encoded             what the client gets when the answer goes through events instead of the
//   relay
//
// Sections behind the inputs (request, options, answer) are expectations. With
// TIDEGATE_WIRE_REWRITE set in the environment they are written anew, to be reviewed like any other
// change.
//
// Each answer is replayed whole, in single bytes, in two pieces at every offset, and cut at every
// offset. A cut answer is never complete, and what was released of it ends where a frame ends.
#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "protocols/protocol.h"
#include "protocols/testing/test_support.h"

namespace tidegate::protocols {

inline constexpr RequestId kWireId{0x0123'4567'89AB'CDEF, 0x0011'2233'4455'6677};
inline constexpr std::int64_t kWireCreated = 1'700'000'000;

// Where one protocol's transcripts are and how its chats are addressed.
struct WireProtocol {
  const Protocol& codec;
  std::string folder;    // of src/protocols
  std::string path;      // of a chat that names its model in the body
  std::string end_mark;  // stands in the last frame of a stream that is complete
  // Who asks, where nobody can ask in the protocol itself; `path` is then that protocol's.
  const Protocol* client = nullptr;
  // Of streams that are not text: from a transcript's lines to bytes, and back.
  std::string (*to_bytes)(std::string_view text) = nullptr;
  std::string (*to_text)(std::string_view bytes) = nullptr;
};

struct Section {
  std::string name, arguments, body;
};

struct Transcript {
  std::string intro;
  std::vector<Section> sections;

  const Section* Find(std::string_view name) const {
    for (const Section& section : sections) {
      if (section.name == name) return &section;
    }
    return nullptr;
  }
};

inline Transcript ReadTranscript(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  Transcript transcript;
  std::string line;
  while (std::getline(file, line)) {
    if (line.starts_with("--- ")) {
      const std::size_t space = line.find(' ', 4);
      transcript.sections.push_back({line.substr(4, space == std::string::npos ? space : space - 4),
                                     space == std::string::npos ? "" : line.substr(space + 1), ""});
    } else {
      (transcript.sections.empty() ? transcript.intro : transcript.sections.back().body) +=
          line + "\n";
    }
  }
  return transcript;
}

inline void WriteTranscript(const std::filesystem::path& path, const Transcript& transcript) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << transcript.intro;
  for (const Section& section : transcript.sections) {
    file << "--- " << section.name << (section.arguments.empty() ? "" : " ") << section.arguments
         << "\n"
         << section.body;
  }
}

inline std::string WithoutLastLineEnd(std::string text) {
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

inline bool HasWord(const std::string& arguments, std::string_view word) {
  std::istringstream in(arguments);
  std::string each;
  while (in >> each) {
    if (each == word) return true;
  }
  return false;
}

inline std::optional<std::string> Argument(const std::string& arguments, std::string_view key) {
  std::istringstream in(arguments);
  std::string each;
  while (in >> each) {
    if (each.starts_with(std::string(key) + "=")) return each.substr(key.size() + 1);
  }
  return std::nullopt;
}

inline std::string AnswerBytes(const Section& answer) {
  if (!answer.arguments.starts_with("stream")) return WithoutLastLineEnd(answer.body);
  std::string end = "\n";
  if (HasWord(answer.arguments, "crlf")) end = "\r\n";
  if (HasWord(answer.arguments, "cr")) end = "\r";
  std::string bytes;
  for (const char c : answer.body) {
    if (c == '\n') {
      bytes += end;
    } else {
      bytes += c;
    }
  }
  return bytes;
}

inline std::string Lines(const std::vector<std::string>& lines) {
  std::string all;
  for (const std::string& line : lines) all += line + "\n";
  return all;
}

inline std::string DescribeState(const RelayState& state, bool failed) {
  std::string out = failed ? "failed" : state.complete ? "complete" : "incomplete";
  out += " content_events=" + std::to_string(state.content_events) +
         " content_bytes=" + std::to_string(state.content_bytes) + "\n";
  if (state.usage) out += "usage " + Describe(*state.usage) + "\n";
  if (state.error) out += "error " + DescribeError(*state.error) + "\n";
  return out;
}

// The inputs of a transcript with the expectations as they came out.
inline Transcript Rewritten(const Transcript& old, const std::vector<Section>& written) {
  Transcript fresh{old.intro, {}};
  for (const std::string_view name : {"path", "request", "options", "needs", "upstream-request",
                                      "answer", "client", "relay", "events", "encoded"}) {
    const bool is_input =
        name == "path" || name == "request" || name == "options" || name == "answer";
    if (is_input && old.Find(name) != nullptr) fresh.sections.push_back(*old.Find(name));
    for (const Section& section : written) {
      if (section.name == name) fresh.sections.push_back(section);
    }
  }
  return fresh;
}

// `folder`: of src/protocols.
inline std::filesystem::path TranscriptFolder(const std::string& folder) {
  return std::filesystem::path(TIDEGATE_SOURCE_DIR) / "src/protocols" / folder / "testdata";
}
inline std::vector<std::string> TranscriptsOf(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(TranscriptFolder(folder))) {
    if (entry.path().extension() == ".wire") names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace tidegate::protocols
