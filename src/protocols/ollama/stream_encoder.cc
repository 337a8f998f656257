// The stream encoder of encoder.h.
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "json/writer.h"
#include "protocols/ollama/encode_parts.h"
#include "protocols/ollama/encoder.h"
#include "protocols/ollama/error_body.h"
#include "protocols/ollama/object_end.h"

namespace tidegate::protocols::ollama {
namespace {

// A line is prefix + content + suffix; the prefix is the same for the whole answer.
class StreamEncoder final : public ResponseEncoder {
 public:
  explicit StreamEncoder(EncoderOptions options) : options_(std::move(options)) { BuildPrefix(); }

  void NoteTimes(const AnswerTimes& times) override { timing_.now = times; }

  void Encode(const core::Event& event, std::string& out) override {
    if (ended_) return;
    std::visit([&](const auto& e) { Take(e, out); }, event);
  }

 private:
  struct Pending {
    Call call;
    ObjectEnd end;
    bool written = false;
  };

  void BuildPrefix() {
    prefix_.clear();
    json::Writer writer(prefix_);
    writer.BeginObject().Key("model").String(options_.model);
    writer.Key("created_at").String(TimeText(options_.created_s));
  }

  // A line up to the members of its message, or of its own where there is none.
  void Begin(std::string_view text, std::string& out) const {
    out += prefix_;
    out += options_.form == kChatForm ? R"(,"message":{"role":"assistant","content":)"
                                      : R"(,"response":)";
    out += '"';
    json::EscapeInto(out, text);
    out += '"';
  }
  void EndMessage(std::string& out) const {
    if (options_.form == kChatForm) out += '}';
  }
  void End(std::string& out) {
    EndMessage(out);
    out += ",\"done\":false";
    AppendLogprobs(out);
    out += "}\n";
  }
  void AppendLogprobs(std::string& out) {
    if (logprobs_.empty()) return;
    out += ",\"logprobs\":[";
    out += std::exchange(logprobs_, {});
    out += ']';
  }

  void Text(std::string_view text, std::string& out) {
    timing_.Content();
    if (options_.context) answer_ += text;
    Begin(text, out);
    End(out);
  }

  void Take(const core::StartEvent& event, std::string&) {
    if (event.model.empty()) return;
    options_.model = event.model;
    BuildPrefix();
  }
  void Take(const core::TextEvent& event, std::string& out) { Text(event.text, out); }
  void Take(const core::RefusalEvent& event, std::string& out) { Text(event.text, out); }
  void Take(const core::ReasoningEvent& event, std::string& out) {
    timing_.Content();
    Begin({}, out);
    out += ",\"thinking\":\"";
    json::EscapeInto(out, event.text);
    out += '"';
    End(out);
  }
  void Take(const core::StateEvent&, std::string&) {}
  void Take(const core::CitationEvent&, std::string&) {}
  void Take(const core::LogprobsEvent& event, std::string&) {
    if (!logprobs_.empty()) logprobs_ += ',';
    logprobs_ += OneLine(event.content);
  }

  void Take(const core::ToolCallEvent& event, std::string& out) {
    timing_.Content();
    Pending& pending = calls_[event.index];
    if (pending.call.id.empty()) pending.call.id = event.id;
    pending.call.name += event.name;
    if (!pending.end.Feed(event.arguments)) {
      Error error{ErrorCode::kProtocol, ErrorSource::kUpstream, Retry::kOtherTarget,
                  "the arguments of a tool call are more than one JSON object"};
      return Take(core::ErrorEvent{std::move(error)}, out);
    }
    if (pending.written) return;
    pending.call.arguments += event.arguments;
    if (pending.end.complete() && !pending.call.name.empty()) WritePending(event.index, out);
  }
  void WritePending(std::int64_t index, std::string& out) {
    Pending& pending = calls_[index];
    pending.written = true;
    Begin({}, out);
    out += ",\"tool_calls\":[";
    json::Writer writer(out);
    WriteCall(writer, options_.id, index, pending.call);
    out += ']';
    End(out);
    pending.call = Call();
  }
  // Those whose arguments never became an object, or never came.
  void WriteRest(std::string& out) {
    for (const auto& [index, pending] : calls_) {
      if (!pending.written) WritePending(index, out);
    }
  }

  void Take(const core::FinishEvent& event, std::string& out) {
    WriteRest(out);
    finish_ = event.reason;
  }
  void Take(const core::UsageEvent& event, std::string&) { usage_ = event.usage; }
  void Take(const core::ErrorEvent& event, std::string& out) {
    ended_ = true;
    out += EncodeErrorLine(event.error());
  }
  void Take(const core::DoneEvent&, std::string& out) {
    WriteRest(out);
    ended_ = true;
    Begin({}, out);
    EndMessage(out);
    AppendLogprobs(out);
    out += ',';
    json::Writer writer(out);
    WriteEnd(writer, finish_, timing_, usage_);
    if (options_.context) options_.context->WriteTo(writer, answer_);
    out += "}\n";
  }

  EncoderOptions options_;
  std::string prefix_, logprobs_;  // logprobs: entries that wait for their text
  std::string answer_;             // for the context
  std::map<std::int64_t, Pending> calls_;
  Timing timing_;
  std::optional<core::Usage> usage_;
  core::FinishReason finish_ = core::FinishReason::kStop;
  bool ended_ = false;
};

}  // namespace

std::unique_ptr<ResponseEncoder> NewStreamEncoder(EncoderOptions options) {
  return std::make_unique<StreamEncoder>(std::move(options));
}

}  // namespace tidegate::protocols::ollama
