// The columns of the matrix.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "protocols/testing/matrix_checks.h"

namespace tidegate::protocols::matrix {

inline Cell Both(const Side& client, const Side& upstream, const std::string& feature) {
  const Cell asked = CheckRequest(client, upstream, feature);
  if (asked.kind != Cell::Kind::kKept) return asked;
  return CheckAnswer(client, upstream, feature);
}

inline Cell Text(const Side& client, const Side& upstream) {
  return Both(client, upstream, "text");
}
inline Cell Stream(const Side& client, const Side& upstream) {
  return CheckStreaming(client, upstream);
}
inline Cell Tools(const Side& client, const Side& upstream) {
  return Both(client, upstream, "tools");
}
inline Cell ParallelTools(const Side& client, const Side& upstream) {
  return Both(client, upstream, "parallel_tools");
}
inline Cell ToolResult(const Side& client, const Side& upstream) {
  return CheckRequest(client, upstream, "tool_result");
}
inline Cell Image(const Side& client, const Side& upstream) {
  return CheckRequest(client, upstream, "image");
}
inline Cell StructuredOutput(const Side& client, const Side& upstream) {
  return Both(client, upstream, "structured_output");
}
inline Cell CacheMarks(const Side& client, const Side& upstream) {
  return CheckRequest(client, upstream, "cache_marks", {"cache "});
}
inline Cell Usage(const Side& client, const Side& upstream) {
  return CheckAnswer(client, upstream, "usage");
}

// An answer with thoughts goes to the client, comes back in its next request, and reaches the
// upstream that made it with what vouches for the thoughts, byte for byte and in its place.
inline Cell ReasoningRoundTrip(const Side& client, const Side& upstream) {
  const std::optional<std::string> answer = upstream.Answer("reasoning", false);
  if (!answer) return {Cell::Kind::kNone, "the upstream's protocol has no such answer"};
  const Cell there = CheckAnswer(client, upstream, "reasoning");
  if (there.kind != Cell::Kind::kKept) return there;
  const Taken taken = Translate(*answer, upstream, false, client, false);
  const PaddedText padded(taken.bytes);
  json::Reader reader;
  const Result<json::Value> root = reader.Parse(padded.view(), padded.view().size());
  if (!root.ok()) return Lost(DescribeError(root.error()));
  const Asked asked(client, client.history(*root));
  if (!asked.request.ok()) return Lost(DescribeError(asked.request.error()) + taken.bytes);
  const Result<std::string> sent = Send(*asked.request, upstream);
  if (!sent.ok()) return {Cell::Kind::kRefused, sent.error().message};
  const Asked again(upstream, *sent);
  if (!again.request.ok()) return Lost(DescribeError(again.request.error()) + " in " + *sent);

  std::vector<std::string> made;  // the states of the answer
  for (const std::string& line :
       DecodeInPieces(*upstream.codec().NewDecoder(false), *answer, answer->size(), true)) {
    if (line.starts_with("state ")) made.push_back(line.substr(line.rfind(' ') + 1));
  }
  std::vector<std::string> returned;
  bool text_seen = false, thought_behind_text = false, thought = false;
  for (const core::Message& message : again.request->messages) {
    if (message.role != core::Role::kAssistant) continue;
    for (const core::Part& part : message.parts) {
      if (!part.state.empty()) returned.push_back(Quote(part.state.bytes));
      text_seen |= part.kind == core::PartKind::kText && !part.text.empty();
      thought |= part.kind == core::PartKind::kReasoning;
      thought_behind_text |= part.kind == core::PartKind::kReasoning && text_seen;
    }
  }
  if (!text_seen) return Lost("the answer's text did not come back: " + *sent);
  if (returned != made) {
    if (returned.empty()) {
      return {Cell::Kind::kHint,
              "the client's protocol has no field for the state: thoughts stay "
              "out of the next request, as a whole"};
    }
    return Lost("states changed: " + Lines(made) + "became\n" + Lines(returned) + *sent);
  }
  if (thought_behind_text) return Lost("a thought changed its place: " + *sent);
  if (made.empty() && !thought) {
    return {Cell::Kind::kHint, "thoughts without a signature are not sent back"};
  }
  return {};
}

inline Error RateLimited() {
  Error error{ErrorCode::kRateLimited, ErrorSource::kUpstream, Retry::kOtherTarget, "slow down"};
  error.retry_after_s = 7;
  return error;
}

// What an upstream's error answer becomes for a client, who must read the same in it.
inline Cell ErrorBeforeTheFirstByte(const Side& client, const Side& upstream) {
  const Error sent = RateLimited();
  const Error judged = upstream.codec().DecodeError(upstream.codec().ErrorStatus(sent),
                                                    upstream.codec().EncodeError(sent), 7);
  const Error told = client.codec().DecodeError(client.codec().ErrorStatus(judged),
                                                client.codec().EncodeError(judged), 7);
  if (told.code == sent.code && told.retry_after_s == 7) return {};
  return Lost(DescribeError(judged) + " became " + DescribeError(told));
}

// The stream of `text` up to where its middle is, and what the client has got of it.
inline Cell BrokenStream(const Side& client, const Side& upstream, bool with_error) {
  std::string stream = *upstream.Answer("text", true);
  // The first words have come, and nothing behind them.
  std::size_t size = 0;
  for (; size < stream.size(); ++size) {
    const auto lines =
        DecodeInPieces(*upstream.codec().NewDecoder(true), stream.substr(0, size), size + 1, false);
    if (!lines.empty() && lines.back().starts_with("text ")) break;
  }
  stream.resize(size);
  if (with_error) stream += upstream.codec().EncodeStreamError(RateLimited());
  Taken taken = Translate(stream, upstream, true, client, true);
  if (taken.whole && !with_error) return Lost("a cut stream was taken for a whole one");
  if (!with_error) taken.bytes += client.codec().EncodeStreamError(RateLimited());
  const std::vector<std::string> lines =
      DecodeInPieces(*client.codec().NewDecoder(true), taken.bytes, taken.bytes.size(), true);
  bool text = false, done = false;
  for (const std::string& line : lines) {
    text |= line.starts_with("text ");
    done |= line == "done";
  }
  const bool told =
      !lines.empty() && (lines.back().starts_with("error ") || lines.back().starts_with("fail "));
  if (text && !done && told) return {};
  return Lost("the client was told\n" + Lines(lines) + "by " + taken.bytes);
}
inline Cell ErrorInMidStream(const Side& client, const Side& upstream) {
  return BrokenStream(client, upstream, true);
}
inline Cell CutStream(const Side& client, const Side& upstream) {
  return BrokenStream(client, upstream, false);
}

struct Feature {
  std::string_view title;
  Cell (*check)(const Side& client, const Side& upstream);
};
inline constexpr auto kFeatures = std::to_array<Feature>({
    {"text", Text},
    {"stream", Stream},
    {"tools", Tools},
    {"parallel tools", ParallelTools},
    {"tool result", ToolResult},
    {"image", Image},
    {"structured output", StructuredOutput},
    {"reasoning round trip", ReasoningRoundTrip},
    {"cache marks", CacheMarks},
    {"usage", Usage},
    {"error before the first byte", ErrorBeforeTheFirstByte},
    {"error in mid-stream", ErrorInMidStream},
    {"cut stream", CutStream},
});

// "✓", "– ²", …; a new note is added to `notes`.
inline std::string Mark(const Cell& cell, std::vector<std::string>& notes) {
  if (cell.kind == Cell::Kind::kKept) return "✓";
  if (cell.kind == Cell::Kind::kLost) return "**lost**";
  const auto known = std::find(notes.begin(), notes.end(), cell.note);
  const auto number = static_cast<std::size_t>(known - notes.begin()) + 1;
  if (known == notes.end()) notes.push_back(cell.note);
  const std::string_view word = cell.kind == Cell::Kind::kRefused ? "refused"
                                : cell.kind == Cell::Kind::kHint  ? "hint"
                                                                  : "–";
  return std::string(word) + " (" + std::to_string(number) + ")";
}

}  // namespace tidegate::protocols::matrix
