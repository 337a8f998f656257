// The whole encoder of encoder.h.
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "json/writer.h"
#include "protocols/held_state.h"
#include "protocols/openai_chat/encode_parts.h"
#include "protocols/openai_chat/encoder.h"
#include "protocols/openai_chat/reasoning_details.h"

namespace tidegate::protocols::openai_chat {
namespace {

class WholeEncoder final : public ResponseEncoder {
 public:
  explicit WholeEncoder(EncoderOptions options) : options_(std::move(options)) {}

  void Encode(const core::Event& event, std::string& out) override {
    if (ended_) return;
    std::visit([&](const auto& e) { Take(e, out); }, event);
  }

 private:
  struct Call {
    std::string id, name, arguments;
    std::optional<HeldState> state;
  };
  struct Choice {
    std::string text, reasoning, refusal, logprobs, refusal_logprobs;
    std::string details, annotations;  // entries, with commas between them
    std::size_t detailed = 0;          // bytes of `reasoning` that entries hold
    std::optional<HeldState> state;    // of the part that comes next
    std::map<std::int64_t, Call> calls;
    std::optional<core::FinishReason> finish;
  };

  void Take(const core::StartEvent& event, std::string&) {
    if (!event.model.empty()) options_.model = event.model;
    fingerprint_ = event.system_fingerprint;
  }
  void Take(const core::TextEvent& event, std::string&) {
    Choice& choice = choices_[event.choice];
    ReleaseState(choice);
    choice.text += event.text;
  }
  void Take(const core::ReasoningEvent& event, std::string&) {
    choices_[event.choice].reasoning += event.text;
  }
  void Take(const core::RefusalEvent& event, std::string&) {
    choices_[event.choice].refusal += event.text;
  }
  static void AddDetail(Choice& choice, const core::OpaqueState& state) {
    if (!choice.details.empty()) choice.details += ',';
    json::Writer writer(choice.details);
    const bool signs = state.kind == core::StateKind::kSignature;
    const std::string_view text = std::string_view(choice.reasoning).substr(choice.detailed);
    WriteReasoningDetail(writer, signs ? text : std::string_view(), state);
    if (signs) choice.detailed = choice.reasoning.size();
  }
  static void ReleaseState(Choice& choice) {
    if (choice.state) AddDetail(choice, choice.state->View());
    choice.state.reset();
  }
  void Take(const core::StateEvent& event, std::string&) {
    Choice& choice = choices_[event.choice];
    ReleaseState(choice);
    if (event.state.kind == core::StateKind::kOfPart) {
      choice.state = HeldState::Of(event.state);
    } else {
      AddDetail(choice, event.state);
    }
  }
  void Take(const core::CitationEvent& event, std::string&) {
    std::string& entries = choices_[event.choice].annotations;
    if (!entries.empty()) entries += ',';
    json::Writer writer(entries);
    WriteAnnotation(writer, event);
  }
  void Take(const core::ToolCallEvent& event, std::string&) {
    Choice& choice = choices_[event.choice];
    if (choice.state && choice.state->origin != core::StateOrigin::kGemini) ReleaseState(choice);
    Call& call = choice.calls[event.index];
    if (choice.state) call.state = std::exchange(choice.state, std::nullopt);
    if (call.id.empty()) call.id = event.id;
    call.name += event.name;
    call.arguments += event.arguments;
  }
  void Take(const core::LogprobsEvent& event, std::string&) {
    Choice& choice = choices_[event.choice];
    std::string& entries = event.refusal ? choice.refusal_logprobs : choice.logprobs;
    if (!entries.empty()) entries += ',';
    entries += event.content;
  }
  void Take(const core::FinishEvent& event, std::string&) {
    Choice& choice = choices_[event.choice];
    ReleaseState(choice);
    choice.finish = event.reason;
  }
  void Take(const core::UsageEvent& event, std::string&) { usage_ = event.usage; }
  void Take(const core::ErrorEvent&, std::string&) { ended_ = true; }
  void Take(const core::DoneEvent&, std::string& out) {
    ended_ = true;
    WriteCompletion(out);
  }

  void WriteCompletion(std::string& out) const {
    json::Writer writer(out);
    writer.BeginObject();
    writer.Key("id").String(MakeCompletionId(options_.id));
    writer.Key("object").String("chat.completion");
    writer.Key("created").Integer(options_.created_s);
    writer.Key("model").String(options_.model);
    if (!fingerprint_.empty()) writer.Key("system_fingerprint").String(fingerprint_);
    writer.Key("choices").BeginArray();
    for (const auto& [index, choice] : choices_) WriteChoice(index, choice, writer);
    writer.EndArray();
    if (usage_) WriteUsage(writer.Key("usage"), *usage_);
    writer.EndObject();
  }

  void WriteChoice(std::int64_t index, const Choice& choice, json::Writer& writer) const {
    writer.BeginObject().Key("index").Integer(index);
    writer.Key("message").BeginObject().Key("role").String("assistant").Key("content");
    if (choice.text.empty() && (!choice.calls.empty() || !choice.refusal.empty())) {
      writer.Null();
    } else {
      writer.String(choice.text);
    }
    writer.Key("refusal");
    if (choice.refusal.empty()) {
      writer.Null();
    } else {
      writer.String(choice.refusal);
    }
    if (!choice.reasoning.empty()) writer.Key("reasoning_content").String(choice.reasoning);
    if (!choice.details.empty()) {
      WriteEntries(writer.Key("reasoning_details"), choice.details);
    }
    if (!choice.annotations.empty()) WriteEntries(writer.Key("annotations"), choice.annotations);
    if (!choice.calls.empty()) WriteCalls(index, choice, writer);
    writer.EndObject();
    writer.Key("logprobs");
    if (choice.logprobs.empty() && choice.refusal_logprobs.empty()) {
      writer.Null();
    } else {
      writer.BeginObject();
      WriteEntries(writer.Key("content"), choice.logprobs);
      WriteEntries(writer.Key("refusal"), choice.refusal_logprobs);
      writer.EndObject();
    }
    // Without a reason its upstream still said that it is done, and the protocol wants one.
    const core::FinishReason silent =
        choice.calls.empty() ? core::FinishReason::kStop : core::FinishReason::kToolCalls;
    writer.Key("finish_reason").String(FinishWord(choice.finish.value_or(silent)));
    writer.EndObject();
  }

  void WriteCalls(std::int64_t index, const Choice& choice, json::Writer& writer) const {
    writer.Key("tool_calls").BeginArray();
    for (const auto& [at, call] : choice.calls) {
      writer.BeginObject();
      writer.Key("id").String(call.id.empty() ? MakeCallId(options_.id, index, at) : call.id);
      writer.Key("type").String("function");
      writer.Key("function").BeginObject();
      writer.Key("name").String(call.name).Key("arguments").String(call.arguments);
      writer.EndObject();
      if (call.state) WriteExtraContent(writer.Key("extra_content"), call.state->View());
      writer.EndObject();
    }
    writer.EndArray();
  }

  static void WriteEntries(json::Writer& writer, const std::string& entries) {
    if (entries.empty()) {
      writer.Null();
    } else {
      writer.BeginArray().Raw(entries).EndArray();
    }
  }

  EncoderOptions options_;
  std::string fingerprint_;
  std::map<std::int64_t, Choice> choices_;
  std::optional<core::Usage> usage_;
  bool ended_ = false;
};

}  // namespace

std::unique_ptr<ResponseEncoder> NewWholeEncoder(EncoderOptions options) {
  return std::make_unique<WholeEncoder>(std::move(options));
}

}  // namespace tidegate::protocols::openai_chat
