#include "protocols/openai_responses/answer_reader.h"

#include <algorithm>
#include <limits>
#include <list>
#include <optional>
#include <utility>

#include "json/writer.h"
#include "protocols/json_members.h"
#include "protocols/openai_responses/custom_tool.h"
#include "protocols/openai_responses/limits.h"
#include "protocols/scratch_reader.h"
#include "protocols/sse/event.h"
#include "protocols/upstream_error.h"
#include "protocols/usage_fields.h"

namespace tidegate::protocols::openai_responses {
namespace {

using core::StateKind;
using core::StateOrigin;

constexpr std::string_view kDoneData = "[DONE]";  // of servers that end every stream so

// Texts that stand in no document, for the views of one call of a reader of this thread.
std::list<std::string>& Kept() {
  thread_local std::list<std::string> kept;
  return kept;
}
std::string_view Keep(std::string text) { return Kept().emplace_back(std::move(text)); }

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
  const Result<json::Value> value = event.Get("output_index");
  if (!value.ok()) return MalformedAnswer(value.error());
  Result<std::int64_t> index = value->IntegerIn(0, kOutputItemsMax);
  if (!index.ok()) return MalformedAnswer(index.error());
  return index;
}

// Informative: what is missing or strange is not said.
std::int64_t OffsetOr(const json::Object& object, std::string_view key) {
  const std::optional<json::Value> value = object.Find(key);
  if (!value || value->kind() != json::Kind::kInteger) return -1;
  const Result<std::int64_t> number = value->IntegerIn(0, std::numeric_limits<std::int32_t>::max());
  return number.ok() ? *number : -1;
}

core::CitationEvent ReadAnnotation(const json::Object& note) {
  core::CitationEvent event;
  event.begin = OffsetOr(note, "start_index");
  event.end = OffsetOr(note, "end_index");
  event.url = StringOrEmpty(note, "url");
  event.title = StringOrEmpty(note, event.url.empty() ? "filename" : "title");
  event.document = StringOrEmpty(note, "file_id");
  event.cited_text = StringOrEmpty(note, "content");
  return event;
}

void ReadLogprobs(const json::Object& object, std::vector<core::Event>& out) {
  const std::optional<json::Value> entries = FindSet(object, "logprobs");
  if (!entries || !entries->is_array() || entries->Array()->empty()) return;
  std::string_view raw = entries->raw();
  raw.remove_prefix(1);
  raw.remove_suffix(1);
  out.emplace_back(core::LogprobsEvent{.choice = 0, .content = raw});
}

core::Usage ReadUsage(const json::Value& value) {
  core::Usage usage;
  usage.estimated = true;
  if (!value.is_object()) return usage;
  const json::Object object = *value.Object();
  bool believed = ReadCount(object, "input_tokens", usage.input_tokens);
  believed &= ReadCount(object, "output_tokens", usage.output_tokens);
  believed &=
      ReadCountIn(object, "input_tokens_details", "cached_tokens", usage.cached_read_tokens);
  believed &=
      ReadCountIn(object, "input_tokens_details", "cache_write_tokens", usage.cached_write_tokens);
  believed &=
      ReadCountIn(object, "output_tokens_details", "reasoning_tokens", usage.reasoning_tokens);
  believed &= object.Find("input_tokens").has_value() || object.Find("output_tokens").has_value();
  believed &= ClampParts(usage);
  usage.estimated = !believed;
  return usage;
}

core::FinishReason FinishOf(const json::Object& response, std::string_view status, bool called) {
  if (status != "incomplete") {
    return called ? core::FinishReason::kToolCalls : core::FinishReason::kStop;
  }
  const std::optional<json::Value> details = FindSet(response, "incomplete_details");
  const std::string_view reason = details && details->is_object()
                                      ? StringOrEmpty(*details->Object(), "reason")
                                      : std::string_view();
  if (reason == "max_output_tokens") return core::FinishReason::kLength;
  if (reason == "content_filter") return core::FinishReason::kContentFilter;
  return core::FinishReason::kOther;
}

core::ErrorEvent Failure(const json::Object& response) {
  const std::optional<json::Value> error = FindSet(response, "error");
  return core::ErrorEvent{JudgeFault(error ? ReadFault(*error) : Fault{}, 0)};
}

}  // namespace

AnswerReader::Item* AnswerReader::Find(std::int64_t index) {
  const auto found = std::find_if(items_.rbegin(), items_.rend(),
                                  [&](const Item& item) { return item.index == index; });
  return found == items_.rend() ? nullptr : &*found;
}

