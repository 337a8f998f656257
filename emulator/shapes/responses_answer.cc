#include <fmt/format.h>

#include "emulator/fields.h"
#include "emulator/seal.h"
#include "emulator/shapes/openai_chat.h"
#include "emulator/shapes/responses.h"
#include "json/writer.h"

namespace tidegate::emulator::responses {
namespace {

const Extra& ExtraOf(const Reply& reply) { return static_cast<const Extra&>(*reply.request.extra); }

std::string IdOf(const Reply& reply) { return "resp_" + reply.answer.id; }

enum class ItemKind : std::uint8_t { kReasoning, kMessage, kCall };

ItemKind KindOf(TokenKind kind) {
  switch (kind) {
    case TokenKind::kReasoning:
      return ItemKind::kReasoning;
    case TokenKind::kText:
    case TokenKind::kRefusal:
      return ItemKind::kMessage;
    case TokenKind::kToolName:
    case TokenKind::kToolArguments:
      return ItemKind::kCall;
  }
  return ItemKind::kMessage;
}

// One item of the answer, as far as it has come.
struct Item {
  ItemKind kind = ItemKind::kMessage;
  bool refused = false;
  std::string id, text, call_id, name;
};

Item BeginItem(const Reply& reply, const Choice& choice, const Token& first) {
  Item item;
  item.kind = KindOf(first.kind);
  item.refused = first.kind == TokenKind::kRefusal;
  switch (item.kind) {
    case ItemKind::kReasoning:
      item.id = "rs_" + reply.answer.id;
      break;
    case ItemKind::kMessage:
      item.id = "msg_" + reply.answer.id;
      break;
    case ItemKind::kCall:
      item.id = fmt::format("fc_{}_{}", reply.answer.id, first.tool_call);
      item.call_id = choice.tool_call_ids[first.tool_call];
      item.name = first.text;
      break;
  }
  return item;
}

void WritePart(json::Writer& writer, const Item& item, std::string_view text) {
  writer.BeginObject();
  if (item.kind == ItemKind::kReasoning) {
    writer.Key("type").String("summary_text").Key("text").String(text);
  } else if (item.refused) {
    writer.Key("type").String("refusal").Key("refusal").String(text);
  } else {
    writer.Key("type").String("output_text").Key("text").String(text);
    writer.Key("annotations").BeginArray().EndArray();
    writer.Key("logprobs").BeginArray().EndArray();
  }
  writer.EndObject();
}

void WriteItem(json::Writer& writer, const Reply& reply, const Item& item,
               std::string_view status) {
  const bool begun = status == "in_progress";
  writer.BeginObject().Key("id").String(item.id);
  switch (item.kind) {
    case ItemKind::kReasoning: {
      writer.Key("type").String("reasoning").Key("summary").BeginArray();
      if (!begun && ExtraOf(reply).summary) WritePart(writer, item, item.text);
      writer.EndArray();
      if (ExtraOf(reply).encrypted_reasoning) {
        const std::string_view bound[] = {item.id};
        writer.Key("encrypted_content").String(MakeSeal(kReasoningSeal, bound, item.text));
      }
      break;
    }
    case ItemKind::kMessage:
      writer.Key("type").String("message").Key("status").String(status);
      writer.Key("role").String("assistant").Key("content").BeginArray();
      if (!begun) WritePart(writer, item, item.text);
      writer.EndArray();
      break;
    case ItemKind::kCall:
      writer.Key("type").String("function_call").Key("status").String(status);
      writer.Key("call_id").String(item.call_id).Key("name").String(item.name);
      writer.Key("arguments").String(item.text);
      break;
  }
  writer.EndObject();
}

std::vector<Item> ItemsOf(const Reply& reply) {
  std::vector<Item> items;
  if (reply.answer.choices.empty()) return items;
  const Choice& choice = reply.answer.choices.front();
  for (const Token& token : choice.tokens) {
    const bool begins = items.empty() || token.kind == TokenKind::kToolName ||
                        items.back().kind != KindOf(token.kind);
    if (begins) items.push_back(BeginItem(reply, choice, token));
    if (token.kind != TokenKind::kToolName) items.back().text += token.text;
  }
  return items;
}

bool IsCutShort(const Reply& reply) {
  return reply.answer.choices.front().finish == emulator::Finish::kLength;
}

void WriteUsage(json::Writer& writer, const Reply& reply) {
  const Usage usage = Told(reply.answer.usage, reply.faults);
  writer.BeginObject().Key("input_tokens").Integer(usage.prompt);
  writer.Key("input_tokens_details").BeginObject();
  writer.Key("cached_tokens").Integer(usage.cached).EndObject();
  writer.Key("output_tokens").Integer(usage.completion);
  writer.Key("output_tokens_details").BeginObject();
  writer.Key("reasoning_tokens").Integer(usage.reasoning).EndObject();
  writer.Key("total_tokens").Integer(Sum(usage.prompt, usage.completion)).EndObject();
}

std::string ItemsJson(const Reply& reply, const std::vector<Item>& items) {
  std::string out;
  json::Writer writer(out);
  writer.BeginArray();
  for (std::size_t i = 0; i < items.size(); ++i) {
    const bool cut = IsCutShort(reply) && i + 1 == items.size();
    WriteItem(writer, reply, items[i], cut ? "incomplete" : "completed");
  }
  writer.EndArray();
  return out;
}

// The response object in the given state, with the items that there are.
void WriteObject(const Reply& reply, std::string_view status, const std::vector<Item>& items,
                 std::string& out) {
  const bool ended = status == "completed" || status == "incomplete";
  json::Writer writer(out);
  writer.BeginObject().Key("id").String(IdOf(reply)).Key("object").String("response");
  writer.Key("created_at").Integer(reply.answer.created_s).Key("status").String(status);
  writer.Key("background").Bool(false).Key("error");
  if (status == "failed") {
    writer.BeginObject().Key("code").String("server_error");
    writer.Key("message").String(kFailedMidway).EndObject();
  } else {
    writer.Null();
  }
  writer.Key("incomplete_details");
  if (status == "incomplete") {
    writer.BeginObject().Key("reason").String("max_output_tokens").EndObject();
  } else {
    writer.Null();
  }
  writer.Key("model").String(reply.answer.model).Key("output").Raw(ItemsJson(reply, items));
  writer.Key("service_tier").String("default").Key("usage");
  if (ended && TellsUsage(reply.faults)) {
    WriteUsage(writer, reply);
  } else {
    writer.Null();
  }
  out += ExtraOf(reply).echo;
  writer.EndObject();
}

class ResponseFrames final : public Frames {
 public:
  explicit ResponseFrames(const Reply& reply) : reply_(reply) {}

