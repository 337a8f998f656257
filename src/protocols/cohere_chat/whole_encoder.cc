// The whole encoder of encoder.h.
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "json/writer.h"
#include "protocols/cohere_chat/encode_parts.h"
#include "protocols/cohere_chat/encoder.h"

namespace tidegate::protocols::cohere_chat {
namespace {

class WholeEncoder final : public ResponseEncoder {
 public:
  explicit WholeEncoder(EncoderOptions options) : options_(std::move(options)) {}

  void Encode(const core::Event& event, std::string& out) override {
    if (ended_) return;
    std::visit([&](const auto& e) { Take(e, out); }, event);
  }

 private:
  struct Block {
    bool thinking = false;
    std::string text;
  };
  struct Call {
    std::string id, name, arguments;
  };

  Block& Last(bool thinking) {
    if (blocks_.empty() || blocks_.back().thinking != thinking) {
      if (!thinking) {
        places_.push_back({text_.bytes(), static_cast<std::int64_t>(blocks_.size())});
      }
      blocks_.push_back(Block{.thinking = thinking, .text = {}});
    }
    return blocks_.back();
  }

  void Take(const core::StartEvent&, std::string&) {}
  void Take(const core::TextEvent& event, std::string&) {
    Last(false).text += event.text;
    text_.Append(event.text);
  }
  void Take(const core::RefusalEvent& event, std::string& out) {
    Take(core::TextEvent{event.choice, event.text}, out);
  }
  void Take(const core::ReasoningEvent& event, std::string&) { Last(true).text += event.text; }
  void Take(const core::StateEvent&, std::string&) {}
  void Take(const core::CitationEvent& event, std::string&) {
    if (!citations_.empty()) citations_ += ',';
    json::Writer writer(citations_);
    WriteCitation(writer, event, text_, places_, options_.documents);
  }
  void Take(const core::ToolCallEvent& event, std::string&) {
    Call& call = calls_[event.index];
    if (call.id.empty()) call.id = event.id;
    call.name += event.name;
    call.arguments += event.arguments;
  }
  void Take(const core::LogprobsEvent&, std::string&) {}
  void Take(const core::FinishEvent& event, std::string&) { finish_ = event.reason; }
  void Take(const core::UsageEvent& event, std::string&) { usage_ = event.usage; }
  void Take(const core::ErrorEvent&, std::string&) { ended_ = true; }

  void Take(const core::DoneEvent&, std::string& out) {
    ended_ = true;
    json::Writer writer(out);
    writer.BeginObject().Key("id").String(options_.id.ToString());
    writer.Key("message").BeginObject().Key("role").String("assistant");
    // What is said beside tool calls is the plan for them; cited text stays where citations find
    // it.
    const bool has_plan = !calls_.empty() && citations_.empty() && !places_.empty();
    WriteContent(writer, has_plan);
    if (has_plan) WritePlan(writer);
    if (!calls_.empty()) WriteCalls(writer);
    if (!citations_.empty()) writer.Key("citations").BeginArray().Raw(citations_).EndArray();
    writer.EndObject();
    // Without a reason its upstream still said that it is done, and the protocol wants one.
    const core::FinishReason silent =
        calls_.empty() ? core::FinishReason::kStop : core::FinishReason::kToolCalls;
    writer.Key("finish_reason").String(FinishWord(finish_.value_or(silent)));
    if (usage_) WriteUsage(writer.Key("usage"), *usage_);
    writer.EndObject();
  }

  void WriteContent(json::Writer& writer, bool only_thoughts) const {
    if (blocks_.size() == (only_thoughts ? places_.size() : 0)) return;
    writer.Key("content").BeginArray();
    for (const Block& block : blocks_) {
      if (only_thoughts && !block.thinking) continue;
      const std::string_view kind = block.thinking ? "thinking" : "text";
      writer.BeginObject().Key("type").String(kind).Key(kind).String(block.text).EndObject();
    }
    writer.EndArray();
  }
  void WritePlan(json::Writer& writer) const {
    std::string plan;
    for (const Block& block : blocks_) {
      if (!block.thinking) plan += block.text;
    }
    writer.Key("tool_plan").String(plan);
  }

  void WriteCalls(json::Writer& writer) const {
    writer.Key("tool_calls").BeginArray();
    for (const auto& [index, call] : calls_) {
      writer.BeginObject();
      writer.Key("id").String(call.id.empty() ? MakeCallId(options_.id, index) : call.id);
      writer.Key("type").String("function").Key("function").BeginObject();
      writer.Key("name").String(call.name).Key("arguments").String(call.arguments);
      writer.EndObject().EndObject();
    }
    writer.EndArray();
  }

  EncoderOptions options_;
  std::vector<Block> blocks_;
  CitedText text_;
  std::vector<TextBlock> places_;
  std::string citations_;  // entries, with commas between them
  std::map<std::int64_t, Call> calls_;
  std::optional<core::Usage> usage_;
  std::optional<core::FinishReason> finish_;
  bool ended_ = false;
};

}  // namespace

std::unique_ptr<ResponseEncoder> NewWholeEncoder(EncoderOptions options) {
  return std::make_unique<WholeEncoder>(std::move(options));
}

}  // namespace tidegate::protocols::cohere_chat
