#include "protocols/openai_responses/encoder.h"

#include <cstdint>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "json/writer.h"
#include "protocols/opaque.h"
#include "protocols/openai_chat/error_body.h"
#include "protocols/openai_responses/custom_tool.h"
#include "protocols/openai_responses/item_ids.h"
#include "protocols/openai_responses/output_item.h"

namespace tidegate::protocols::openai_responses {
namespace {

using core::StateKind;
using core::StateOrigin;
using Kind = OutputItem::Kind;

constexpr std::string_view kNoEcho =
    R"("instructions":null,"max_output_tokens":null,"metadata":{},"parallel_tool_calls":true,)"
    R"("temperature":1.0,"tool_choice":"auto","tools":[],"top_p":1.0)";

// One event of a stream, which ends with the writer's life.
class EventWriter {
 public:
  EventWriter(std::string& out, std::string_view type, std::int64_t number)
      : out_(out), json_(Begin(out, type)) {
    json_.BeginObject().Key("type").String(type).Key("sequence_number").Integer(number);
  }
  ~EventWriter() {
    json_.EndObject();
    out_ += "\n\n";
  }
  EventWriter(const EventWriter&) = delete;
  EventWriter& operator=(const EventWriter&) = delete;
  json::Writer& json() { return json_; }

 private:
  static std::string& Begin(std::string& out, std::string_view type) {
    out += "event: ";
    out += type;
    out += "\ndata: ";
    return out;
  }
  std::string& out_;
  json::Writer json_;
};

class Encoder final : public ResponseEncoder {
 public:
  explicit Encoder(EncoderOptions options) : options_(std::move(options)) {}

  void Encode(const core::Event& event, std::string& out) override {
    if (ended_) return;
    std::visit([&](const auto& e) { Take(e, out); }, event);
  }

 private:
  // A call of the upstream's numbering; what came of it before it has a name waits.
  struct Call {
    std::string id, name, waiting;
    std::optional<std::size_t> item;
    bool closed = false;
  };

  // --- Frames ---
  void WriteResponse(json::Writer& json, std::string& out, std::string_view status) {
    json.BeginObject().Key("id").String(MakeId("resp", options_.id));
    json.Key("object").String("response").Key("created_at").Integer(options_.created_s);
    json.Key("status").String(status);
    out += ',';
    out += options_.echo.empty() ? kNoEcho : std::string_view(options_.echo);
    json.Key("error");
    if (failure_) {
      json.BeginObject().Key("code").String(FailureCode(*failure_));
      json.Key("message").String(failure_->message).EndObject();
    } else {
      json.Null();
    }
    json.Key("incomplete_details");
    if (status == "incomplete") {
      const bool length = finish_ == core::FinishReason::kLength;
      json.BeginObject().Key("reason").String(length ? "max_output_tokens" : "content_filter");
      json.EndObject();
    } else {
      json.Null();
    }
    json.Key("model").String(options_.model).Key("output").BeginArray();
    for (std::size_t i = 0; i < items_.size(); ++i) {
      const bool cut = status == "incomplete" && i + 1 == items_.size();
      WriteItem(json, items_[i], cut ? "incomplete" : "completed");
    }
    json.EndArray().Key("previous_response_id");
    if (options_.previous_id.empty()) {
      json.Null();
    } else {
      json.String(options_.previous_id);
    }
    WriteUsage(json.Key("usage"), usage_);
    json.EndObject();
  }

  void ResponseEvent(std::string_view type, std::string_view status, std::string& out) {
    EventWriter event(out, type, number_++);
    WriteResponse(event.json().Key("response"), out, status);
  }

  void Begin(std::string& out) {
    if (begun_) return;
    begun_ = true;
    if (!options_.stream) return;
    ResponseEvent("response.created", "in_progress", out);
    ResponseEvent("response.in_progress", "in_progress", out);
  }

  void ItemEvent(std::string_view type, std::string_view status, std::string& out) {
    if (!options_.stream) return;
    EventWriter event(out, type, number_++);
    event.json().Key("output_index").Integer(static_cast<std::int64_t>(items_.size()) - 1);
    WriteItem(event.json().Key("item"), items_.back(), status);
  }

  // The members that say which item an event is about.
  json::Writer& Locate(EventWriter& event) const {
    event.json().Key("item_id").String(items_.back().id);
    return event.json().Key("output_index").Integer(static_cast<std::int64_t>(items_.size()) - 1);
  }
  json::Writer& LocatePart(EventWriter& event) const {
    const OutputItem& item = items_.back();
    const auto parts = static_cast<std::int64_t>(item.parts.size());
    const std::string_view key = item.summary ? "summary_index" : "content_index";
    return Locate(event).Key(key).Integer(item.kind == Kind::kMessage ? parts - 1 : 0);
  }