  void Open(std::size_t, std::string& out) override {
    for (const std::string_view type : {"response.created", "response.in_progress"}) {
      EventWithResponse(out, type, "in_progress");
    }
  }

  void Tokens(std::size_t choice, std::size_t begin, std::size_t end, std::string& out) override {
    const Choice& from = reply_.answer.choices[choice];
    while (begin < end) {
      const std::size_t run = RunEnd(from, begin, end);
      WriteRun(from, begin, run, out);
      begin = run;
    }
  }

  void Finish(std::size_t, std::string& out) override {
    CloseItem(out, IsCutShort(reply_) ? "incomplete" : "completed");
  }

  void End(std::string& out) override {
    if (reply_.faults.no_done.value_or(false)) return;
    const bool cut = IsCutShort(reply_);
    EventWithResponse(out, cut ? "response.incomplete" : "response.completed",
                      cut ? "incomplete" : "completed");
  }

  void Fail(std::string& out) override {
    {
      Event event(*this, out, "error");
      event.writer.Key("code").String("server_error");
      event.writer.Key("message").String(kFailedMidway).Key("param").Null();
    }
    EventWithResponse(out, "response.failed", "failed");
  }

  void Malformed(std::string& out) override {
    AppendEvent(out, "response.output_text.delta",
                R"({"type":"response.output_text.delta","delta)");
  }

 private:
  // One event, ended by its destruction.
  struct Event {
    Event(ResponseFrames& frames, std::string& to, std::string_view type) : out(to), writer(to) {
      out += fmt::format("event: {}\ndata: ", type);
      writer.BeginObject().Key("type").String(type);
      writer.Key("sequence_number").Integer(frames.sequence_++);
    }
    Event(const Event&) = delete;
    Event& operator=(const Event&) = delete;
    ~Event() {
      writer.EndObject();
      out += "\n\n";
    }
    std::string& out;
    json::Writer writer;
  };

