#include "protocols/openai_chat/relay.h"

#include <optional>
#include <variant>
#include <vector>

#include "protocols/openai_chat/answer_reader.h"
#include "protocols/openai_chat/frame_reader.h"
#include "protocols/openai_chat/limits.h"
#include "protocols/openai_chat/upstream_error.h"
#include "protocols/scratch_reader.h"
#include "protocols/sse/splitter.h"

namespace tidegate::protocols::openai_chat {
namespace {

// Adds one event to what is known of the answer.
struct Tally {
  RelayState& state;

  void operator()(const core::TextEvent& event) const { Content(event.text.size()); }
  void operator()(const core::ReasoningEvent& event) const { Content(event.text.size()); }
  void operator()(const core::RefusalEvent& event) const { Content(event.text.size()); }
  void operator()(const core::ToolCallEvent& event) const {
    Content(event.name.size() + event.arguments.size());
  }
  void operator()(const core::UsageEvent& event) const { state.usage = event.usage; }
  void operator()(const core::ErrorEvent& event) const { state.error = event.error(); }
  void operator()(const core::StartEvent&) const {}
  void operator()(const core::LogprobsEvent&) const {}
  void operator()(const core::FinishEvent&) const {}
  void operator()(const core::DoneEvent&) const {}

  void Content(std::size_t bytes) const {
    state.content_seen = true;
    state.content_bytes += static_cast<std::int64_t>(bytes);
    ++state.content_events;
  }
};

bool IsBlank(std::string_view text) {
  return text.find_first_not_of("\r\n") == std::string_view::npos;
}

class Relay final : public StreamRelay {
 public:
  explicit Relay(bool hide_usage) : hide_usage_(hide_usage) {}

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
    const std::optional<FrameKind> kind = reader_.ReadRest(rest, events_);
    if (kind && *kind != FrameKind::kIdle && Take(*kind)) {
      const bool line_ended = rest.ends_with('\n') || rest.ends_with('\r');
      out.push_back(rest);
      out.push_back(line_ended ? "\n" : "\n\n");
    } else if (kind == FrameKind::kIdle && IsBlank(rest) && !rest.empty()) {
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
  sse::Splitter splitter_{sse::Framing::kEventStream};
  FrameReader reader_;
  RelayState state_;
  std::vector<std::string_view> frames_;
  std::vector<core::Event> events_;  // of one frame
};

}  // namespace

std::unique_ptr<StreamRelay> NewRelay(bool hide_usage) {
  return std::make_unique<Relay>(hide_usage);
}

Result<RelayState> InspectWholeAnswer(std::string_view body) {
  const ScratchReader json;
  const Result<json::Value> root = json->Parse(body, kWholeAnswerBytesMax);
  if (!root.ok()) return MalformedAnswer(root.error());
  // Kept by the thread: this is on the way of every answer.
  thread_local std::vector<core::Event> events;
  events.clear();
  TIDEGATE_TRY(AnswerReader().ReadWhole(*root, events));
  RelayState state;
  for (const core::Event& event : events) std::visit(Tally{state}, event);
  state.complete = !state.error;
  return state;
}

}  // namespace tidegate::protocols::openai_chat
