// The frames of one streamed answer: decoding them into events, or passing them on as they are.
//
// The decoder and the relay must agree to the letter on which frames mean something and when the
// answer is over, whatever they do with them, so both ask one reader of the protocol's frames.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "core/event.h"
#include "protocols/pin.h"
#include "protocols/protocol.h"
#include "protocols/sse/splitter.h"
#include "protocols/tally.h"
#include "protocols/text_arena.h"
#include "protocols/upstream_error.h"

namespace tidegate::protocols {

enum class FrameKind : std::uint8_t {
  kIdle,     // a comment, a ping, a blank line: nothing was said
  kChunk,    // a part of the answer; its events were appended
  kUsage,    // a frame with usage and nothing else, which the protocol sends only when asked
  kDone,     // the protocol's end mark; a DoneEvent was appended
  kError,    // the upstream reported an error; an ErrorEvent was appended
  kIgnored,  // data behind the end mark or behind an error
};

// A FrameReader is the state of one stream:
//   // Appends the frame's events. Their views live until the next call on this thread that reads
//   // JSON. Errors: kProtocol; nothing of a malformed frame is appended, and the reader is of no
//   // use then.
//   Result<FrameKind> Read(std::string_view frame, std::vector<core::Event>& out);
//   bool done() const;          // the end mark was seen
//   bool failed() const;        // an error was reported
//   bool all_finished() const;  // the end mark is all that could still come
// Frames are text that sse::Splitter cuts, unless the reader names another splitter, whose frames
// are never incomplete: `using Splitter = aws_event_stream::Splitter;`.
template <typename FrameReader>
concept NamesItsSplitter = requires {
  typename FrameReader::Splitter;
};

template <typename FrameReader, sse::Framing framing>
auto MakeSplitter() {
  if constexpr (NamesItsSplitter<FrameReader>) {
    return typename FrameReader::Splitter();
  } else {
    return sse::Splitter(framing);
  }
}

// For the clean end of the body: what stands behind the last frame. Nothing when it is a frame cut
// short; kIdle when it is blank or a comment; otherwise a frame that lacks only its end, read as
// Read does.
template <typename FrameReader>
std::optional<FrameKind> ReadRest(FrameReader& reader, std::string_view rest,
                                  std::vector<core::Event>& out) {
  if constexpr (NamesItsSplitter<FrameReader>) {
    return rest.empty() ? std::optional(FrameKind::kIdle) : std::nullopt;
  }
  const bool blank = rest.find_first_not_of("\r\n") == std::string_view::npos;
  if (blank || rest.starts_with(':')) return FrameKind::kIdle;
  const Result<FrameKind> kind = reader.Read(rest, out);
  if (!kind.ok() || *kind == FrameKind::kIdle) return std::nullopt;
  return *kind;
}

template <typename FrameReader, sse::Framing framing = sse::Framing::kEventStream>
class StreamDecoder final : public ResponseDecoder {
 public:
  Result<void> Feed(std::string_view bytes, std::vector<core::Event>& out) override {
    texts_.Clear();
    frames_.clear();
    const Result<void> split = splitter_.Feed(bytes, frames_);
    for (const std::string_view frame : frames_) TIDEGATE_TRY(Read(frame, out));
    return split;
  }

  Result<void> Finish(std::vector<core::Event>& out) override {
    texts_.Clear();
    const std::size_t first = out.size();
    const bool cut = !ReadRest(reader_, splitter_.rest(), out).has_value();
    PinFrom(first, out, texts_);
    if (reader_.done() || reader_.failed()) return {};
    if (cut || !reader_.all_finished()) return MalformedAnswer("ended before it was complete");
    out.emplace_back(core::DoneEvent{});
    return {};
  }

 private:
  Result<void> Read(std::string_view frame, std::vector<core::Event>& out) {
    const std::size_t first = out.size();
    if (Result<FrameKind> kind = reader_.Read(frame, out); !kind.ok()) {
      return std::move(kind).error();
    }
    PinFrom(first, out, texts_);
    return {};
  }

  decltype(MakeSplitter<FrameReader, framing>()) splitter_ = MakeSplitter<FrameReader, framing>();
  FrameReader reader_;
  TextArena texts_;
  std::vector<std::string_view> frames_;
};

// Every frame is read and checked before it is released, so what the relay reports is what the
// decoder would have. See StreamRelay for what is withheld.
template <typename FrameReader, sse::Framing framing = sse::Framing::kEventStream>
class FrameRelay final : public StreamRelay {
 public:
  explicit FrameRelay(bool hide_usage) : hide_usage_(hide_usage) {}

  Result<void> Feed(std::string_view bytes, std::vector<std::string_view>& out) override {
    frames_.clear();
    const Result<void> split = splitter_.Feed(bytes, frames_);
    for (const std::string_view frame : frames_) {
      events_.clear();
      TIDEGATE_ASSIGN(const FrameKind kind, reader_.Read(frame, events_));
      // The network may tear the last CRLF of a withheld frame; its LF is withheld with it.
      const bool torn = frame == "\n" && withheld_cr_;
      const bool release = Take(kind) && !torn;
      if (release) out.push_back(frame);
      withheld_cr_ = !release && frame.ends_with('\r');
    }
    return split;
  }

  void Finish(std::vector<std::string_view>& out) override {
    const std::string_view rest = splitter_.rest();
    events_.clear();
    const std::optional<FrameKind> kind = ReadRest(reader_, rest, events_);
    const bool blank = rest.find_first_not_of("\r\n") == std::string_view::npos;
    if (kind && *kind != FrameKind::kIdle && Take(*kind)) {
      const bool one_end_lacks = framing == sse::Framing::kLines || rest.ends_with('\n');
      out.push_back(rest);
      out.push_back(one_end_lacks ? "\n" : "\n\n");  // an LF behind a CR would end nothing
    } else if (kind == FrameKind::kIdle && blank && !rest.empty()) {
      out.push_back(rest);
    }
    state_.complete = reader_.done() || (kind && reader_.all_finished() && !reader_.failed());
  }

  const RelayState& state() const override { return state_; }

 private:
  // Notes what the frame said, in `events_`. Whether it may pass.
  bool Take(FrameKind kind) {
    for (const core::Event& event : events_) std::visit(Tally{state_}, event);
    switch (kind) {
      case FrameKind::kIdle:
      case FrameKind::kChunk:
        return true;
      case FrameKind::kUsage:
        return !hide_usage_;
      case FrameKind::kDone:
        state_.complete = true;
        return true;
      case FrameKind::kError:
      case FrameKind::kIgnored:
        return false;
    }
    return false;
  }

  bool hide_usage_;
  bool withheld_cr_ = false;  // the last frame was withheld, and ended in CR
  decltype(MakeSplitter<FrameReader, framing>()) splitter_ = MakeSplitter<FrameReader, framing>();
  FrameReader reader_;
  RelayState state_;
  std::vector<std::string_view> frames_;
  std::vector<core::Event> events_;  // of one frame
};

}  // namespace tidegate::protocols
