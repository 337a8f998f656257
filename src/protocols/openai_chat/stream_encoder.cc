// The stream encoder of encoder.h.
#include <array>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "json/writer.h"
#include "protocols/held_state.h"
#include "protocols/openai_chat/encode_parts.h"
#include "protocols/openai_chat/encoder.h"
#include "protocols/openai_chat/error_body.h"
#include "protocols/openai_chat/reasoning_details.h"

namespace tidegate::protocols::openai_chat {
namespace {

void AppendInteger(std::string& out, std::int64_t number) {
  std::array<char, 24> digits;
  out.append(digits.data(),
             std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr);
}

void AppendString(std::string& out, std::string_view text) {
  out += '"';
  json::EscapeInto(out, text);
  out += '"';
}

// A chunk is prefix + choice + suffix; prefix and suffix are the same for the whole answer, so that
// a token costs one append of each and its own escaping.
class StreamEncoder final : public ResponseEncoder {
 public:
  explicit StreamEncoder(EncoderOptions options) : options_(std::move(options)) { BuildPrefix({}); }

  void Encode(const core::Event& event, std::string& out) override {
    if (ended_) return;
    std::visit([&](const auto& e) { Write(e, out); }, event);
  }

 private:
  struct Choice {
    std::int64_t index;
    bool finished = false;
    std::vector<bool> announced;             // by call index
    std::string logprobs, refusal_logprobs;  // waiting for the next chunk of this choice
    std::optional<HeldState> state;          // of the part that comes next
  };

  void BuildPrefix(std::string_view fingerprint) {
    prefix_ = "data: {\"id\":\"" + MakeCompletionId(options_.id) +
              "\",\"object\":\"chat.completion.chunk\",\"created\":";
    AppendInteger(prefix_, options_.created_s);
    prefix_ += ",\"model\":";
    AppendString(prefix_, options_.model);
    if (!fingerprint.empty()) {
      prefix_ += ",\"system_fingerprint\":";
      AppendString(prefix_, fingerprint);
    }
    prefix_ += ",\"choices\":[";
    suffix_ = options_.include_usage ? "],\"usage\":null}\n\n" : "]}\n\n";
  }

  // The choice, announced with its role when it is new.
  Choice& Begin(std::int64_t index, std::string& out) {
    for (Choice& choice : choices_) {
      if (choice.index == index) return choice;
    }
    Choice& choice = choices_.emplace_back(Choice{.index = index,
                                                  .finished = false,
                                                  .announced = {},
                                                  .logprobs = {},
                                                  .refusal_logprobs = {},
                                                  .state = {}});
    OpenDelta(index, out);
    out += "\"role\":\"assistant\",\"content\":\"\"";
    CloseDelta(choice, std::nullopt, out);
    return choice;
  }

  void OpenDelta(std::int64_t index, std::string& out) const {
    out += prefix_;
    out += "{\"index\":";
    AppendInteger(out, index);
    out += ",\"delta\":{";
  }

  void CloseDelta(Choice& choice, std::optional<core::FinishReason> finish,
                  std::string& out) const {
    out += "},\"logprobs\":";
    AppendLogprobs(choice, out);
    out += ",\"finish_reason\":";
    if (finish) {
      AppendString(out, FinishWord(*finish));
    } else {
      out += "null";
    }
    out += '}';
    out += suffix_;
  }

  static void AppendLogprobs(Choice& choice, std::string& out) {
    if (choice.logprobs.empty() && choice.refusal_logprobs.empty()) {
      out += "null";
      return;
    }
    out += "{\"content\":";
    AppendArray(choice.logprobs, out);
    out += ",\"refusal\":";
    AppendArray(choice.refusal_logprobs, out);
    out += '}';
    choice.logprobs.clear();
    choice.refusal_logprobs.clear();
  }

  static void AppendArray(std::string_view entries, std::string& out) {
    if (entries.empty()) {
      out += "null";
      return;
    }
    out += '[';
    out += entries;
    out += ']';
  }

  void WriteText(std::int64_t index, std::string_view key, std::string_view text,
                 std::string& out) {
    Choice& choice = Begin(index, out);
    ReleaseState(choice, out);
    OpenDelta(index, out);
    out += key;
    AppendString(out, text);
    CloseDelta(choice, std::nullopt, out);
  }

  void Write(const core::StartEvent& event, std::string&) {
    if (!event.model.empty()) options_.model = event.model;
    BuildPrefix(event.system_fingerprint);
  }
  void Write(const core::TextEvent& event, std::string& out) {
    WriteText(event.choice, "\"content\":", event.text, out);
  }
  void Write(const core::ReasoningEvent& event, std::string& out) {
    WriteText(event.choice, "\"reasoning_content\":", event.text, out);
  }
  void Write(const core::RefusalEvent& event, std::string& out) {
    WriteText(event.choice, "\"refusal\":", event.text, out);
  }

