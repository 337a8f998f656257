#include "protocols/anthropic_messages/answer_reader.h"

#include <algorithm>

#include "protocols/anthropic_messages/limits.h"
#include "protocols/json_members.h"
#include "protocols/scratch_reader.h"
#include "protocols/sse/event.h"
#include "protocols/upstream_error.h"

namespace tidegate::protocols::anthropic_messages {
namespace {

using core::StateKind;
using core::StateOrigin;

constexpr std::size_t kBlocksOpenMax = 64;

Result<json::Object> GetObject(const json::Object& object, std::string_view key) {
  const Result<json::Value> value = object.Get(key);
  if (!value.ok()) return MalformedAnswer(value.error());
  if (!value->is_object()) return MalformedAnswer(value->Mismatch("an object"));
  return *value->Object();
}

Result<std::string_view> GetString(const json::Object& object, std::string_view key) {
  const Result<json::Value> value = object.Get(key);
  if (!value.ok()) return MalformedAnswer(value.error());
  Result<std::string_view> text = value->String();
  if (!text.ok()) return MalformedAnswer(text.error());
  return text;
}

Result<std::int64_t> GetIndex(const json::Object& event) {
  const Result<json::Value> value = event.Get("index");
  if (!value.ok()) return MalformedAnswer(value.error());
  Result<std::int64_t> index = value->IntegerIn(0, 1'000'000);
  if (!index.ok()) return MalformedAnswer(index.error());
  return index;
}

core::FinishReason ParseStopReason(std::string_view word) {
  if (word == "end_turn") return core::FinishReason::kStop;
  if (word == "stop_sequence") return core::FinishReason::kStopSequence;
  if (word == "max_tokens" || word == "model_context_window_exceeded") {
    return core::FinishReason::kLength;
  }
  if (word == "tool_use") return core::FinishReason::kToolCalls;
  if (word == "refusal") return core::FinishReason::kRefusal;
  return core::FinishReason::kOther;
}

core::StateEvent Signature(std::string_view bytes) {
  return {0, {StateOrigin::kAnthropic, StateKind::kSignature, bytes, {}}};
}
core::StateEvent Redacted(std::string_view bytes) {
  return {0, {StateOrigin::kAnthropic, StateKind::kRedacted, bytes, {}}};
}

core::CitationEvent ReadCitation(const json::Object& citation) {
  core::CitationEvent event;
  event.url = StringOrEmpty(citation, "url");
  event.title = StringOrEmpty(citation, "title");
  if (event.title.empty()) event.title = StringOrEmpty(citation, "document_title");
  event.cited_text = StringOrEmpty(citation, "cited_text");
  if (const std::optional<json::Value> document = FindSet(citation, "document_index")) {
    event.document = document->raw();
  }
  return event;
}

Error ReadFaultEvent(const json::Value& root) { return JudgeFault(ReadFaultBody(root), 0); }

}  // namespace

AnswerReader::Block* AnswerReader::FindBlock(std::int64_t index) {
  for (Block& block : blocks_) {
    if (block.index == index) return &block;
  }
  return nullptr;
}

// Later numbers replace earlier ones: they are running totals.
void AnswerReader::MergeUsage(const json::Object& holder) {
  const std::optional<json::Value> usage = FindSet(holder, "usage");
  if (!usage) return;
  usage_seen_ = true;
  if (!usage->is_object()) {
    usage_odd_ = true;
    return;
  }
  const json::Object object = *usage->Object();
  const auto merge = [&](std::string_view key, std::int64_t& out) {
    const std::optional<json::Value> value = FindSet(object, key);
    if (!value) return;
    const Result<std::int64_t> number = value->IntegerIn(0, kUsageTokensMax / 4);
    if (number.ok()) {
      out = *number;
    } else {
      usage_odd_ = true;
    }
  };
  merge("input_tokens", input_);
  merge("cache_read_input_tokens", cached_read_);
  merge("cache_creation_input_tokens", cached_write_);
  merge("output_tokens", output_);
}

core::Usage AnswerReader::UsageSoFar() const {
  core::Usage usage;
  usage.input_tokens = input_ + cached_read_ + cached_write_;
  usage.cached_read_tokens = cached_read_;
  usage.cached_write_tokens = cached_write_;
  usage.output_tokens = output_;
  // Until the end the output is not known, whatever the first event says.
  usage.estimated = usage_odd_ || !stopped_;
  return usage;
}

Result<FrameKind> AnswerReader::ReadEvent(const json::Value& root, std::vector<core::Event>& out) {
  if (!root.is_object()) return MalformedAnswer(root.Mismatch("an object"));
  const json::Object event = *root.Object();
  TIDEGATE_ASSIGN(const std::string_view type, GetString(event, "type"));
  if (type == "content_block_delta") {
    TIDEGATE_TRY(ReadDelta(event, out));
  } else if (type == "content_block_start") {
    TIDEGATE_TRY(StartBlock(event, out));
  } else if (type == "content_block_stop") {
    TIDEGATE_TRY(StopBlock(event, out));
  } else if (type == "message_start") {
    TIDEGATE_ASSIGN(const json::Object message, GetObject(event, "message"));
    TIDEGATE_TRY(ReadStart(message, out));
  } else if (type == "message_delta") {
    TIDEGATE_TRY(ReadMessageDelta(event, out));
  } else if (type == "message_stop") {
    if (!stopped_) return MalformedAnswer("ended without saying why");
    out.emplace_back(core::DoneEvent{});
    return FrameKind::kDone;
  } else if (type == "error") {
    out.emplace_back(core::ErrorEvent{ReadFaultEvent(root)});
    return FrameKind::kError;
  } else {
    return FrameKind::kIdle;  // ping, and what the API may add
  }
  return FrameKind::kChunk;
}

Result<void> AnswerReader::ReadStart(const json::Object& message, std::vector<core::Event>& out) {
  out.emplace_back(
      core::StartEvent{StringOrEmpty(message, "id"), StringOrEmpty(message, "model"), 0, {}});
  MergeUsage(message);
  if (usage_seen_) out.emplace_back(core::UsageEvent{UsageSoFar()});
  return {};
}

Result<void> AnswerReader::StartBlock(const json::Object& event, std::vector<core::Event>& out) {
  TIDEGATE_ASSIGN(const std::int64_t index, GetIndex(event));
  TIDEGATE_ASSIGN(const json::Object content, GetObject(event, "content_block"));
  TIDEGATE_ASSIGN(const std::string_view type, GetString(content, "type"));
  if (FindBlock(index) != nullptr) return MalformedAnswer("opens a block twice");
  if (blocks_.size() == kBlocksOpenMax) return MalformedAnswer("opens too many blocks at once");
  Block block;
  block.index = index;
  if (type == "text") {
    if (const std::string_view text = StringOrEmpty(content, "text"); !text.empty()) {
      out.emplace_back(core::TextEvent{0, text});
    }
  } else if (type == "thinking") {
    if (const std::string_view text = StringOrEmpty(content, "thinking"); !text.empty()) {
      out.emplace_back(core::ReasoningEvent{0, text});
    }
    if (const std::string_view bytes = StringOrEmpty(content, "signature"); !bytes.empty()) {
      out.emplace_back(Signature(bytes));
    }
  } else if (type == "redacted_thinking") {
    TIDEGATE_ASSIGN(const std::string_view data, GetString(content, "data"));
    out.emplace_back(Redacted(data));
  } else if (type == "tool_use") {
    core::ToolCallEvent call;
    call.index = block.call = calls_++;
    if (calls_ > static_cast<std::int64_t>(kToolCallsPerAnswerMax)) {
      return MalformedAnswer("has too many tool calls");
    }
    TIDEGATE_ASSIGN(call.id, GetString(content, "id"));
    TIDEGATE_ASSIGN(call.name, GetString(content, "name"));
    out.emplace_back(call);
    const std::optional<json::Value> input = FindSet(content, "input");
    if (input && input->is_object() && !input->Object()->empty()) {
      block.late_arguments = input->raw();
    }
  }
  blocks_.push_back(std::move(block));
  return {};
}

Result<void> AnswerReader::ReadDelta(const json::Object& event, std::vector<core::Event>& out) {
  TIDEGATE_ASSIGN(const std::int64_t index, GetIndex(event));
  TIDEGATE_ASSIGN(const json::Object delta, GetObject(event, "delta"));
  TIDEGATE_ASSIGN(const std::string_view type, GetString(delta, "type"));
  Block* const block = FindBlock(index);
  if (block == nullptr) return MalformedAnswer("goes on with a block that is not open");
  if (type == "text_delta") {
    TIDEGATE_ASSIGN(const std::string_view text, GetString(delta, "text"));
    if (!text.empty()) out.emplace_back(core::TextEvent{0, text});
  } else if (type == "thinking_delta") {
    TIDEGATE_ASSIGN(const std::string_view text, GetString(delta, "thinking"));
    if (!text.empty()) out.emplace_back(core::ReasoningEvent{0, text});
  } else if (type == "signature_delta") {
    TIDEGATE_ASSIGN(const std::string_view bytes, GetString(delta, "signature"));
    if (!bytes.empty()) out.emplace_back(Signature(bytes));
  } else if (type == "input_json_delta") {
    TIDEGATE_ASSIGN(const std::string_view text, GetString(delta, "partial_json"));
    if (block->call < 0 || text.empty()) return {};
    block->late_arguments.clear();
    core::ToolCallEvent call;
    call.index = block->call;
    call.arguments = text;
    out.emplace_back(call);
  } else if (type == "citations_delta") {
    TIDEGATE_ASSIGN(const json::Object citation, GetObject(delta, "citation"));
    out.emplace_back(ReadCitation(citation));
  }
  return {};
}

Result<void> AnswerReader::StopBlock(const json::Object& event, std::vector<core::Event>& out) {
  TIDEGATE_ASSIGN(const std::int64_t index, GetIndex(event));
  Block* const block = FindBlock(index);
  if (block == nullptr) return MalformedAnswer("closes a block that is not open");
  if (!block->late_arguments.empty()) {
    // The view must outlive the block: it is that of the events, until the next frame.
    static thread_local std::string kept;
    kept = std::move(block->late_arguments);
    core::ToolCallEvent call;
    call.index = block->call;
    call.arguments = kept;
    out.emplace_back(call);
  }
  blocks_.erase(blocks_.begin() + (block - blocks_.data()));
  return {};
}

void AnswerReader::ReadStop(const json::Object& delta, std::vector<core::Event>& out) {
  const std::string_view reason = StringOrEmpty(delta, "stop_reason");
  if (reason.empty() || stopped_) return;
  stopped_ = true;
  out.emplace_back(
      core::FinishEvent{0, ParseStopReason(reason), StringOrEmpty(delta, "stop_sequence")});
}

Result<void> AnswerReader::ReadMessageDelta(const json::Object& event,
                                            std::vector<core::Event>& out) {
  TIDEGATE_ASSIGN(const json::Object delta, GetObject(event, "delta"));
  ReadStop(delta, out);
  MergeUsage(event);
  if (usage_seen_) out.emplace_back(core::UsageEvent{UsageSoFar()});
  return {};
}

Result<void> AnswerReader::ReadMessage(const json::Value& root, std::vector<core::Event>& out) {
  if (!root.is_object()) return MalformedAnswer(root.Mismatch("an object"));
  const json::Object message = *root.Object();
  if (StringOrEmpty(message, "type") == "error" || FindSet(message, "error")) {
    out.emplace_back(core::ErrorEvent{ReadFaultEvent(root)});
    return {};
  }
  out.emplace_back(
      core::StartEvent{StringOrEmpty(message, "id"), StringOrEmpty(message, "model"), 0, {}});
  const Result<json::Value> content = message.Get("content");
  if (!content.ok()) return MalformedAnswer(content.error());
  TIDEGATE_TRY(ReadContent(*content, out));
  ReadStop(message, out);
  if (!stopped_) return MalformedAnswer("ended without saying why");
  MergeUsage(message);
  if (usage_seen_) out.emplace_back(core::UsageEvent{UsageSoFar()});
  return {};
}

Result<void> AnswerReader::ReadContent(const json::Value& content, std::vector<core::Event>& out) {
  if (!content.is_array()) return MalformedAnswer(content.Mismatch("an array"));
  const json::Array blocks = *content.Array();
  for (const json::Value value : blocks) {
    if (!value.is_object()) return MalformedAnswer(value.Mismatch("an object"));
    const json::Object block = *value.Object();
    TIDEGATE_ASSIGN(const std::string_view type, GetString(block, "type"));
    if (type == "text") {
      TIDEGATE_ASSIGN(const std::string_view text, GetString(block, "text"));
      if (!text.empty()) out.emplace_back(core::TextEvent{0, text});
      const std::optional<json::Value> notes = FindSet(block, "citations");
      if (!notes || !notes->is_array()) continue;
      const json::Array citations = *notes->Array();
      for (const json::Value citation : citations) {
        if (citation.is_object()) out.emplace_back(ReadCitation(*citation.Object()));
      }
    } else if (type == "thinking") {
      TIDEGATE_ASSIGN(const std::string_view text, GetString(block, "thinking"));
      if (!text.empty()) out.emplace_back(core::ReasoningEvent{0, text});
      const std::string_view signature = StringOrEmpty(block, "signature");
      if (!signature.empty()) out.emplace_back(Signature(signature));
    } else if (type == "redacted_thinking") {
      TIDEGATE_ASSIGN(const std::string_view data, GetString(block, "data"));
      out.emplace_back(Redacted(data));
    } else if (type == "tool_use") {
      core::ToolCallEvent call;
      call.index = calls_++;
      TIDEGATE_ASSIGN(call.id, GetString(block, "id"));
      TIDEGATE_ASSIGN(call.name, GetString(block, "name"));
      const std::optional<json::Value> input = FindSet(block, "input");
      call.arguments = input ? input->raw() : std::string_view("{}");
      out.emplace_back(call);
    }
  }
  return {};
}

Result<FrameKind> FrameReader::Read(std::string_view frame, std::vector<core::Event>& out) {
  const sse::Event event = sse::ParseEvent(frame, joined_);
  if (event.data.find_first_not_of(" \t") == std::string_view::npos) return FrameKind::kIdle;
  if (done_ || failed_) return FrameKind::kIgnored;
  const std::size_t before = out.size();
  const ScratchReader json;
  const Result<json::Value> root = json->ParseCopy(event.data, sse::kFrameBytesMax);
  if (!root.ok()) return MalformedAnswer(root.error());
  Result<FrameKind> kind = answer_.ReadEvent(*root, out);
  if (!kind.ok()) {
    out.resize(before);
    return kind;
  }
  done_ = *kind == FrameKind::kDone;
  failed_ = *kind == FrameKind::kError;
  return kind;
}

Result<void> ReadWholeAnswer(const json::Value& root, std::vector<core::Event>& out) {
  return AnswerReader().ReadMessage(root, out);
}

}  // namespace tidegate::protocols::anthropic_messages
