#include "cli/chat.h"

#include "cli/event_reader.h"
#include "cli/gate_client.h"
#include "cli/json_fields.h"
#include "json/writer.h"

namespace tidegate::cli {
namespace {

void WriteWishes(json::Writer& writer, const ChatWishes& wishes) {
  writer.BeginObject();
  if (!wishes.privacy.empty()) writer.Key("privacy").String(wishes.privacy);
  if (!wishes.prefer.empty()) writer.Key("prefer").String(wishes.prefer);
  if (!wishes.place.empty()) {
    writer.Key("place").BeginArray();
    for (const std::string& place : wishes.place) writer.String(place);
    writer.EndArray();
  }
  if (!wishes.max_cost_usd.empty()) writer.Key("max_cost_usd").Raw(wishes.max_cost_usd);
  if (wishes.deadline_ms != 0) writer.Key("deadline_ms").Integer(wishes.deadline_ms);
  if (wishes.dry_run) writer.Key("dry_run").Bool(true);
  writer.EndObject();
}

}  // namespace

std::string ChatBody(const std::string& model, const std::vector<ChatMessage>& messages,
                     const ChatWishes& wishes) {
  std::string out;
  json::Writer writer(out);
  writer.BeginObject();
  writer.Key("model").String(model);
  writer.Key("stream").Bool(true);
  writer.Key("stream_options").BeginObject().Key("include_usage").Bool(true).EndObject();
  writer.Key("messages").BeginArray();
  for (const ChatMessage& message : messages) {
    writer.BeginObject();
    writer.Key("role").String(message.role);
    writer.Key("content").String(message.content);
    writer.EndObject();
  }
  writer.EndArray();
  writer.Key("tidegate");
  WriteWishes(writer, wishes);
  writer.EndObject();
  return out;
}

Result<ChatDelta> ReadChatEvent(json::Reader& reader, std::string_view data) {
  ChatDelta delta;
  if (data == "[DONE]") {
    delta.done = true;
    return delta;
  }
  const Result<json::Value> root = reader.ParseCopy(data, kEventBytesMax);
  if (!root.ok()) return UnexpectedAnswer(root.error());
  JsonFields chunk(*root);
  if (chunk.Find("error")) {
    Error error = ErrorOfAnswer(502, data);
    error.message = "the answer broke off: " + error.message;
    return error;
  }
  delta.model = chunk.Text("model");
  for (const json::Value item : chunk.Items("choices")) {
    JsonFields choice(item);
    delta.finished = delta.finished || !choice.Text("finish_reason").empty();
    if (const auto inner = choice.Find("delta")) {
      JsonFields text(*inner);
      delta.text += text.Text("content");
      // Servers differ in the name of the text that a model thinks.
      delta.reasoning += text.Text("reasoning_content");
      delta.reasoning += text.Text("reasoning");
      chunk.Absorb(text.status());
    }
    chunk.Absorb(choice.status());
  }
  if (const auto usage = chunk.Find("usage")) {
    JsonFields counts(*usage);
    delta.has_usage = true;
    delta.input_tokens = counts.Integer("prompt_tokens");
    delta.output_tokens = counts.Integer("completion_tokens");
    chunk.Absorb(counts.status());
  }
  TIDEGATE_TRY(chunk.status());
  return delta;
}

}  // namespace tidegate::cli
