// The checks of the matrix: one function for each feature, for one pair of protocols.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "protocols/testing/matrix_sides.h"
#include "protocols/testing/request_lines.h"
#include "protocols/testing/test_support.h"

namespace tidegate::protocols::matrix {

struct Cell {
  enum class Kind { kKept, kRefused, kHint, kNone, kLost };
  Kind kind = Kind::kKept;
  std::string note = {};
};
inline Cell Lost(std::string note) { return {Cell::Kind::kLost, std::move(note)}; }

// --- Requests -----------------------------------------------------------------------------------

struct Asked {
  Asked(const Side& side, std::string_view text, bool streamed = false)
      : body(text),
        request(DecodeChat(side.codec(), streamed ? side.stream_path : side.path, body.view())) {}
  PaddedText body;
  Result<core::Request> request;
};

// What `upstream` is sent, or why it is not.
inline Result<std::string> Send(const core::Request& request, const Side& upstream,
                                bool* streams = nullptr) {
  const Protocol& codec = upstream.codec();
  const core::CapabilitySet can = CompleteCapabilities(codec, core::CapabilitySet::All());
  core::CapabilitySet needs = request.needs;
  if (codec.id() != request.protocol && needs.Has(core::Capability::kVendorFields)) {
    return InvalidArgument(request.vendor_field, "only the same protocol can say it");
  }
  if (!can.Contains(needs)) {
    return InvalidArgument("", "needs " + core::Join(can.Missing(needs)));
  }
  const UpstreamOptions options{.model = "m", .passes_unknown_fields = true};
  TIDEGATE_ASSIGN(const UpstreamRequest sent, codec.EncodeRequest(request, options));
  if (streams != nullptr) *streams = sent.streaming;
  std::string joined;
  for (const std::string_view piece : sent.body.pieces) joined += piece;
  return joined;
}

inline Cell CheckRequest(const Side& client, const Side& upstream, const std::string& feature,
                         std::initializer_list<std::string_view> hints = {}) {
  const std::optional<std::string> sample = client.Request(feature);
  if (!sample) return {Cell::Kind::kNone, "the client's protocol cannot ask for it"};
  const Asked asked(client, *sample);
  if (!asked.request.ok()) return Lost("sample: " + DescribeError(asked.request.error()));
  bool streams = false;
  const Result<std::string> sent = Send(*asked.request, upstream, &streams);
  if (!sent.ok()) return {Cell::Kind::kRefused, sent.error().message};
  const Asked again(upstream, *sent, streams);
  if (!again.request.ok()) return Lost(DescribeError(again.request.error()) + " in " + *sent);
  RequestLines before(*asked.request), after(*again.request);
  if (!asked.request->max_output_tokens) after.Drop("limit ");  // that the target must have
  if (before.lines() == after.lines()) return {};
  for (const std::string_view hint : hints) {
    before.Drop(hint);
    after.Drop(hint);
  }
  if (before.lines() == after.lines()) {
    return {Cell::Kind::kHint, "a hint that the target's protocol has no place for"};
  }
  return Lost("request\n" + before.Text() + "became\n" + after.Text() + "as " + *sent);
}

inline Cell CheckStreaming(const Side& client, const Side& upstream) {
  const Asked asked(client, *client.Request("tools"));
  if (!asked.request.ok()) return Lost(DescribeError(asked.request.error()));
  core::Request request = *asked.request;  // shares the body with it
  request.stream = true;
  bool streams = false;
  const Result<std::string> sent = Send(request, upstream, &streams);
  if (!sent.ok()) return Lost(DescribeError(sent.error()));
  return streams ? Cell{} : Lost("the upstream is not asked for a stream");
}

// --- Answers ------------------------------------------------------------------------------------

struct Taken {
  std::string bytes;  // that the client gets
  bool whole = true;  // the upstream's answer was complete
};

inline Taken Translate(std::string_view answer, const Side& upstream, bool streamed,
                       const Side& client, bool stream_out) {
  core::Request request;
  request.protocol = client.protocol;
  request.model = "m";
  request.stream = stream_out;
  request.stream_usage = true;
  const std::unique_ptr<ResponseDecoder> decoder = upstream.codec().NewDecoder(streamed);
  const std::unique_ptr<ResponseEncoder> encoder =
      client.codec().NewEncoder(request, RequestId{1, 2}, 3);
  Taken taken;
  std::vector<core::Event> events;
  const auto encode = [&] {
    for (const core::Event& event : events) encoder->Encode(event, taken.bytes);
    events.clear();
  };
  for (const char c : answer) {  // a byte at a time: no event may need the next one
    taken.whole &= decoder->Feed(std::string_view(&c, 1), events).ok();
    encode();
  }
  taken.whole &= decoder->Finish(events).ok();
  encode();
  return taken;
}

// The events of an answer without what a translation sets anew; deltas of one text are one text.
inline std::vector<std::string> Meaning(std::string_view answer, const Side& side, bool streamed,
                                        bool cached, bool reasoning) {
  std::vector<std::string> merged;
  std::string usage;
  for (std::string line :
       DecodeInPieces(*side.codec().NewDecoder(streamed), answer, answer.size(), true)) {
    if (line.starts_with("start ") || line.starts_with("state ")) continue;
    if (line.starts_with("usage ")) {  // the last one counts
      const auto number = [&](std::string_view key) {
        return line.substr(line.find(key), line.find(' ', line.find(key)) - line.find(key));
      };
      usage = number("in=") + ' ' + number("out=") + (cached ? ' ' + number("cached_read=") : "") +
              (reasoning ? ' ' + number("reasoning=") : "");
      continue;
    }
    if (const std::size_t id = line.find(" id="); line.starts_with("call ")) {
      if (id != std::string::npos) line.erase(id, line.find(' ', id + 1) - id);
    }
    const std::string kind = line.substr(0, line.find(' ', line.find(' ') + 1) + 1);
    const bool text = line.starts_with("text ") || line.starts_with("reasoning ");
    const bool call = line.starts_with("call ") && line.find(" name=") == std::string::npos;
    if (!merged.empty() && (text || call) && merged.back().starts_with(kind)) {
      merged.back().pop_back();
      merged.back() += line.substr(line.find('"') + 1);
    } else if (!(text && line.ends_with(" \"\""))) {
      merged.push_back(line);
    }
  }
  if (!usage.empty()) merged.push_back("usage " + usage);
  std::erase_if(merged, [](const std::string& line) { return line.ends_with(" \"\""); });
  return merged;
}

inline Cell CheckAnswer(const Side& client, const Side& upstream, const std::string& feature) {
  const bool cached = client.says_cached && upstream.says_cached;
  const bool reasoning = client.says_reasoning && upstream.says_reasoning;
  for (const bool streamed : {false, true}) {
    const std::optional<std::string> answer = upstream.Answer(feature, streamed);
    if (!answer) return {Cell::Kind::kNone, "the upstream's protocol has no such answer"};
    const auto before = Meaning(*answer, upstream, streamed, cached, reasoning);
    for (const bool stream_out : {false, true}) {
      const Taken taken = Translate(*answer, upstream, streamed, client, stream_out);
      std::vector<std::string> after = Meaning(taken.bytes, client, stream_out, cached, reasoning);
      // A protocol that must report usage reports what it has.
      if (!before.back().starts_with("usage ") && after.back().starts_with("usage ")) {
        after.pop_back();
      }
      if (after != before) {
        return Lost("answer\n" + Lines(before) + "became\n" + Lines(after) + "as " + taken.bytes);
      }
    }
  }
  return {};
}

}  // namespace tidegate::protocols::matrix