// The item that an event is about. Texts need no announcement.
Result<AnswerReader::Item*> AnswerReader::FindFor(const json::Object& event) {
  TIDEGATE_ASSIGN(const std::int64_t index, GetIndex(event));
  if (Item* const known = Find(index)) return known;
  items_.emplace_back().index = index;
  return &items_.back();
}

Result<AnswerReader::Item*> AnswerReader::Add(const json::Object& object, std::int64_t index,
                                              std::vector<core::Event>& out) {
  if (static_cast<std::int64_t>(items_.size()) >= kOutputItemsMax) {
    return MalformedAnswer("has too many items");
  }
  Item& item = items_.emplace_back();
  item.index = index;
  const std::string_view type = StringOrEmpty(object, "type");
  item.custom = type == "custom_tool_call";
  if (type != "function_call" && !item.custom) return &item;
  if (calls_ == static_cast<std::int64_t>(kToolCallsPerAnswerMax)) {
    return MalformedAnswer("has too many tool calls");
  }
  item.call = calls_++;
  core::ToolCallEvent call;
  call.index = item.call;
  TIDEGATE_ASSIGN(call.id, GetString(object, "call_id"));
  TIDEGATE_ASSIGN(call.name, GetString(object, "name"));
  const std::string_view group = StringOrEmpty(object, "namespace");
  if (!group.empty()) call.name = Keep(JoinedName(group, call.name));
  out.emplace_back(call);
  return &item;
}

void AnswerReader::ReadStart(const json::Object& response, std::vector<core::Event>& out) {
  if (std::exchange(started_, true)) return;
  core::StartEvent start;
  start.id = StringOrEmpty(response, "id");
  start.model = StringOrEmpty(response, "model");
  const std::optional<json::Value> created = FindSet(response, "created_at");
  if (created) {
    const Result<double> seconds = created->Number();
    if (seconds.ok() && *seconds >= 0 && *seconds < 1e15) {
      start.created_s = static_cast<std::int64_t>(*seconds);
    }
  }
  out.emplace_back(start);
}

Result<FrameKind> AnswerReader::ReadEvent(const json::Value& root, std::vector<core::Event>& out) {
  Kept().clear();
  if (!root.is_object()) return MalformedAnswer(root.Mismatch("an object"));
  const json::Object event = *root.Object();
  TIDEGATE_ASSIGN(const std::string_view type, GetString(event, "type"));
  if (type == "error") {
    out.emplace_back(core::ErrorEvent{JudgeFault(ReadFaultBody(root), 0)});
    return FrameKind::kError;
  }
  if (type == "response.created" || type == "response.in_progress" || type == "response.queued") {
    TIDEGATE_ASSIGN(const json::Object response, GetObject(event, "response"));
    ReadStart(response, out);
    return FrameKind::kChunk;
  }
  if (type == "response.completed" || type == "response.incomplete" || type == "response.failed") {
    TIDEGATE_ASSIGN(const json::Object response, GetObject(event, "response"));
    return ReadEnd(response, out);
  }
  if (type == "response.output_item.added") {
    TIDEGATE_ASSIGN(const json::Object item, GetObject(event, "item"));
    TIDEGATE_ASSIGN(const std::int64_t index, GetIndex(event));
    TIDEGATE_TRY(Add(item, index, out));
    return FrameKind::kChunk;
  }
  if (type == "response.output_item.done") {
    TIDEGATE_TRY(ReadItemDone(event, out));
    return FrameKind::kChunk;
  }
  TIDEGATE_ASSIGN(const bool known, ReadDelta(type, event, out));
  return known ? FrameKind::kChunk
               : FrameKind::kIdle;  // tools of the vendor's, and what comes next
}