  // --- Items ---
  bool IsOpen(Kind kind) const { return open_ && items_.back().kind == kind; }

  OutputItem& OpenItem(Kind kind, std::string id, std::string& out) {
    Begin(out);
    CloseItem("completed", out);
    open_ = true;
    items_.push_back({.kind = kind, .id = std::move(id)});
    return items_.back();
  }
  std::string NextId(std::string_view kind) const {
    return MakeId(kind, options_.id, static_cast<std::int64_t>(items_.size()));
  }

  void CloseItem(std::string_view status, std::string& out) {
    if (!open_) return;
    switch (items_.back().kind) {
      case Kind::kMessage:
        ClosePart(out);
        break;
      case Kind::kReasoning:
        CloseThought(out);
        break;
      case Kind::kFunctionCall:
      case Kind::kCustomCall:
        CloseCall(out);
        break;
    }
    ItemEvent("response.output_item.done", status, out);
    open_ = false;
  }

  OutputPart& OpenPart(bool refusal, std::string& out) {
    if (!IsOpen(Kind::kMessage)) {
      OpenItem(Kind::kMessage, NextId("msg"), out);
      ItemEvent("response.output_item.added", "in_progress", out);
    }
    std::vector<OutputPart>& parts = items_.back().parts;
    if (!parts.empty() && parts.back().refusal == refusal) return parts.back();
    ClosePart(out);
    parts.emplace_back().refusal = refusal;
    if (options_.stream) {
      EventWriter event(out, "response.content_part.added", number_++);
      WritePart(LocatePart(event).Key("part"), parts.back());
    }
    return parts.back();
  }

  void ClosePart(std::string& out) {
    if (!options_.stream || items_.back().parts.empty()) return;
    const OutputPart& part = items_.back().parts.back();
    {
      EventWriter event(out, part.refusal ? "response.refusal.done" : "response.output_text.done",
                        number_++);
      LocatePart(event).Key(part.refusal ? "refusal" : "text").String(part.text);
      if (!part.refusal) WriteLogprobs(event, part.logprobs);
    }
    EventWriter event(out, "response.content_part.done", number_++);
    WritePart(LocatePart(event).Key("part"), part);
  }

  static void WriteLogprobs(EventWriter& event, std::string_view entries) {
    event.json().Key("logprobs").BeginArray();
    if (!entries.empty()) event.json().Raw(entries);
    event.json().EndArray();
  }

  void Say(bool refusal, std::string_view text, std::string& out) {
    OutputPart& part = OpenPart(refusal, out);
    part.text += text;
    const std::string logprobs = std::exchange(logprobs_, {});
    if (!logprobs.empty()) {
      if (!part.logprobs.empty()) part.logprobs += ',';
      part.logprobs += logprobs;
    }
    if (!options_.stream) return;
    EventWriter event(out, refusal ? "response.refusal.delta" : "response.output_text.delta",
                      number_++);
    LocatePart(event).Key("delta").String(text);
    if (!refusal) WriteLogprobs(event, logprobs);
  }

  // --- Thoughts ---
  void OpenThought(std::string id, std::string& out) {
    OpenItem(Kind::kReasoning, std::move(id), out).summary = options_.summary;
    ItemEvent("response.output_item.added", "in_progress", out);
  }
  void ThoughtPartEvent(std::string_view moment, std::string& out) {
    const OutputItem& item = items_.back();
    const std::string type =
        (item.summary ? "response.reasoning_summary_part." : "response.content_part.") +
        std::string(moment);
    EventWriter event(out, type, number_++);
    const std::string_view text = moment == "done" ? std::string_view(item.text) : "";
    WriteThoughtPart(LocatePart(event).Key("part"), item.summary, text);
  }
  void Think(std::string_view text, std::string& out) {
    if (text.empty()) return;
    if (!IsOpen(Kind::kReasoning)) OpenThought(NextId("rs"), out);
    OutputItem& item = items_.back();
    const bool first = item.text.empty();
    item.text += text;
    if (!options_.stream) return;
    if (first) ThoughtPartEvent("added", out);
    EventWriter event(
        out,
        item.summary ? "response.reasoning_summary_text.delta" : "response.reasoning_text.delta",
        number_++);
    LocatePart(event).Key("delta").String(text);
  }
  void CloseThought(std::string& out) {
    const OutputItem& item = items_.back();
    if (!options_.stream || item.text.empty()) return;
    {
      EventWriter event(
          out,
          item.summary ? "response.reasoning_summary_text.done" : "response.reasoning_text.done",
          number_++);
      LocatePart(event).Key("text").String(item.text);
    }
    ThoughtPartEvent("done", out);
  }

