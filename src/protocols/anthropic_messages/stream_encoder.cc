// The stream encoder of encoder.h.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "json/writer.h"
#include "protocols/anthropic_messages/encode_parts.h"
#include "protocols/anthropic_messages/encoder.h"
#include "protocols/anthropic_messages/error_body.h"
#include "protocols/opaque.h"
#include "protocols/upstream_error.h"

namespace tidegate::protocols::anthropic_messages {
namespace {

using core::StateKind;
using core::StateOrigin;

class StreamEncoder final : public ResponseEncoder {
 public:
  explicit StreamEncoder(EncoderOptions options) : options_(std::move(options)) {}

  void Encode(const core::Event& event, std::string& out) override {
    if (ended_) return;
    std::visit([&](const auto& e) { Write(e, out); }, event);
  }

 private:
  enum class Open : std::uint8_t { kNothing, kText, kThinking, kToolUse };
  // One that was announced; its arguments wait until it has a name.
  struct Call {
    std::string id, name, waiting;
    bool opened = false, closed = false;
  };

  void Begin(std::string& out) {
    if (begun_) return;
    begun_ = true;
    out += "event: message_start\ndata: ";
    json::Writer writer(out);
    writer.BeginObject().Key("type").String("message_start").Key("message").BeginObject();
    writer.Key("id").String(MakeMessageId(options_.id)).Key("type").String("message");
    writer.Key("role").String("assistant").Key("model").String(options_.model);
    writer.Key("content").BeginArray().EndArray();
    writer.Key("stop_reason").Null().Key("stop_sequence").Null();
    // What is known by now: the output's number comes with message_delta.
    core::Usage usage = usage_.value_or(core::Usage());
    usage.output_tokens = 0;
    WriteUsage(writer.Key("usage"), usage);
    writer.EndObject().EndObject();
    out += "\n\n";
  }

  void Close(std::string& out) {
    if (open_ == Open::kNothing) return;
    out += "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":";
    out += std::to_string(block_++);
    out += "}\n\n";
    if (open_ == Open::kToolUse) calls_[open_call_].closed = true;
    open_ = Open::kNothing;
  }

  // Up to the value of "content_block", which follows.
  void StartBlock(Open kind, std::string& out) {
    Begin(out);
    Close(out);
    open_ = kind;
    out += "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":";
    out += std::to_string(block_);
    out += ",\"content_block\":";
  }
  static void EndEvent(std::string& out) { out += "}\n\n"; }

  void OpenText(std::string& out) {
    if (open_ == Open::kText) return;
    StartBlock(Open::kText, out);
    out += R"({"type":"text","text":""})";
    EndEvent(out);
  }
  void OpenThinking(std::string& out) {
    if (open_ == Open::kThinking) return;
    StartBlock(Open::kThinking, out);
    out += R"({"type":"thinking","thinking":"","signature":""})";
    EndEvent(out);
  }

  // Up to the value of `key`, which follows, and EndDelta.
  void StartDelta(std::string_view type, std::string_view key, std::string& out) const {
    out += "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":";
    out += std::to_string(block_);
    out += ",\"delta\":{\"type\":\"";
    out += type;
    out += "\",\"";
    out += key;
    out += "\":";
  }
  static void EndDelta(std::string& out) { out += "}}\n\n"; }
  void WriteDelta(std::string_view type, std::string_view key, std::string_view text,
                  std::string& out) const {
    StartDelta(type, key, out);
    out += '"';
    json::EscapeInto(out, text);
    out += '"';
    EndDelta(out);
  }

  void Write(const core::StartEvent& event, std::string&) {
    if (!event.model.empty()) options_.model = event.model;
  }
  void Write(const core::TextEvent& event, std::string& out) {
    OpenText(out);
    WriteDelta("text_delta", "text", event.text, out);
  }
  // The API has no part for a refusal: it is text, and the reason for stopping says what it is.
  void Write(const core::RefusalEvent& event, std::string& out) {
    refused_ = true;
    OpenText(out);
    WriteDelta("text_delta", "text", event.text, out);
  }
  void Write(const core::ReasoningEvent& event, std::string& out) {
    OpenThinking(out);
    if (options_.shows_thoughts) WriteDelta("thinking_delta", "thinking", event.text, out);
  }

