// The stream encoder of encoder.h.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "json/writer.h"
#include "protocols/cohere_chat/encode_parts.h"
#include "protocols/cohere_chat/encoder.h"
#include "protocols/cohere_chat/error_body.h"
#include "protocols/upstream_error.h"

namespace tidegate::protocols::cohere_chat {
namespace {

class StreamEncoder final : public ResponseEncoder {
 public:
  explicit StreamEncoder(EncoderOptions options) : options_(std::move(options)) {}

  void Encode(const core::Event& event, std::string& out) override {
    if (ended_) return;
    std::visit([&](const auto& e) { Write(e, out); }, event);
  }

 private:
  enum class Open : std::uint8_t { kNothing, kText, kThinking, kToolCall };
  struct Call {
    std::string id, name, waiting;
    bool opened = false, closed = false;
  };

  void Begin(std::string& out) {
    if (begun_) return;
    begun_ = true;
    out += "event: message-start\ndata: {\"id\":\"" + options_.id.ToString() +
           R"(","type":"message-start","delta":{"message":{"role":"assistant","content":[],)"
           R"("tool_plan":"","tool_calls":[],"citations":[]}}})"
           "\n\n";
  }

  // Up to the value of "delta", which follows, and End.
  static void Start(std::string_view type, std::int64_t index, std::string& out) {
    out += "event: ";
    out += type;
    out += "\ndata: {\"type\":\"";
    out += type;
    out += "\",\"index\":";
    out += std::to_string(index);
    out += ",\"delta\":";
  }
  static void End(std::string& out) { out += "}\n\n"; }
  static void EndPart(std::string_view type, std::int64_t index, std::string& out) {
    out += "event: ";
    out += type;
    out += "\ndata: {\"type\":\"";
    out += type;
    out += "\",\"index\":";
    out += std::to_string(index);
    out += "}\n\n";
  }

  void Close(std::string& out) {
    if (open_ == Open::kNothing) return;
    if (open_ == Open::kToolCall) {
      EndPart("tool-call-end", static_cast<std::int64_t>(open_call_), out);
      calls_[open_call_].closed = true;
    } else {
      EndPart("content-end", block_++, out);
    }
    open_ = Open::kNothing;
  }

  void OpenBlock(Open kind, std::string& out) {
    if (open_ == kind) return;
    Begin(out);
    Close(out);
    open_ = kind;
    if (kind == Open::kText) blocks_.push_back({text_.bytes(), block_});
    Start("content-start", block_, out);
    out += kind == Open::kText ? R"({"message":{"content":{"type":"text","text":""}}})"
                               : R"({"message":{"content":{"type":"thinking","thinking":""}}})";
    End(out);
  }
  void WriteDelta(std::string_view key, std::string_view text, std::string& out) const {
    Start("content-delta", block_, out);
    out += R"({"message":{"content":{")";
    out += key;
    out += "\":\"";
    json::EscapeInto(out, text);
    out += "\"}}}";
    End(out);
  }

  void Write(const core::StartEvent&, std::string&) {}
  void Write(const core::TextEvent& event, std::string& out) {
    OpenBlock(Open::kText, out);
    text_.Append(event.text);
    WriteDelta("text", event.text, out);
  }
  // The API has no part for a refusal: it is text.
  void Write(const core::RefusalEvent& event, std::string& out) {
    Write(core::TextEvent{event.choice, event.text}, out);
  }
  void Write(const core::ReasoningEvent& event, std::string& out) {
    OpenBlock(Open::kThinking, out);
    WriteDelta("thinking", event.text, out);
  }
  void Write(const core::StateEvent&, std::string&) {}

  void Write(const core::CitationEvent& event, std::string& out) {
    Begin(out);
    Start("citation-start", citations_, out);
    json::Writer writer(out);
    writer.BeginObject().Key("message").BeginObject().Key("citations");
    WriteCitation(writer, event, text_, blocks_, options_.documents);
    writer.EndObject().EndObject();
    End(out);
    EndPart("citation-end", citations_++, out);
  }

  void Write(const core::ToolCallEvent& event, std::string& out) {
    const auto at = static_cast<std::size_t>(event.index);
    if (calls_.size() <= at) calls_.resize(at + 1);
    Call& call = calls_[at];
    if (call.id.empty()) call.id = event.id;
    if (call.name.empty()) call.name = event.name;
    call.waiting += event.arguments;
    if (!call.opened && !call.name.empty()) OpenCall(at, out);
    if (call.opened && !call.closed) Release(at, out);
  }
  void OpenCall(std::size_t at, std::string& out) {
    Begin(out);
    Close(out);
    open_ = Open::kToolCall;
    open_call_ = at;
    Call& call = calls_[at];
    call.opened = true;
    const auto index = static_cast<std::int64_t>(at);
    Start("tool-call-start", index, out);
    json::Writer writer(out);
    writer.BeginObject().Key("message").BeginObject().Key("tool_calls").BeginObject();
    writer.Key("id").String(call.id.empty() ? MakeCallId(options_.id, index) : call.id);
    writer.Key("type").String("function").Key("function").BeginObject();
    writer.Key("name").String(call.name).Key("arguments").String("");
    writer.EndObject().EndObject().EndObject().EndObject();
    End(out);
  }
  void Release(std::size_t at, std::string& out) {
    Call& call = calls_[at];
    if (call.waiting.empty()) return;
    Start("tool-call-delta", static_cast<std::int64_t>(at), out);
    out += R"({"message":{"tool_calls":{"function":{"arguments":")";
    json::EscapeInto(out, call.waiting);
    out += "\"}}}}";
    End(out);
    call.waiting.clear();
  }

  void Write(const core::LogprobsEvent&, std::string&) {
  }  // only this protocol's own bytes have them
  void Write(const core::FinishEvent& event, std::string&) { finish_ = event.reason; }
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
        Release(at, out);
      }
    }
    Close(out);
    const core::FinishReason silent =
        calls_.empty() ? core::FinishReason::kStop : core::FinishReason::kToolCalls;
    out += "event: message-end\ndata: ";
    json::Writer writer(out);
    writer.BeginObject().Key("type").String("message-end").Key("delta").BeginObject();
    writer.Key("finish_reason").String(FinishWord(finish_.value_or(silent)));
    if (usage_) WriteUsage(writer.Key("usage"), *usage_);
    writer.EndObject().EndObject();
    out += "\n\ndata: [DONE]\n\n";
  }

  EncoderOptions options_;
  Open open_ = Open::kNothing;
  std::int64_t block_ = 0, citations_ = 0;
  std::size_t open_call_ = 0;
  std::vector<Call> calls_;
  CitedText text_;
  std::vector<TextBlock> blocks_;
  std::optional<core::Usage> usage_;
  std::optional<core::FinishReason> finish_;
  bool begun_ = false, ended_ = false;
};

}  // namespace

std::unique_ptr<ResponseEncoder> NewStreamEncoder(EncoderOptions options) {
  return std::make_unique<StreamEncoder>(std::move(options));
}

}  // namespace tidegate::protocols::cohere_chat