  void TakeState(const core::OpaqueState& state, std::string& out) {
    const bool own = state.origin == StateOrigin::kOpenAi && state.kind == StateKind::kRedacted;
    // A thought of OpenAI's may have said its summary before; another's redacted thought and the
    // state of a part stand alone.
    const bool of_open = IsOpen(Kind::kReasoning) && (own || state.kind == StateKind::kSignature);
    if (!of_open) OpenThought(own && !state.id.empty() ? std::string(state.id) : NextId("rs"), out);
    OutputItem& item = items_.back();
    // The bytes are good only under the name that their maker gave them.
    const bool renamed = own && !state.id.empty() && state.id != item.id;
    item.encrypted =
        WrapState(state, renamed ? StateOrigin::kNone : StateOrigin::kOpenAi, StateKind::kRedacted);
    CloseItem("completed", out);
  }

  // --- Calls ---
  void OpenCall(Call& call, std::int64_t index, std::string& out) {
    const auto known = options_.tools.find(call.name);
    const bool custom = known != options_.tools.end() && known->second.text_input;
    OutputItem& item = OpenItem(custom ? Kind::kCustomCall : Kind::kFunctionCall,
                                NextId(custom ? "ctc" : "fc"), out);
    call.item = items_.size() - 1;
    open_call_ = static_cast<std::size_t>(index);
    item.call_id = call.id.empty() ? MakeId("call", options_.id, index) : call.id;
    item.name = known == options_.tools.end() ? call.name : known->second.name;
    if (known != options_.tools.end()) item.group = known->second.group;
    ItemEvent("response.output_item.added", "in_progress", out);
  }

  // A custom tool's input can be told only when all of its arguments are there.
  void Release(Call& call, std::string& out) {
    OutputItem& item = items_[*call.item];
    item.text += call.waiting;
    const std::string delta = std::exchange(call.waiting, {});
    if (!options_.stream || delta.empty() || item.kind == Kind::kCustomCall) return;
    EventWriter event(out, "response.function_call_arguments.delta", number_++);
    Locate(event).Key("delta").String(delta);
  }

  void CloseCall(std::string& out) {
    OutputItem& item = items_.back();
    calls_[open_call_].closed = options_.stream;
    if (!options_.stream) return;
    if (item.kind == Kind::kFunctionCall) {
      EventWriter event(out, "response.function_call_arguments.done", number_++);
      Locate(event).Key("name").String(item.name).Key("arguments").String(item.text);
      return;
    }
    item.text = ToText(item.text);
    if (!item.text.empty()) {
      EventWriter event(out, "response.custom_tool_call_input.delta", number_++);
      Locate(event).Key("delta").String(item.text);
    }
    EventWriter event(out, "response.custom_tool_call_input.done", number_++);
    Locate(event).Key("input").String(item.text);
  }

  // --- Events ---
  void Take(const core::StartEvent& event, std::string&) {
    if (!event.model.empty()) options_.model = event.model;
  }
  void Take(const core::TextEvent& event, std::string& out) { Say(false, event.text, out); }
  void Take(const core::RefusalEvent& event, std::string& out) {
    refused_ = true;
    Say(true, event.text, out);
  }
  void Take(const core::ReasoningEvent& event, std::string& out) { Think(event.text, out); }
  void Take(const core::StateEvent& event, std::string& out) { TakeState(event.state, out); }
  void Take(const core::CitationEvent& event, std::string& out) {
    OutputPart& part = OpenPart(false, out);
    std::string entry;
    json::Writer writer(entry);
    WriteAnnotation(writer, event, part.text.size());
    if (!part.annotations.empty()) part.annotations += ',';
    part.annotations += entry;
    const std::int64_t index = part.annotation_count++;
    if (!options_.stream) return;
    EventWriter added(out, "response.output_text.annotation.added", number_++);
    LocatePart(added).Key("annotation_index").Integer(index).Key("annotation").Raw(entry);
  }
  void Take(const core::ToolCallEvent& event, std::string& out) {
    const auto at = static_cast<std::size_t>(event.index);
    if (calls_.size() <= at) calls_.resize(at + 1);
    Call& call = calls_[at];
    if (call.id.empty()) call.id = event.id;
    if (call.name.empty()) call.name = event.name;
    call.waiting += event.arguments;
    if (!call.item && !call.name.empty()) OpenCall(call, event.index, out);
    if (call.item && !call.closed) Release(call, out);
  }
  void Take(const core::LogprobsEvent& event, std::string&) {
    if (event.refusal) return;  // a refusal has no place for them
    if (!logprobs_.empty()) logprobs_ += ',';
    logprobs_ += event.content;
  }
  void Take(const core::FinishEvent& event, std::string&) { finish_ = event.reason; }
  void Take(const core::UsageEvent& event, std::string&) { usage_ = event.usage; }
  void Take(const core::ErrorEvent& event, std::string& out) { Fail(event.error(), out); }