  void EventWithResponse(std::string& out, std::string_view type, std::string_view status) {
    std::string object;
    WriteObject(reply_, status, done_, object);
    Event event(*this, out, type);
    event.writer.Key("response").Raw(object);
  }
  void EventWithItem(std::string& out, std::string_view type, std::string_view status) {
    Event event(*this, out, type);
    event.writer.Key("output_index").Integer(Index()).Key("item");
    WriteItem(event.writer, reply_, *open_, status);
  }
  // A part event of the open item: …added and …done.
  void EventWithPart(std::string& out, std::string_view suffix, std::string_view text) {
    const bool thought = open_->kind == ItemKind::kReasoning;
    Event event(
        *this, out,
        fmt::format("response.{}.{}", thought ? "reasoning_summary_part" : "content_part", suffix));
    Place(event.writer);
    event.writer.Key("part");
    WritePart(event.writer, *open_, text);
  }
  void Place(json::Writer& writer) {
    writer.Key("item_id").String(open_->id).Key("output_index").Integer(Index());
    if (open_->kind == ItemKind::kCall) return;
    writer.Key(open_->kind == ItemKind::kReasoning ? "summary_index" : "content_index").Integer(0);
  }
  std::int64_t Index() const { return static_cast<std::int64_t>(done_.size()); }
  bool shows_text() const { return open_->kind != ItemKind::kReasoning || ExtraOf(reply_).summary; }
  std::string TextEvent(std::string_view suffix) const {
    if (open_->kind == ItemKind::kCall) {
      return fmt::format("response.function_call_arguments.{}", suffix);
    }
    if (open_->kind == ItemKind::kReasoning) {
      return fmt::format("response.reasoning_summary_text.{}", suffix);
    }
    return fmt::format("response.{}.{}", open_->refused ? "refusal" : "output_text", suffix);
  }
  void WriteRun(const Choice& from, std::size_t begin, std::size_t end, std::string& out);
  void OpenItem(const Choice& from, const Token& first, std::string& out);
  void CloseItem(std::string& out, std::string_view status);
  void Delta(std::string& out, std::string_view text);

  const Reply& reply_;
  std::int64_t sequence_ = 0;
  std::vector<Item> done_;
  std::optional<Item> open_;
};

void ResponseFrames::OpenItem(const Choice& from, const Token& first, std::string& out) {
  open_ = BeginItem(reply_, from, first);
  EventWithItem(out, "response.output_item.added", "in_progress");
  if (open_->kind != ItemKind::kCall && shows_text()) EventWithPart(out, "added", "");
}

void ResponseFrames::Delta(std::string& out, std::string_view text) {
  Event event(*this, out, TextEvent("delta"));
  Place(event.writer);
  event.writer.Key("delta").String(text);
  if (open_->kind == ItemKind::kMessage && !open_->refused) {
    event.writer.Key("logprobs").BeginArray().EndArray();
  }
}

void ResponseFrames::WriteRun(const Choice& from, std::size_t begin, std::size_t end,
                              std::string& out) {
  const Token& first = from.tokens[begin];
  if (!open_ || first.kind == TokenKind::kToolName || open_->kind != KindOf(first.kind)) {
    CloseItem(out, "completed");
    OpenItem(from, first, out);
  }
  if (first.kind == TokenKind::kToolName) return;
  const std::string text = JoinRange(from, begin, end);
  open_->text += text;
  const bool later =
      open_->kind == ItemKind::kCall && reply_.faults.whole_tool_calls.value_or(false);
  if (shows_text() && !later) Delta(out, text);
}

void ResponseFrames::CloseItem(std::string& out, std::string_view status) {
  if (!open_) return;
  if (shows_text()) {
    if (open_->kind == ItemKind::kCall && reply_.faults.whole_tool_calls.value_or(false)) {
      Delta(out, open_->text);
    }
    {
      Event event(*this, out, TextEvent("done"));
      Place(event.writer);
      const bool call = open_->kind == ItemKind::kCall;
      event.writer.Key(call ? "arguments" : (open_->refused ? "refusal" : "text"));
      event.writer.String(open_->text);
      if (call) event.writer.Key("name").String(open_->name);
    }
    if (open_->kind != ItemKind::kCall) EventWithPart(out, "done", open_->text);
  }
  EventWithItem(out, "response.output_item.done", status);
  done_.push_back(*std::move(open_));
  open_.reset();
}

}  // namespace

std::string OutputItems(const Reply& reply) { return ItemsJson(reply, ItemsOf(reply)); }

void WriteResponse(const Reply& reply, std::string& out) {
  WriteObject(reply, IsCutShort(reply) ? "incomplete" : "completed", ItemsOf(reply), out);
}

std::unique_ptr<Frames> MakeFrames(const Reply& reply) {
  return std::make_unique<ResponseFrames>(reply);
}

}  // namespace tidegate::emulator::responses