  void Write(const core::StateEvent& event, std::string& out) {
    if (event.state.kind == StateKind::kRedacted) {
      StartBlock(Open::kThinking, out);
      json::Writer writer(out);
      writer.BeginObject().Key("type").String("redacted_thinking").Key("data");
      writer.String(WrapState(event.state, StateOrigin::kAnthropic, StateKind::kRedacted));
      writer.EndObject();
      EndEvent(out);
      Close(out);
      return;
    }
    // A state of the part that follows is the signature of a thought of its own.
    if (event.state.kind == StateKind::kOfPart && open_ == Open::kThinking) Close(out);
    OpenThinking(out);
    WriteDelta("signature_delta", "signature",
               WrapState(event.state, StateOrigin::kAnthropic, StateKind::kSignature), out);
    Close(out);
  }

  void Write(const core::CitationEvent& event, std::string& out) {
    OpenText(out);
    StartDelta("citations_delta", "citation", out);
    json::Writer writer(out);
    WriteCitation(writer, event);
    EndDelta(out);
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
    StartBlock(Open::kToolUse, out);
    open_call_ = at;
    call.opened = true;
    json::Writer writer(out);
    writer.BeginObject().Key("type").String("tool_use").Key("id");
    writer.String(call.id.empty() ? MakeToolId(options_.id, static_cast<std::int64_t>(at))
                                  : call.id);
    writer.Key("name").String(call.name).Key("input").BeginObject().EndObject().EndObject();
    EndEvent(out);
  }
  void Release(Call& call, std::string& out) {
    if (call.waiting.empty()) return;
    WriteDelta("input_json_delta", "partial_json", call.waiting, out);
    call.waiting.clear();
  }

  void Write(const core::LogprobsEvent&, std::string&) {}  // no client of this protocol asks

  void Write(const core::FinishEvent& event, std::string&) {
    finish_ = event.reason;
    stop_sequence_ = event.stop_sequence;
  }
  void Write(const core::UsageEvent& event, std::string&) { usage_ = event.usage; }
  void Write(const core::ErrorEvent& event, std::string& out) {
    ended_ = true;
    out += EncodeErrorEvent(event.error());
  }

  void Write(const core::DoneEvent&, std::string& out) {
    ended_ = true;
    Begin(out);
    for (std::size_t at = 0; at < calls_.size(); ++at) {
      Call& call = calls_[at];
      if (call.opened && call.closed && !call.waiting.empty()) {
        // More of a call came when another one had begun: half of it must not be believed.
        out += EncodeErrorEvent(MixedToolCalls());
        return;
      }
      if (!call.opened && !call.name.empty()) {
        OpenCall(at, out);
        Release(call, out);
      }
    }
    Close(out);
    out += "event: message_delta\ndata: ";
    json::Writer writer(out);
    writer.BeginObject().Key("type").String("message_delta").Key("delta").BeginObject();
    WriteStop(writer, Reason(), stop_sequence_);
    writer.EndObject();
    WriteUsage(writer.Key("usage"), usage_.value_or(core::Usage()));
    writer.EndObject();
    out += "\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
  }

  core::FinishReason Reason() const {
    if (refused_) return core::FinishReason::kRefusal;
    const core::FinishReason silent =
        calls_.empty() ? core::FinishReason::kStop : core::FinishReason::kToolCalls;
    return finish_.value_or(silent);
  }

  EncoderOptions options_;
  Open open_ = Open::kNothing;
  std::int64_t block_ = 0;
  std::size_t open_call_ = 0;
  std::vector<Call> calls_;
  std::optional<core::Usage> usage_;
  std::optional<core::FinishReason> finish_;
  std::string stop_sequence_;
  bool begun_ = false, ended_ = false, refused_ = false;
};

}  // namespace

std::unique_ptr<ResponseEncoder> NewStreamEncoder(EncoderOptions options) {
  return std::make_unique<StreamEncoder>(std::move(options));
}

}  // namespace tidegate::protocols::anthropic_messages
