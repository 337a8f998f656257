#include "protocols/openai_chat/decoder.h"

#include <string>
#include <variant>

#include "protocols/openai_chat/answer_reader.h"
#include "protocols/openai_chat/frame_reader.h"
#include "protocols/openai_chat/limits.h"
#include "protocols/openai_chat/text_arena.h"
#include "protocols/openai_chat/upstream_error.h"
#include "protocols/scratch_reader.h"
#include "protocols/sse/splitter.h"

namespace tidegate::protocols::openai_chat {
namespace {

// Moves the texts of an event from the JSON reader's buffers, which the next frame overwrites, into
// the arena.
struct Pin {
  TextArena& arena;

  void operator()(core::StartEvent& event) const {
    event.id = arena.Copy(event.id);
    event.model = arena.Copy(event.model);
    event.system_fingerprint = arena.Copy(event.system_fingerprint);
  }
  void operator()(core::TextEvent& event) const { event.text = arena.Copy(event.text); }
  void operator()(core::ReasoningEvent& event) const { event.text = arena.Copy(event.text); }
  void operator()(core::RefusalEvent& event) const { event.text = arena.Copy(event.text); }
  void operator()(core::ToolCallEvent& event) const {
    event.id = arena.Copy(event.id);
    event.name = arena.Copy(event.name);
    event.arguments = arena.Copy(event.arguments);
  }
  void operator()(core::LogprobsEvent& event) const { event.content = arena.Copy(event.content); }
  void operator()(core::FinishEvent&) const {}
  void operator()(core::UsageEvent&) const {}
  void operator()(core::ErrorEvent&) const {}
  void operator()(core::DoneEvent&) const {}
};

void PinFrom(std::size_t first, std::vector<core::Event>& events, TextArena& arena) {
  for (std::size_t i = first; i < events.size(); ++i) std::visit(Pin{arena}, events[i]);
}

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
    const bool cut = !reader_.ReadRest(splitter_.rest(), out).has_value();
    PinFrom(first, out, texts_);
    if (reader_.done() || reader_.failed()) return {};
    if (cut || !reader_.all_finished()) return MalformedAnswer("ended before it was complete");
    out.emplace_back(core::DoneEvent{});
    return {};
  }

 private:
  Result<void> Read(std::string_view frame, std::vector<core::Event>& out) {
    const std::size_t first = out.size();
    if (Result<FrameKind> kind = reader_.Read(frame, out); !kind.ok())
      return std::move(kind).error();
    PinFrom(first, out, texts_);
    return {};
  }

  sse::Splitter splitter_{sse::Framing::kEventStream};
  FrameReader reader_;
  TextArena texts_;
  std::vector<std::string_view> frames_;
};

class WholeDecoder final : public ResponseDecoder {
 public:
  Result<void> Feed(std::string_view bytes, std::vector<core::Event>&) override {
    if (body_.size() + bytes.size() > kWholeAnswerBytesMax) {
      return MalformedAnswer("is larger than " + std::to_string(kWholeAnswerBytesMax) + " bytes");
    }
    body_ += bytes;
    return {};
  }

  Result<void> Finish(std::vector<core::Event>& out) override {
    const std::size_t first = out.size();
    const ScratchReader json;
    const Result<json::Value> root = json->ParseCopy(body_, kWholeAnswerBytesMax);
    if (!root.ok()) return MalformedAnswer(root.error());
    TIDEGATE_TRY(AnswerReader().ReadWhole(*root, out));
    PinFrom(first, out, texts_);
    if (!std::holds_alternative<core::ErrorEvent>(out.back())) out.emplace_back(core::DoneEvent{});
    return {};
  }

 private:
  std::string body_;
  TextArena texts_;
};

}  // namespace

std::unique_ptr<ResponseDecoder> NewStreamDecoder() { return std::make_unique<StreamDecoder>(); }
std::unique_ptr<ResponseDecoder> NewWholeDecoder() { return std::make_unique<WholeDecoder>(); }

}  // namespace tidegate::protocols::openai_chat
