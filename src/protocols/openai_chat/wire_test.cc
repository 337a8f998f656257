// Replays the transcripts in testdata/*.wire.
//
// A transcript is one exchange: what a client sent, what we must send upstream, what the upstream
// answered, and what must become of that. It is text in sections; a section is a line "--- name
// arguments" and all lines up to the next such line.
//
//   # …                     lines in front of the first section say what the transcript is about
//   --- request             the client's body (the line end before the next section is not part of
//   it)
//   --- options …           how the upstream wants it: model=X force_stream no_usage
//   max_completion_tokens limit=N
//   --- needs               what the request demands of a target
//   --- upstream-request    the body for the upstream; its first line says "stream" or "whole", and
//   "hide-usage"
//   --- answer stream       the upstream's answer, byte for byte; "crlf" or "cr" behind it: with
//   these line ends
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
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "protocols/openai_chat/codec.h"
#include "protocols/openai_chat/test_support.h"

namespace tidegate::protocols::openai_chat {
namespace {

constexpr RequestId kId{0x0123'4567'89AB'CDEF, 0x0011'2233'4455'6677};
constexpr std::int64_t kCreated = 1'700'000'000;

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

Transcript ReadTranscript(const std::filesystem::path& path) {
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

void WriteTranscript(const std::filesystem::path& path, const Transcript& transcript) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << transcript.intro;
  for (const Section& section : transcript.sections) {
    file << "--- " << section.name << (section.arguments.empty() ? "" : " ") << section.arguments
         << "\n"
         << section.body;
  }
}

std::string WithoutLastLineEnd(std::string text) {
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

bool HasWord(const std::string& arguments, std::string_view word) {
  std::istringstream in(arguments);
  std::string each;
  while (in >> each) {
    if (each == word) return true;
  }
  return false;
}

std::optional<std::string> Argument(const std::string& arguments, std::string_view key) {
  std::istringstream in(arguments);
  std::string each;
  while (in >> each) {
    if (each.starts_with(std::string(key) + "=")) return each.substr(key.size() + 1);
  }
  return std::nullopt;
}

std::string AnswerBytes(const Section& answer) {
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

std::string Lines(const std::vector<std::string>& lines) {
  std::string all;
  for (const std::string& line : lines) all += line + "\n";
  return all;
}

std::string DescribeState(const RelayState& state, bool failed) {
  std::string out = failed ? "failed" : state.complete ? "complete" : "incomplete";
  out += " content_events=" + std::to_string(state.content_events) +
         " content_bytes=" + std::to_string(state.content_bytes) + "\n";
  if (state.usage) out += "usage " + Describe(*state.usage) + "\n";
  if (state.error) out += "error " + DescribeError(*state.error) + "\n";
  return out;
}

class Wire : public ::testing::TestWithParam<std::string> {
 protected:
  static std::filesystem::path Folder() {
    return std::filesystem::path(TIDEGATE_SOURCE_DIR) / "src/protocols/openai_chat/testdata";
  }

  void Expect(std::string_view name, std::string_view actual) {
    std::string body(actual);
    if (!body.ends_with('\n')) body += '\n';
    if (body == "\n") body.clear();
    if (rewrite_) {
      rewritten_.push_back({std::string(name), "", body});
      return;
    }
    const Section* expected = transcript_.Find(name);
    ASSERT_NE(expected, nullptr) << "the transcript has no section " << name;
    EXPECT_EQ(expected->body, body) << "in section " << name;
    ++compared_;
  }

  void ReplayRequest(const Section& section);
  void ReplayStream(const Section& section);
  void ReplayWhole(const Section& section);
  void ReplayError(const Section& section);
  void CutRequest(std::string_view body);
  void CutStream(const std::string& bytes, const Relayed& all);
  std::string Encode(const std::string& bytes, bool upstream_streams, bool client_streams);

  const Protocol& codec_ = Codec();
  const bool rewrite_ = std::getenv("TIDEGATE_WIRE_REWRITE") != nullptr;
  Transcript transcript_;
  std::vector<Section> rewritten_;
  std::size_t compared_ = 0;
  bool client_streams_ = false;
  bool include_usage_ = false;
  bool hide_usage_ = false;
};

void Wire::ReplayRequest(const Section& section) {
  const PaddedText body(WithoutLastLineEnd(section.body));
  const Result<core::Request> request = codec_.DecodeRequest(body.view(), SmallConstraintParser());
  ASSERT_TRUE(request.ok()) << DescribeError(request.error());
  const Section* options_section = transcript_.Find("options");
  const std::string arguments = options_section == nullptr ? "" : options_section->arguments;
  const std::string model = Argument(arguments, "model").value_or("upstream-model");
  UpstreamOptions options;
  options.model = model;
  options.force_stream = HasWord(arguments, "force_stream");
  options.want_stream_usage = !HasWord(arguments, "no_usage");
  options.max_completion_tokens = HasWord(arguments, "max_completion_tokens");
  if (const auto limit = Argument(arguments, "limit"))
    options.output_tokens_limit = std::stoll(*limit);
  const Result<UpstreamRequest> upstream = codec_.EncodeRequest(*request, options);
  ASSERT_TRUE(upstream.ok());
  EXPECT_EQ(upstream->path, "/chat/completions");
  std::string joined;
  for (const std::string_view piece : upstream->body.pieces) joined += piece;
  EXPECT_EQ(joined.size(), upstream->body.size());
  Expect("needs", core::Join(request->needs));
  Expect("upstream-request", std::string(upstream->streaming ? "stream" : "whole") +
                                 (upstream->hide_stream_usage ? " hide-usage\n" : "\n") + joined);
  client_streams_ = request->stream;
  include_usage_ = request->stream_usage;
  hide_usage_ = upstream->hide_stream_usage;
  CutRequest(body.view());
}

void Wire::CutRequest(std::string_view body) {
  for (std::size_t size = 0; size < body.size(); ++size) {
    const PaddedText cut(body.substr(0, size));
    const Result<core::Request> request = codec_.DecodeRequest(cut.view(), SmallConstraintParser());
    ASSERT_FALSE(request.ok()) << "cut at " << size;
    EXPECT_EQ(request.error().reason, "invalid_json");
  }
}

std::string Wire::Encode(const std::string& bytes, bool upstream_streams, bool client_streams) {
  core::Request request;
  request.model = "asked-model";
  request.stream = client_streams;
  request.stream_usage = include_usage_;
  const std::unique_ptr<ResponseDecoder> decoder = codec_.NewDecoder(upstream_streams);
  const std::unique_ptr<ResponseEncoder> encoder = codec_.NewEncoder(request, kId, kCreated);
  std::vector<core::Event> events;
  std::string out;
  const auto encode = [&] {
    for (const core::Event& event : events) encoder->Encode(event, out);
    events.clear();
  };
  const bool fed = decoder->Feed(bytes, events).ok();
  encode();
  if (fed) (void)decoder->Finish(events).ok();
  encode();
  return out;
}

void Wire::ReplayStream(const Section& section) {
  const std::string bytes = AnswerBytes(section);
  const Relayed all = RelayInPieces(*codec_.NewStreamRelay(hide_usage_), bytes, bytes.size(), true);
  const std::vector<std::string> events =
      DecodeInPieces(*codec_.NewDecoder(true), bytes, bytes.size(), true);
  Expect("client", all.bytes == bytes ? "same" : all.bytes);
  Expect("relay", DescribeState(all.state, all.failed));
  Expect("events", Lines(events));
  Expect("encoded", Encode(bytes, true, client_streams_));

  const bool decoded = !events.back().starts_with("fail") && !events.back().starts_with("error");
  EXPECT_EQ(decoded, all.state.complete && !all.failed) << "decoder and relay disagree";
  std::vector<std::size_t> steps = {1, 2, 7, 64};
  for (std::size_t at = 1; at < bytes.size(); ++at) steps.push_back(at);
  for (const std::size_t step : steps) {
    EXPECT_EQ(DecodeInPieces(*codec_.NewDecoder(true), bytes, step, true), events)
        << "in pieces of " << step;
    const Relayed split = RelayInPieces(*codec_.NewStreamRelay(hide_usage_), bytes, step, true);
    EXPECT_EQ(split.bytes, all.bytes) << "in pieces of " << step;
    EXPECT_EQ(DescribeState(split.state, split.failed), DescribeState(all.state, all.failed))
        << "in pieces of " << step;
  }
  CutStream(bytes, all);
}

void Wire::CutStream(const std::string& bytes, const Relayed& all) {
  const std::size_t marker = bytes.find("[DONE]");
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    SCOPED_TRACE("cut at " + std::to_string(size));
    const std::string_view cut = std::string_view(bytes).substr(0, size);
    // The connection broke.
    const Relayed broken = RelayInPieces(*codec_.NewStreamRelay(hide_usage_), cut, 64, false);
    ASSERT_TRUE(all.bytes.starts_with(broken.bytes));
    const bool at_frame_end =
        broken.bytes.empty() || std::find(all.frame_ends.begin(), all.frame_ends.end(),
                                          broken.bytes.size()) != all.frame_ends.end();
    // The CR that ends a frame may stand alone at the end of a read.
    EXPECT_TRUE(at_frame_end || broken.bytes.ends_with('\r')) << "a half frame was released";
    const bool marker_seen = marker != std::string::npos && size > marker + 6;
    EXPECT_TRUE(!broken.state.complete || marker_seen);
    const std::vector<std::string> lines = DecodeInPieces(*codec_.NewDecoder(true), cut, 64, false);
    EXPECT_TRUE(lines.empty() || lines.back() != "done" || marker_seen);
    // The body ended properly, but too early: decoder and relay must judge that alike.
    const Relayed ended = RelayInPieces(*codec_.NewStreamRelay(hide_usage_), cut, 64, true);
    const std::vector<std::string> ended_lines =
        DecodeInPieces(*codec_.NewDecoder(true), cut, 64, true);
    const bool done = !ended_lines.empty() && ended_lines.back() == "done";
    EXPECT_EQ(done, ended.state.complete && !ended.failed);
    const bool said = done || ended.failed || ended.state.error.has_value();
    EXPECT_TRUE(said || ended_lines.back().starts_with("fail protocol"));
  }
}

void Wire::ReplayWhole(const Section& section) {
  const PaddedText body(AnswerBytes(section));
  const std::vector<std::string> events =
      DecodeInPieces(*codec_.NewDecoder(false), body.view(), body.view().size(), true);
  const Result<RelayState> state = codec_.InspectWhole(body.view());
  Expect("relay",
         state.ok() ? DescribeState(*state, false) : "fail " + DescribeError(state.error()));
  Expect("events", Lines(events));
  Expect("encoded", Encode(std::string(body.view()), false, client_streams_));
  EXPECT_EQ(events.back() == "done", state.ok() && state->complete);
  EXPECT_EQ(DecodeInPieces(*codec_.NewDecoder(false), body.view(), 1, true), events);
  const std::size_t end = body.view().find_last_not_of(" \n") + 1;
  for (std::size_t size = 0; size < end; ++size) {
    const PaddedText cut(body.view().substr(0, size));
    EXPECT_FALSE(codec_.InspectWhole(cut.view()).ok()) << "cut at " << size;
    const std::vector<std::string> lines =
        DecodeInPieces(*codec_.NewDecoder(false), cut.view(), 64, true);
    ASSERT_EQ(lines.size(), 1U) << "cut at " << size;
    EXPECT_TRUE(lines[0].starts_with("fail protocol")) << "cut at " << size;
  }
}

void Wire::ReplayError(const Section& section) {
  std::istringstream in(section.arguments);
  std::string word;
  int status = 0;
  in >> word >> status;
  const std::int64_t retry_after =
      std::stoll(Argument(section.arguments, "retry-after").value_or("0"));
  const std::string body = AnswerBytes(section);
  const Error error = codec_.DecodeError(status, body, retry_after);
  EXPECT_EQ(error.source, ErrorSource::kUpstream);
  EXPECT_EQ(error.upstream_status, status);
  Expect("relay", "error " + DescribeError(error));
  Expect("client", std::to_string(codec_.ErrorStatus(error)) + "\n" + codec_.EncodeError(error));
  for (std::size_t size = 0; size < body.size(); ++size) {
    EXPECT_EQ(codec_.DecodeError(status, body.substr(0, size), 0).source, ErrorSource::kUpstream);
  }
}

TEST_P(Wire, IsReplayedAsWrittenInAnySplitAndIsNeverCompleteWhenCut) {
  const std::filesystem::path path = Folder() / GetParam();
  transcript_ = ReadTranscript(path);
  ASSERT_FALSE(transcript_.intro.empty()) << "a transcript says what it is about";
  if (const Section* request = transcript_.Find("request")) ReplayRequest(*request);
  if (const Section* answer = transcript_.Find("answer")) {
    if (answer->arguments.starts_with("stream")) ReplayStream(*answer);
    if (answer->arguments.starts_with("whole")) ReplayWhole(*answer);
    if (answer->arguments.starts_with("error")) ReplayError(*answer);
  }
  if (!rewrite_) {
    EXPECT_GE(compared_, 2U) << "the transcript checks too little";
    return;
  }
  Transcript fresh{transcript_.intro, {}};
  for (const std::string_view name : {"request", "options", "needs", "upstream-request", "answer",
                                      "client", "relay", "events", "encoded"}) {
    const auto written = std::find_if(rewritten_.begin(), rewritten_.end(),
                                      [&](const Section& s) { return s.name == name; });
    const bool is_input = name == "request" || name == "options" || name == "answer";
    if (is_input && transcript_.Find(name) != nullptr)
      fresh.sections.push_back(*transcript_.Find(name));
    if (written != rewritten_.end()) fresh.sections.push_back(*written);
  }
  WriteTranscript(path, fresh);
}

std::vector<std::string> Transcripts() {
  std::vector<std::string> names;
  const std::filesystem::path folder =
      std::filesystem::path(TIDEGATE_SOURCE_DIR) / "src/protocols/openai_chat/testdata";
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".wire") names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

INSTANTIATE_TEST_SUITE_P(Transcripts, Wire, ::testing::ValuesIn(Transcripts()),
                         [](const ::testing::TestParamInfo<std::string>& info) {
                           return info.param.substr(0, info.param.find('.'));
                         });

}  // namespace
}  // namespace tidegate::protocols::openai_chat