  // A state without a part that could hold it, and all states of thoughts, are entries of
  // "reasoning_details".
  void WriteState(Choice& choice, const core::OpaqueState& state, std::string& out) {
    OpenDelta(choice.index, out);
    out += "\"reasoning_details\":[";
    json::Writer writer(out);
    WriteReasoningDetail(writer, {}, state);
    out += ']';
    CloseDelta(choice, std::nullopt, out);
  }
  void ReleaseState(Choice& choice, std::string& out) {
    if (!choice.state) return;
    const HeldState held = *std::exchange(choice.state, std::nullopt);
    WriteState(choice, held.View(), out);
  }
  void Write(const core::StateEvent& event, std::string& out) {
    Choice& choice = Begin(event.choice, out);
    ReleaseState(choice, out);
    if (event.state.kind == core::StateKind::kOfPart) {
      choice.state = HeldState::Of(event.state);
    } else {
      WriteState(choice, event.state, out);
    }
  }
  void Write(const core::CitationEvent& event, std::string& out) {
    Choice& choice = Begin(event.choice, out);
    OpenDelta(event.choice, out);
    out += "\"annotations\":[";
    json::Writer writer(out);
    WriteAnnotation(writer, event);
    out += ']';
    CloseDelta(choice, std::nullopt, out);
  }

  void Write(const core::ToolCallEvent& event, std::string& out) {
    Choice& choice = Begin(event.choice, out);
    const auto at = static_cast<std::size_t>(event.index);
    if (choice.announced.size() <= at) choice.announced.resize(at + 1);
    if (choice.state && choice.state->origin != core::StateOrigin::kGemini) {
      ReleaseState(choice, out);
    }
    OpenDelta(event.choice, out);
    out += "\"tool_calls\":[{\"index\":";
    AppendInteger(out, event.index);
    if (!choice.announced[at]) {
      out += ",\"id\":";
      AppendString(out, event.id.empty() ? MakeCallId(options_.id, event.choice, event.index)
                                         : std::string(event.id));
      out += ",\"type\":\"function\"";
    }
    out += ",\"function\":{";
    if (!choice.announced[at] || !event.name.empty()) {
      out += "\"name\":";
      AppendString(out, event.name);
      out += ',';
    }
    choice.announced[at] = true;
    out += "\"arguments\":";
    AppendString(out, event.arguments);
    out += '}';
    if (choice.state) {
      out += ",\"extra_content\":";
      json::Writer writer(out);
      WriteExtraContent(writer, std::exchange(choice.state, std::nullopt)->View());
    }
    out += "}]";
    CloseDelta(choice, std::nullopt, out);
  }

  void Write(const core::LogprobsEvent& event, std::string& out) {
    Choice& choice = Begin(event.choice, out);
    std::string& waiting = event.refusal ? choice.refusal_logprobs : choice.logprobs;
    if (!waiting.empty()) waiting += ',';
    waiting += event.content;
  }

  void Write(const core::FinishEvent& event, std::string& out) {
    Choice& choice = Begin(event.choice, out);
    if (choice.finished) return;
    choice.finished = true;
    ReleaseState(choice, out);
    OpenDelta(event.choice, out);
    CloseDelta(choice, event.reason, out);
  }

  void Write(const core::UsageEvent& event, std::string&) { usage_ = event.usage; }

  void Write(const core::ErrorEvent& event, std::string& out) {
    ended_ = true;
    out += EncodeErrorEvent(event.error());
  }

  void Write(const core::DoneEvent&, std::string& out) {
    ended_ = true;
    for (Choice& choice : choices_) {
      if (choice.finished)
        continue;  // else its upstream said [DONE] without a reason, and clients wait for one
      OpenDelta(choice.index, out);
      CloseDelta(
          choice,
          choice.announced.empty() ? core::FinishReason::kStop : core::FinishReason::kToolCalls,
          out);
    }
    if (options_.include_usage && usage_) {
      out += prefix_;
      out += "],\"usage\":";
      json::Writer writer(out);
      WriteUsage(writer, *usage_);
      out += "}\n\n";
    }
    out += "data: [DONE]\n\n";
  }

  EncoderOptions options_;
  std::string prefix_, suffix_;
  std::vector<Choice> choices_;
  std::optional<core::Usage> usage_;
  bool ended_ = false;
};

}  // namespace

std::unique_ptr<ResponseEncoder> NewStreamEncoder(EncoderOptions options) {
  return std::make_unique<StreamEncoder>(std::move(options));
}

}  // namespace tidegate::protocols::openai_chat
