// The test that replays a protocol's transcripts; wire_transcript.h says what they are.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "protocols/protocol.h"
#include "protocols/testing/test_support.h"
#include "protocols/testing/wire_transcript.h"

namespace tidegate::protocols {

// Derive one class for each protocol; its test calls Replay().
class WireTest : public ::testing::TestWithParam<std::string> {
 protected:
  explicit WireTest(WireProtocol protocol) : protocol_(std::move(protocol)) {}

  void Replay();

 public:
  static std::string NameOf(const ::testing::TestParamInfo<std::string>& info) {
    return info.param.substr(0, info.param.find('.'));
  }

 protected:
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

  std::string Readable(const std::string& bytes) const {
    return protocol_.to_text == nullptr ? bytes : protocol_.to_text(bytes);
  }
  Result<core::Request> DecodeRequest(std::string_view body) const {
    const Section* at = transcript_.Find("path");
    return DecodeChat(client_, at == nullptr ? protocol_.path : at->arguments, body);
  }
  void ReplayRequest(const Section& section);
  void ReplayStream(const Section& section);
  void ReplayWhole(const Section& section);
  void ReplayError(const Section& section);
  void CutRequest(std::string_view body);
  void CutStream(const std::string& bytes, const Relayed& all);
  std::string Encode(const std::string& bytes, bool upstream_streams, bool client_streams);

  const WireProtocol protocol_;
  const Protocol& codec_ = protocol_.codec;
  const Protocol& client_ = protocol_.client != nullptr ? *protocol_.client : protocol_.codec;
  const bool rewrite_ = std::getenv("TIDEGATE_WIRE_REWRITE") != nullptr;
  Transcript transcript_;
  std::vector<Section> rewritten_;
  std::size_t compared_ = 0;
  bool client_streams_ = false;
  bool include_usage_ = false;
  bool hide_usage_ = false;
};

inline void WireTest::ReplayRequest(const Section& section) {
  const PaddedText body(WithoutLastLineEnd(section.body));
  const Result<core::Request> request = DecodeRequest(body.view());
  ASSERT_TRUE(request.ok()) << DescribeError(request.error());
  const Section* options_section = transcript_.Find("options");
  const std::string arguments = options_section == nullptr ? "" : options_section->arguments;
  const std::string model = Argument(arguments, "model").value_or("upstream-model");
  UpstreamOptions options;
  options.model = model;
  options.force_stream = HasWord(arguments, "force_stream");
  options.want_stream_usage = !HasWord(arguments, "no_usage");
  Dialect dialect;
  dialect.max_completion_tokens = HasWord(arguments, "max_completion_tokens");
  options.dialect = &dialect;
  options.passes_unknown_fields = HasWord(arguments, "passes_unknown_fields");
  if (const auto limit = Argument(arguments, "limit"))
    options.output_tokens_limit = std::stoll(*limit);
  const Result<UpstreamRequest> upstream = codec_.EncodeRequest(*request, options);
  ASSERT_TRUE(upstream.ok());
  std::string joined;
  for (const std::string_view piece : upstream->body.pieces) joined += piece;
  EXPECT_EQ(joined.size(), upstream->body.size());
  Expect("needs", core::Join(request->needs));
  Expect("upstream-request", std::string(upstream->streaming ? "stream" : "whole") +
                                 (upstream->hide_stream_usage ? " hide-usage " : " ") +
                                 upstream->path + "\n" + joined);
  client_streams_ = request->stream;
  include_usage_ = request->stream_usage;
  hide_usage_ = upstream->hide_stream_usage;
  CutRequest(body.view());
}

inline void WireTest::CutRequest(std::string_view body) {
  for (std::size_t size = 0; size < body.size(); ++size) {
    const PaddedText cut(body.substr(0, size));
    const Result<core::Request> request = DecodeRequest(cut.view());
    ASSERT_FALSE(request.ok()) << "cut at " << size;
    EXPECT_EQ(request.error().reason, "invalid_json");
  }
}

inline std::string WireTest::Encode(const std::string& bytes, bool upstream_streams,
                                    bool client_streams) {
  core::Request request;
  request.model = "asked-model";
  request.stream = client_streams;
  request.stream_usage = include_usage_;
  const std::unique_ptr<ResponseDecoder> decoder = codec_.NewDecoder(upstream_streams);
  const std::unique_ptr<ResponseEncoder> encoder =
      client_.NewEncoder(request, kWireId, kWireCreated);
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

inline void WireTest::ReplayStream(const Section& section) {
  const std::string bytes =
      protocol_.to_bytes == nullptr ? AnswerBytes(section) : protocol_.to_bytes(section.body);
  const Relayed all = RelayInPieces(*codec_.NewStreamRelay(hide_usage_), bytes, bytes.size(), true);
  const std::vector<std::string> events =
      DecodeInPieces(*codec_.NewDecoder(true), bytes, bytes.size(), true);
  Expect("client", all.bytes == bytes ? "same" : Readable(all.bytes));
  Expect("relay", DescribeState(all.state, all.failed));
  Expect("events", Lines(events));
  const std::string encoded = Encode(bytes, true, client_streams_);
  Expect("encoded", client_streams_ ? Readable(encoded) : encoded);

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

inline void WireTest::CutStream(const std::string& bytes, const Relayed& all) {
  const std::size_t marker = bytes.find(protocol_.end_mark);
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
    const bool marker_seen =
        marker != std::string::npos && size >= marker + protocol_.end_mark.size();
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

inline void WireTest::ReplayWhole(const Section& section) {
  const PaddedText body(AnswerBytes(section));
  const std::vector<std::string> events =
      DecodeInPieces(*codec_.NewDecoder(false), body.view(), body.view().size(), true);
  const Result<RelayState> state = codec_.InspectWhole(body.view());
  Expect("relay",
         state.ok() ? DescribeState(*state, false) : "fail " + DescribeError(state.error()));
  Expect("events", Lines(events));
  const std::string encoded = Encode(std::string(body.view()), false, client_streams_);
  Expect("encoded", client_streams_ ? Readable(encoded) : encoded);
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

inline void WireTest::ReplayError(const Section& section) {
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
  Expect("client", std::to_string(client_.ErrorStatus(error)) + "\n" + client_.EncodeError(error));
  for (std::size_t size = 0; size < body.size(); ++size) {
    EXPECT_EQ(codec_.DecodeError(status, body.substr(0, size), 0).source, ErrorSource::kUpstream);
  }
}

inline void WireTest::Replay() {
  const std::filesystem::path path = TranscriptFolder(protocol_.folder) / GetParam();
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
  WriteTranscript(path, Rewritten(transcript_, rewritten_));
}

}  // namespace tidegate::protocols
