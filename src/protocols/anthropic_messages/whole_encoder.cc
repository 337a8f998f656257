// The whole encoder of encoder.h.
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
#include "protocols/arguments.h"
#include "protocols/opaque.h"

namespace tidegate::protocols::anthropic_messages {
namespace {

using core::StateKind;
using core::StateOrigin;

class WholeEncoder final : public ResponseEncoder {
 public:
  explicit WholeEncoder(EncoderOptions options) : options_(std::move(options)) {}

  void Encode(const core::Event& event, std::string& out) override {
    if (ended_) return;
    std::visit([&](const auto& e) { Take(e, out); }, event);
  }

 private:
  enum class Kind : std::uint8_t { kText, kThinking, kRedacted, kToolUse };
  struct Block {
    Kind kind;
    std::string text;       // the arguments, of a call; the data, of a redacted thought
    std::string signature;  // of a thought
    std::string citations;  // entries, with commas between them
    std::int64_t call = -1;
    std::string id, name;
    bool closed = false;
  };

  Block& Last(Kind kind) {
    if (blocks_.empty() || blocks_.back().kind != kind || blocks_.back().closed) {
      blocks_.push_back(
          Block{.kind = kind, .text = {}, .signature = {}, .citations = {}, .id = {}, .name = {}});
    }
    return blocks_.back();
  }

  void Take(const core::StartEvent& event, std::string&) {
    if (!event.model.empty()) options_.model = event.model;
  }
  void Take(const core::TextEvent& event, std::string&) { Last(Kind::kText).text += event.text; }
  void Take(const core::RefusalEvent& event, std::string&) {
    refused_ = true;
    Last(Kind::kText).text += event.text;
  }
  void Take(const core::ReasoningEvent& event, std::string&) {
    std::string& text = Last(Kind::kThinking).text;
    if (options_.shows_thoughts) text += event.text;
  }
  void Take(const core::StateEvent& event, std::string&) {
    if (event.state.kind == StateKind::kRedacted) {
      Block& block = Last(Kind::kRedacted);
      block.text = WrapState(event.state, StateOrigin::kAnthropic, StateKind::kRedacted);
      block.closed = true;
      return;
    }
    const bool of_part = event.state.kind == StateKind::kOfPart;
    if (of_part && !blocks_.empty()) blocks_.back().closed = true;
    Block& block = Last(Kind::kThinking);
    block.signature = WrapState(event.state, StateOrigin::kAnthropic, StateKind::kSignature);
    block.closed = true;
  }
  void Take(const core::CitationEvent& event, std::string&) {
    std::string& entries = Last(Kind::kText).citations;
    if (!entries.empty()) entries += ',';
    json::Writer writer(entries);
    WriteCitation(writer, event);
  }
  void Take(const core::ToolCallEvent& event, std::string&) {
    Block* block = nullptr;
    for (Block& each : blocks_) {
      if (each.kind == Kind::kToolUse && each.call == event.index) block = &each;
    }
    if (block == nullptr) {
      if (!blocks_.empty()) blocks_.back().closed = true;
      block = &Last(Kind::kToolUse);
      block->call = event.index;
    }
    if (block->id.empty()) block->id = event.id;
    block->name += event.name;
    block->text += event.arguments;
  }
  void Take(const core::LogprobsEvent&, std::string&) {}
  void Take(const core::FinishEvent& event, std::string&) {
    finish_ = event.reason;
    stop_sequence_ = event.stop_sequence;
  }
  void Take(const core::UsageEvent& event, std::string&) { usage_ = event.usage; }
  void Take(const core::ErrorEvent&, std::string&) { ended_ = true; }
  void Take(const core::DoneEvent&, std::string& out) {
    ended_ = true;
    json::Writer writer(out);
    writer.BeginObject().Key("id").String(MakeMessageId(options_.id));
    writer.Key("type").String("message").Key("role").String("assistant");
    writer.Key("model").String(options_.model).Key("content").BeginArray();
    bool called = false;
    for (const Block& block : blocks_) {
      called |= block.kind == Kind::kToolUse;
      WriteBlock(block, writer);
    }
    writer.EndArray();
    const core::FinishReason silent =
        called ? core::FinishReason::kToolCalls : core::FinishReason::kStop;
    WriteStop(writer, refused_ ? core::FinishReason::kRefusal : finish_.value_or(silent),
              stop_sequence_);
    WriteUsage(writer.Key("usage"), usage_.value_or(core::Usage()));
    writer.EndObject();
  }

  void WriteBlock(const Block& block, json::Writer& out) const {
    out.BeginObject().Key("type");
    switch (block.kind) {
      case Kind::kText:
        out.String("text").Key("text").String(block.text);
        if (!block.citations.empty()) {
          out.Key("citations").BeginArray().Raw(block.citations).EndArray();
        }
        break;
      case Kind::kThinking:
        out.String("thinking").Key("thinking").String(block.text);
        out.Key("signature").String(block.signature);
        break;
      case Kind::kRedacted:
        out.String("redacted_thinking").Key("data").String(block.text);
        break;
      case Kind::kToolUse: {
        out.String("tool_use").Key("id");
        out.String(block.id.empty() ? MakeToolId(options_.id, block.call) : block.id);
        out.Key("name").String(block.name).Key("input");
        const Result<std::string_view> input = ObjectArguments(block.text, "");
        if (input.ok()) {
          out.Raw(*input);
        } else {  // a model that wrote no object: its text, where the client can see it
          out.BeginObject().Key("raw_arguments").String(block.text).EndObject();
        }
        break;
      }
    }
    out.EndObject();
  }

  EncoderOptions options_;
  std::vector<Block> blocks_;
  std::optional<core::Usage> usage_;
  std::optional<core::FinishReason> finish_;
  std::string stop_sequence_;
  bool ended_ = false, refused_ = false;
};

}  // namespace

std::unique_ptr<ResponseEncoder> NewWholeEncoder(EncoderOptions options) {
  return std::make_unique<WholeEncoder>(std::move(options));
}

}  // namespace tidegate::protocols::anthropic_messages