  void Take(const core::DoneEvent&, std::string& out) {
    Begin(out);
    for (std::size_t i = 0; i < calls_.size(); ++i) {
      Call& call = calls_[i];
      // More of a call came when another one had begun: half of it must not be believed.
      if (call.closed && !call.waiting.empty()) return Fail(Mixed(), out);
      if (!call.item && !call.name.empty()) {
        OpenCall(call, static_cast<std::int64_t>(i), out);
        Release(call, out);
      }
    }
    const bool cut = finish_ == core::FinishReason::kLength ||
                     finish_ == core::FinishReason::kContentFilter ||
                     (finish_ == core::FinishReason::kRefusal && !refused_);
    const std::string_view status = cut ? "incomplete" : "completed";
    CloseItem(status, out);
    ended_ = true;
    if (options_.stream) {
      return ResponseEvent(cut ? "response.incomplete" : "response.completed", status, out);
    }
    for (OutputItem& item : items_) {
      if (item.kind == Kind::kCustomCall) item.text = ToText(item.text);
    }
    json::Writer json(out);
    WriteResponse(json, out, status);
  }

  void Fail(const Error& error, std::string& out) {
    ended_ = true;
    if (!options_.stream) return;
    failure_ = error;
    out += EncodeErrorEvent(error, number_++);
    ResponseEvent("response.failed", "failed", out);
  }
  static Error Mixed() {
    Error error{ErrorCode::kProtocol, ErrorSource::kUpstream, Retry::kOtherTarget,
                "the upstream mixed the arguments of its tool calls"};
    error.reason = "mixed_tool_calls";
    return error;
  }

  EncoderOptions options_;
  std::int64_t number_ = 0;  // of the next event
  std::vector<OutputItem> items_;
  bool open_ = false;  // the last item is
  std::vector<Call> calls_;
  std::size_t open_call_ = 0;
  std::string logprobs_;  // of the text that comes next
  std::optional<core::Usage> usage_;
  std::optional<core::FinishReason> finish_;
  std::optional<Error> failure_;
  bool begun_ = false, ended_ = false, refused_ = false;
};

}  // namespace

EncoderOptions OptionsFor(const core::Request& request, const RequestId& id,
                          std::int64_t created_s) {
  EncoderOptions options{.id = id,
                         .created_s = created_s,
                         .model = request.model,
                         .previous_id = std::string(request.previous_id),
                         .echo = std::string(request.echo),
                         .stream = request.stream,
                         .summary = request.reasoning.visible.value_or(false),
                         .tools = {}};
  for (const core::ToolSpec& tool : request.tools) {
    if (!tool.text_input && tool.group.empty()) continue;
    const std::size_t begin = tool.group.empty() ? 0 : tool.group.size() + kGroupSeparator.size();
    options.tools.emplace(tool.name,
                          CallersTool{std::string(tool.group), std::string(tool.name.substr(begin)),
                                      tool.text_input});
  }
  return options;
}

std::unique_ptr<ResponseEncoder> NewResponsesEncoder(EncoderOptions options) {
  return std::make_unique<Encoder>(std::move(options));
}

std::string_view FailureCode(const Error& error) {
  if (error.reason == "context_length_exceeded") return "context_length_exceeded";
  switch (error.code) {
    case ErrorCode::kRateLimited:
      return "rate_limit_exceeded";
    case ErrorCode::kBudgetExceeded:
      return "insufficient_quota";
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kTooLarge:
      return "invalid_prompt";
    default:
      return "server_error";
  }
}

// The description of the API has the members in the event itself; OpenAI's servers write, and its
// clients look for, an object of them.
std::string EncodeErrorEvent(const Error& error, std::int64_t sequence_number) {
  std::string out;
  {
    EventWriter event(out, "error", sequence_number);
    const auto write = [&](json::Writer& json) {
      json.Key("code").String(error.reason.empty() ? ToString(error.code)
                                                   : std::string_view(error.reason));
      json.Key("message").String(error.message).Key("param");
      if (error.field.empty()) {
        json.Null();
      } else {
        json.String(error.field);
      }
    };
    write(event.json());
    event.json().Key("error").BeginObject();
    event.json().Key("type").String(openai_chat::ErrorType(error.code));
    write(event.json());
    event.json().EndObject();
  }
  return out;
}

}  // namespace tidegate::protocols::openai_responses
