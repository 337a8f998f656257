// The encoder of answers in one body; see encoder.h.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "json/writer.h"
#include "protocols/arguments.h"
#include "protocols/bedrock_converse/encode_parts.h"
#include "protocols/bedrock_converse/encoder.h"
#include "protocols/opaque.h"

namespace tidegate::protocols::bedrock_converse {
namespace {

using core::StateKind;
using core::StateOrigin;

class WholeEncoder final : public ResponseEncoder {
 public:
  explicit WholeEncoder(EncoderOptions options) : options_(options) {}

  void NoteTimes(const AnswerTimes& times) override { elapsed_ms_ = times.taken_nanos / 1'000'000; }
  void Encode(const core::Event& event, std::string& out) override {
    if (ended_) return;
    std::visit([&](const auto& e) { Take(e, out); }, event);
  }

 private:
  enum class Kind : std::uint8_t { kText, kThought, kRedacted, kToolUse };
  struct Block {
    Kind kind;
    std::string text;       // the arguments, of a call; the content, of a redacted thought
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

  void Take(const core::StartEvent&, std::string&) {}
  // Text behind a citation does not rest on it.
  void Take(const core::TextEvent& event, std::string&) {
    Block& last = Last(Kind::kText);
    if (last.citations.empty()) {
      last.text += event.text;
      return;
    }
    last.closed = true;
    Last(Kind::kText).text += event.text;
  }
  void Take(const core::RefusalEvent& event, std::string&) {
    refused_ = true;
    Last(Kind::kText).text += event.text;
  }
  void Take(const core::ReasoningEvent& event, std::string&) {
    std::string& text = Last(Kind::kThought).text;
    if (options_.shows_thoughts) text += event.text;
  }
  void Take(const core::StateEvent& event, std::string&) {
    if (event.state.kind == StateKind::kRedacted) {
      Block& block = Last(Kind::kRedacted);
      block.text = RedactedContent(event.state);
      block.closed = true;
      return;
    }
    const bool of_part = event.state.kind == StateKind::kOfPart;
    if (of_part && !blocks_.empty()) blocks_.back().closed = true;
    Block& block = Last(Kind::kThought);
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
  void Take(const core::FinishEvent& event, std::string&) { finish_ = event.reason; }
  void Take(const core::UsageEvent& event, std::string&) { usage_ = event.usage; }
  void Take(const core::ErrorEvent&, std::string&) { ended_ = true; }
  void Take(const core::DoneEvent&, std::string& out) {
    ended_ = true;
    json::Writer writer(out);
    writer.BeginObject().Key("output").BeginObject().Key("message").BeginObject();
    writer.Key("role").String("assistant").Key("content").BeginArray();
    bool called = false;
    for (const Block& block : blocks_) {
      called |= block.kind == Kind::kToolUse;
      WriteBlock(block, writer);
    }
    writer.EndArray().EndObject().EndObject();
    const core::FinishReason silent =
        called ? core::FinishReason::kToolCalls : core::FinishReason::kStop;
    writer.Key("stopReason");
    writer.String(StopReason(refused_ ? core::FinishReason::kRefusal : finish_.value_or(silent)));
    WriteUsage(writer.Key("usage"), usage_.value_or(core::Usage()));
    WriteMetrics(writer.Key("metrics"), elapsed_ms_);
    writer.EndObject();
  }

  void WriteBlock(const Block& block, json::Writer& out) const {
    out.BeginObject();
    switch (block.kind) {
      case Kind::kText:
        WriteText(block, out);
        break;
      case Kind::kThought:
        out.Key("reasoningContent").BeginObject().Key("reasoningText").BeginObject();
        out.Key("text").String(block.text);
        if (!block.signature.empty()) out.Key("signature").String(block.signature);
        out.EndObject().EndObject();
        break;
      case Kind::kRedacted:
        out.Key("reasoningContent").BeginObject();
        out.Key("redactedContent").String(block.text).EndObject();
        break;
      case Kind::kToolUse:
        WriteToolUse(block, out);
        break;
    }
    out.EndObject();
  }

  static void WriteText(const Block& block, json::Writer& out) {
    if (block.citations.empty()) {
      out.Key("text").String(block.text);
      return;
    }
    out.Key("citationsContent").BeginObject();
    out.Key("content").BeginArray().BeginObject().Key("text").String(block.text).EndObject();
    out.EndArray().Key("citations").BeginArray().Raw(block.citations).EndArray().EndObject();
  }

  void WriteToolUse(const Block& block, json::Writer& out) const {
    out.Key("toolUse").BeginObject().Key("toolUseId");
    out.String(block.id.empty() ? MakeToolUseId(options_.id, block.call) : block.id);
    out.Key("name").String(block.name).Key("input");
    const Result<std::string_view> input = ObjectArguments(block.text, "");
    if (input.ok()) {
      out.Raw(*input);
    } else {  // a model that wrote no object: its text, where the client can see it
      out.BeginObject().Key("raw_arguments").String(block.text).EndObject();
    }
    out.EndObject();
  }

  const EncoderOptions options_;
  std::int64_t elapsed_ms_ = 0;  // so far
  std::vector<Block> blocks_;
  std::optional<core::Usage> usage_;
  std::optional<core::FinishReason> finish_;
  bool ended_ = false, refused_ = false;
};

}  // namespace

std::unique_ptr<ResponseEncoder> NewWholeEncoder(EncoderOptions options) {
  return std::make_unique<WholeEncoder>(options);
}

}  // namespace tidegate::protocols::bedrock_converse