Result<bool> AnswerReader::ReadDelta(std::string_view type, const json::Object& event,
                                     std::vector<core::Event>& out) {
  const bool text = type == "response.output_text.delta";
  const bool refusal = type == "response.refusal.delta";
  const bool thought =
      type == "response.reasoning_summary_text.delta" || type == "response.reasoning_text.delta";
  const bool arguments = type == "response.function_call_arguments.delta";
  const bool input = type == "response.custom_tool_call_input.delta";
  if (text || refusal || thought || arguments || input) {
    TIDEGATE_ASSIGN(Item* const item, FindFor(event));
    TIDEGATE_ASSIGN(const std::string_view delta, GetString(event, "delta"));
    if ((arguments || input) && item->call < 0) {
      return MalformedAnswer("goes on with a call that it did not begin");
    }
    if (text) ReadLogprobs(event, out);
    if (delta.empty()) return true;
    if (text) out.emplace_back(core::TextEvent{0, delta});
    if (refusal) out.emplace_back(core::RefusalEvent{0, delta});
    if (thought) out.emplace_back(core::ReasoningEvent{0, delta});
    if (input) TellInput(*item, delta, out);
    if (arguments) {
      core::ToolCallEvent call;
      call.index = item->call;
      call.arguments = delta;
      out.emplace_back(call);
    }
    item->told = true;
    return true;
  }
  if (type == "response.reasoning_summary_part.added") {
    TIDEGATE_ASSIGN(Item* const item, FindFor(event));
    if (item->told) out.emplace_back(core::ReasoningEvent{0, "\n\n"});  // between two paragraphs
    return true;
  }
  if (type == "response.output_text.annotation.added") {
    TIDEGATE_ASSIGN(const json::Object note, GetObject(event, "annotation"));
    out.emplace_back(ReadAnnotation(note));
    return true;
  }
  return false;
}

// A custom tool's text, as a function of one string takes it.
void AnswerReader::TellInput(Item& item, std::string_view text, std::vector<core::Event>& out) {
  std::string escaped(item.told ? "" : kTextInputBegin);
  json::EscapeInto(escaped, text);
  core::ToolCallEvent call;
  call.index = item.call;
  call.arguments = Keep(std::move(escaped));
  out.emplace_back(call);
  item.told = true;
}

void AnswerReader::EndInput(const Item& item, std::vector<core::Event>& out) {
  core::ToolCallEvent call;
  call.index = item.call;
  call.arguments = kTextInputEnd;
  out.emplace_back(call);
}

Result<void> AnswerReader::ReadItemDone(const json::Object& event, std::vector<core::Event>& out) {
  TIDEGATE_ASSIGN(const json::Object object, GetObject(event, "item"));
  TIDEGATE_ASSIGN(const std::int64_t index, GetIndex(event));
  Item* item = Find(index);
  if (item == nullptr || item->done) {
    TIDEGATE_ASSIGN(item, Add(object, index, out));
  }
  return ReadWholeItem(object, *item, out);
}

// What of the item was not told yet.
Result<void> AnswerReader::ReadWholeItem(const json::Object& object, Item& item,
                                         std::vector<core::Event>& out) {
  item.done = true;
  const std::string_view type = StringOrEmpty(object, "type");
  if (type == "reasoning") {
    ReadThought(object, item, out);
  } else if (item.custom) {
    TIDEGATE_ASSIGN(const std::string_view input, GetString(object, "input"));
    if (!item.told) TellInput(item, input, out);
    EndInput(item, out);
  } else if (item.call >= 0 && !item.told) {
    TIDEGATE_ASSIGN(const std::string_view arguments, GetString(object, "arguments"));
    core::ToolCallEvent call;
    call.index = item.call;
    call.arguments = arguments;
    out.emplace_back(call);
  } else if (type == "message" && !item.told) {
    TIDEGATE_TRY(ReadContent(object, out));
  }
  item.told = true;
  return {};
}

Result<void> AnswerReader::ReadContent(const json::Object& object, std::vector<core::Event>& out) {
  const Result<json::Value> content = object.Get("content");
  if (!content.ok()) return MalformedAnswer(content.error());
  if (!content->is_array()) return MalformedAnswer(content->Mismatch("an array"));
  const json::Array parts = *content->Array();
  for (const json::Value value : parts) {
    if (!value.is_object()) return MalformedAnswer(value.Mismatch("an object"));
    const json::Object part = *value.Object();
    TIDEGATE_ASSIGN(const std::string_view type, GetString(part, "type"));
    if (type == "refusal") {
      TIDEGATE_ASSIGN(const std::string_view text, GetString(part, "refusal"));
      if (!text.empty()) out.emplace_back(core::RefusalEvent{0, text});
    } else if (type == "output_text") {
      TIDEGATE_ASSIGN(const std::string_view text, GetString(part, "text"));
      ReadLogprobs(part, out);
      if (!text.empty()) out.emplace_back(core::TextEvent{0, text});
      const std::optional<json::Value> notes = FindSet(part, "annotations");
      if (!notes || !notes->is_array()) continue;
      const json::Array annotations = *notes->Array();
      for (const json::Value note : annotations) {
        if (note.is_object()) out.emplace_back(ReadAnnotation(*note.Object()));
      }
    }
  }
  return {};
}

