// The whole encoder of encoder.h.
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "json/writer.h"
#include "protocols/ollama/encode_parts.h"
#include "protocols/ollama/encoder.h"

namespace tidegate::protocols::ollama {
namespace {

class WholeEncoder final : public ResponseEncoder {
 public:
  explicit WholeEncoder(EncoderOptions options) : options_(std::move(options)) {}

  void NoteTimes(const AnswerTimes& times) override { timing_.now = times; }

  void Encode(const core::Event& event, std::string& out) override {
    if (ended_) return;
    std::visit([&](const auto& e) { Take(e, out); }, event);
  }

 private:
  void Take(const core::StartEvent& event, std::string&) {
    if (!event.model.empty()) options_.model = event.model;
  }
  void Take(const core::TextEvent& event, std::string&) {
    timing_.Content();
    text_ += event.text;
  }
  void Take(const core::RefusalEvent& event, std::string&) {
    timing_.Content();
    text_ += event.text;
  }
  void Take(const core::ReasoningEvent& event, std::string&) {
    timing_.Content();
    thinking_ += event.text;
  }
  void Take(const core::StateEvent&, std::string&) {}
  void Take(const core::CitationEvent&, std::string&) {}
  void Take(const core::ToolCallEvent& event, std::string&) {
    timing_.Content();
    Call& call = calls_[event.index];
    if (call.id.empty()) call.id = event.id;
    call.name += event.name;
    call.arguments += event.arguments;
  }
  void Take(const core::LogprobsEvent& event, std::string&) {
    if (!logprobs_.empty()) logprobs_ += ',';
    logprobs_ += event.content;
  }
  void Take(const core::FinishEvent& event, std::string&) { finish_ = event.reason; }
  void Take(const core::UsageEvent& event, std::string&) { usage_ = event.usage; }
  void Take(const core::ErrorEvent&, std::string&) { ended_ = true; }
  void Take(const core::DoneEvent&, std::string& out) {
    ended_ = true;
    json::Writer writer(out);
    writer.BeginObject().Key("model").String(options_.model);
    writer.Key("created_at").String(TimeText(options_.created_s));
    if (options_.form == kChatForm) {
      writer.Key("message").BeginObject().Key("role").String("assistant");
      writer.Key("content").String(text_);
    } else {
      writer.Key("response").String(text_);
    }
    if (!thinking_.empty()) writer.Key("thinking").String(thinking_);
    if (!calls_.empty()) {
      writer.Key("tool_calls").BeginArray();
      for (const auto& [index, call] : calls_) WriteCall(writer, options_.id, index, call);
      writer.EndArray();
    }
    if (options_.form == kChatForm) writer.EndObject();
    WriteEnd(writer, finish_, timing_, usage_);
    if (options_.context) options_.context->WriteTo(writer, text_);
    if (!logprobs_.empty()) writer.Key("logprobs").BeginArray().Raw(logprobs_).EndArray();
    writer.EndObject();
  }

  EncoderOptions options_;
  std::string text_, thinking_, logprobs_;
  std::map<std::int64_t, Call> calls_;
  Timing timing_;
  std::optional<core::Usage> usage_;
  core::FinishReason finish_ = core::FinishReason::kStop;
  bool ended_ = false;
};

}  // namespace

std::unique_ptr<ResponseEncoder> NewWholeEncoder(EncoderOptions options) {
  return std::make_unique<WholeEncoder>(std::move(options));
}

}  // namespace tidegate::protocols::ollama
