// The stream encoder of encoder.h.
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "json/writer.h"
#include "protocols/aws_event_stream/message.h"
#include "protocols/bedrock_converse/encode_parts.h"
#include "protocols/bedrock_converse/encoder.h"
#include "protocols/bedrock_converse/error_body.h"
#include "protocols/opaque.h"
#include "protocols/upstream_error.h"

namespace tidegate::protocols::bedrock_converse {
namespace {

using aws_event_stream::TextHeader;
using core::StateKind;
using core::StateOrigin;

class StreamEncoder final : public ResponseEncoder {
 public:
  explicit StreamEncoder(EncoderOptions options) : options_(options) {}

  void NoteTimes(const AnswerTimes& times) override { elapsed_ms_ = times.taken_nanos / 1'000'000; }
  void Encode(const core::Event& event, std::string& out) override {
    if (ended_) return;
    std::visit([&](const auto& e) { Write(e, out); }, event);
  }

 private:
  enum class Open : std::uint8_t { kNothing, kText, kThought, kToolUse };
  // One that was announced; its arguments wait until it has a name.
  struct Call {
    std::string id, name, waiting;
    bool opened = false, closed = false;
  };

  // The payload is in `payload_`.
  void Send(std::string_view type, std::string& out) {
    if (ended_) return;
    const std::array headers = {TextHeader(":event-type", type),
                                TextHeader(":content-type", "application/json"),
                                TextHeader(":message-type", "event")};
    const Result<void> sent = aws_event_stream::AppendMessage(headers, payload_, out);
    if (!sent.ok()) Fail(sent.error(), out);
  }
  void Fail(const Error& error, std::string& out) {
    ended_ = true;
    out += EncodeErrorEvent(error);
  }
  json::Writer NewPayload() {
    payload_.clear();
    return json::Writer(payload_);
  }

  void Begin(std::string& out) {
    if (begun_) return;
    begun_ = true;
    NewPayload().BeginObject().Key("role").String("assistant").EndObject();
    Send("messageStart", out);
  }

  void Close(std::string& out) {
    if (open_ == Open::kNothing) return;
    NewPayload().BeginObject().Key("contentBlockIndex").Integer(block_++).EndObject();
    Send("contentBlockStop", out);
    if (open_ == Open::kToolUse) calls_[open_call_].closed = true;
    open_ = Open::kNothing;
  }

  // Only calls announce themselves; other blocks begin with their first delta.
  void OpenBlock(Open kind, std::string& out) {
    if (open_ == kind && kind != Open::kToolUse) return;
    Begin(out);
    Close(out);
    open_ = kind;
  }

  // Up to the value of `key`, which follows, and EndDelta.
  json::Writer StartDelta(std::string_view key) {
    json::Writer writer = NewPayload();
    writer.BeginObject().Key("contentBlockIndex").Integer(block_);
    writer.Key("delta").BeginObject().Key(key);
    return writer;
  }
  void EndDelta(json::Writer& writer, std::string& out) {
    writer.EndObject().EndObject();
    Send("contentBlockDelta", out);
  }

  void WriteText(std::string_view text, std::string& out) {
    OpenBlock(Open::kText, out);
    json::Writer writer = StartDelta("text");
    writer.String(text);
    EndDelta(writer, out);
  }
  void WriteThought(std::string_view key, std::string_view text, std::string& out) {
    OpenBlock(Open::kThought, out);
    json::Writer writer = StartDelta("reasoningContent");
    writer.BeginObject().Key(key).String(text).EndObject();
    EndDelta(writer, out);
  }

  void Write(const core::StartEvent&, std::string&) {}
  void Write(const core::TextEvent& event, std::string& out) { WriteText(event.text, out); }
  // The API has no part for a refusal: it is text, and the reason for stopping says what it is.
  void Write(const core::RefusalEvent& event, std::string& out) {
    refused_ = true;
    WriteText(event.text, out);
  }
  void Write(const core::ReasoningEvent& event, std::string& out) {
    if (options_.shows_thoughts) return WriteThought("text", event.text, out);
    OpenBlock(Open::kThought, out);
  }