void AnswerReader::ReadThought(const json::Object& object, Item& item,
                               std::vector<core::Event>& out) {
  for (const std::string_view key : {"content", "summary"}) {
    const std::optional<json::Value> list = FindSet(object, key);
    if (item.told || !list || !list->is_array()) continue;
    const json::Array texts = *list->Array();
    for (const json::Value value : texts) {
      if (!value.is_object()) continue;
      const std::string_view text = StringOrEmpty(*value.Object(), "text");
      if (text.empty()) continue;
      if (item.told) out.emplace_back(core::ReasoningEvent{0, "\n\n"});
      out.emplace_back(core::ReasoningEvent{0, text});
      item.told = true;
    }
  }
  const std::string_view bytes = StringOrEmpty(object, "encrypted_content");
  if (bytes.empty()) return;
  out.emplace_back(core::StateEvent{
      0, {StateOrigin::kOpenAi, StateKind::kRedacted, bytes, StringOrEmpty(object, "id")}});
}

Result<FrameKind> AnswerReader::ReadEnd(const json::Object& response,
                                        std::vector<core::Event>& out) {
  ReadStart(response, out);
  const std::string_view status = StringOrEmpty(response, "status");
  const bool failed = status == "failed" || status == "cancelled" || FindSet(response, "error");
  if (failed) {
    out.emplace_back(Failure(response));
    return FrameKind::kError;
  }
  const bool told =
      std::any_of(items_.begin(), items_.end(), [](const Item& item) { return item.told; });
  if (!told) {
    items_.clear();
    if (calls_ == 0) TIDEGATE_TRY(ReadOutput(response, out));
  }
  for (Item& item : items_) {
    if (item.custom && !item.done) EndInput(item, out);
    item.done = true;
  }
  out.emplace_back(core::FinishEvent{0, FinishOf(response, status, calls_ > 0), {}});
  if (const std::optional<json::Value> usage = FindSet(response, "usage")) {
    out.emplace_back(core::UsageEvent{ReadUsage(*usage)});
  }
  out.emplace_back(core::DoneEvent{});
  return FrameKind::kDone;
}

Result<void> AnswerReader::ReadOutput(const json::Object& response, std::vector<core::Event>& out) {
  const std::optional<json::Value> output = FindSet(response, "output");
  if (!output) return {};
  if (!output->is_array()) return MalformedAnswer(output->Mismatch("an array"));
  const json::Array items = *output->Array();
  std::int64_t index = 0;
  for (const json::Value value : items) {
    if (!value.is_object()) return MalformedAnswer(value.Mismatch("an object"));
    TIDEGATE_ASSIGN(Item* const item, Add(*value.Object(), index++, out));
    TIDEGATE_TRY(ReadWholeItem(*value.Object(), *item, out));
  }
  return {};
}

Result<void> AnswerReader::ReadResponse(const json::Value& root, std::vector<core::Event>& out) {
  Kept().clear();
  if (!root.is_object()) return MalformedAnswer(root.Mismatch("an object"));
  const json::Object response = *root.Object();
  const std::optional<json::Value> error = FindSet(response, "error");
  if (error && !FindSet(response, "status")) {  // an error body, and no response
    out.emplace_back(core::ErrorEvent{JudgeFault(ReadFaultBody(root), 0)});
    return {};
  }
  const std::string_view status = StringOrEmpty(response, "status");
  if (!FindSet(response, "output") && status != "failed" && !error) {
    return MalformedAnswer("is empty");
  }
  if (status == "queued" || status == "in_progress") return MalformedAnswer("is not finished");
  TIDEGATE_ASSIGN(const FrameKind kind, ReadEnd(response, out));
  if (kind == FrameKind::kDone) out.pop_back();  // the caller adds it
  return {};
}

Result<FrameKind> FrameReader::Read(std::string_view frame, std::vector<core::Event>& out) {
  const sse::Event event = sse::ParseEvent(frame, joined_);
  if (event.data.find_first_not_of(" \t") == std::string_view::npos) return FrameKind::kIdle;
  if (done_ || failed_) return FrameKind::kIgnored;
  if (event.data == kDoneData) return MalformedAnswer("ended before it was complete");
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
  return AnswerReader().ReadResponse(root, out);
}

}  // namespace tidegate::protocols::openai_responses