  void Write(const core::StateEvent& event, std::string& out) {
    if (event.state.kind == StateKind::kRedacted) {
      if (open_ == Open::kThought) Close(out);
      WriteThought("redactedContent", RedactedContent(event.state), out);
    } else {
      // A state of the part that follows is the signature of a thought of its own.
      if (event.state.kind == StateKind::kOfPart && open_ == Open::kThought) Close(out);
      WriteThought("signature",
                   WrapState(event.state, StateOrigin::kAnthropic, StateKind::kSignature), out);
    }
    Close(out);
  }

  void Write(const core::CitationEvent& event, std::string& out) {
    OpenBlock(Open::kText, out);
    json::Writer writer = StartDelta("citation");
    WriteCitation(writer, event);
    EndDelta(writer, out);
  }

  void Write(const core::ToolCallEvent& event, std::string& out) {
    const auto at = static_cast<std::size_t>(event.index);
    if (calls_.size() <= at) calls_.resize(at + 1);
    Call& call = calls_[at];
    if (call.id.empty()) call.id = event.id;
    if (call.name.empty()) call.name = event.name;
    call.waiting += event.arguments;
    if (!call.opened && !call.name.empty()) OpenCall(at, out);
    if (call.opened && !call.closed) Release(call, out);
  }

  void OpenCall(std::size_t at, std::string& out) {
    Call& call = calls_[at];
    OpenBlock(Open::kToolUse, out);
    open_call_ = at;
    call.opened = true;
    json::Writer writer = NewPayload();
    writer.BeginObject().Key("contentBlockIndex").Integer(block_);
    writer.Key("start").BeginObject().Key("toolUse").BeginObject().Key("toolUseId");
    writer.String(call.id.empty() ? MakeToolUseId(options_.id, static_cast<std::int64_t>(at))
                                  : call.id);
    writer.Key("name").String(call.name).EndObject().EndObject().EndObject();
    Send("contentBlockStart", out);
  }
  void Release(Call& call, std::string& out) {
    if (call.waiting.empty()) return;
    json::Writer writer = StartDelta("toolUse");
    writer.BeginObject().Key("input").String(call.waiting).EndObject();
    EndDelta(writer, out);
    call.waiting.clear();
  }

  void Write(const core::LogprobsEvent&, std::string&) {}  // no client of this protocol asks

  void Write(const core::FinishEvent& event, std::string&) { finish_ = event.reason; }
  void Write(const core::UsageEvent& event, std::string&) { usage_ = event.usage; }
  void Write(const core::ErrorEvent& event, std::string& out) { Fail(event.error(), out); }

  void Write(const core::DoneEvent&, std::string& out) {
    Begin(out);
    for (std::size_t at = 0; at < calls_.size(); ++at) {
      Call& call = calls_[at];
      // More of a call came when another one had begun: half of it must not be believed.
      if (call.opened && call.closed && !call.waiting.empty()) return Fail(MixedToolCalls(), out);
      if (!call.opened && !call.name.empty()) {
        OpenCall(at, out);
        Release(call, out);
      }
    }
    Close(out);
    NewPayload().BeginObject().Key("stopReason").String(StopReason(Reason())).EndObject();
    Send("messageStop", out);
    json::Writer writer = NewPayload();
    WriteUsage(writer.BeginObject().Key("usage"), usage_.value_or(core::Usage()));
    WriteMetrics(writer.Key("metrics"), elapsed_ms_);
    writer.EndObject();
    Send("metadata", out);
    ended_ = true;
  }

  core::FinishReason Reason() const {
    if (refused_) return core::FinishReason::kRefusal;
    const core::FinishReason silent =
        calls_.empty() ? core::FinishReason::kStop : core::FinishReason::kToolCalls;
    return finish_.value_or(silent);
  }

  const EncoderOptions options_;
  std::int64_t elapsed_ms_ = 0;  // so far
  std::string payload_;
  Open open_ = Open::kNothing;
  std::int64_t block_ = 0;
  std::size_t open_call_ = 0;
  std::vector<Call> calls_;
  std::optional<core::Usage> usage_;
  std::optional<core::FinishReason> finish_;
  bool begun_ = false, ended_ = false, refused_ = false;
};

}  // namespace

std::unique_ptr<ResponseEncoder> NewStreamEncoder(EncoderOptions options) {
  return std::make_unique<StreamEncoder>(options);
}

}  // namespace tidegate::protocols::bedrock_converse
