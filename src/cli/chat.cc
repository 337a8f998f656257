#include "cli/chat.h"

#include <array>
#include <utility>

#include "cli/gate_client.h"
#include "cli/json_fields.h"
#include "cli/line_splitter.h"

namespace tidegate::cli {
namespace {

constexpr std::size_t kMessageBytesMax = 2'000;  // of an error that is not ours

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

// The word that a gate's error bears in Ollama's protocol.
std::optional<ErrorCode> CodeOfWord(std::string_view word) {
  // A reason stands in the place of its code, and a line of a stream has no status beside it.
  constexpr std::array<std::pair<std::string_view, ErrorCode>, 12> kReasons = {
      {{"model_not_found", ErrorCode::kNotFound},
       {"private_address", ErrorCode::kPermissionDenied},
       {"plain_redirect", ErrorCode::kPermissionDenied},
       {"foreign_realm", ErrorCode::kPermissionDenied},
       {"foreign_location", ErrorCode::kPermissionDenied},
       {"upload_redirect", ErrorCode::kPermissionDenied},
       {"registry_not_configured", ErrorCode::kPermissionDenied},
       {"digest_mismatch", ErrorCode::kProtocol},
       {"cut", ErrorCode::kProtocol},
       {"name_taken", ErrorCode::kConflict},
       {"blob_missing", ErrorCode::kConflict},
       {"blob_damaged", ErrorCode::kConflict}}};
  for (const auto& [reason, code] : kReasons) {
    if (reason == word) return code;
  }
  constexpr std::array kCodes = {
      ErrorCode::kInvalidArgument, ErrorCode::kUnauthenticated,  ErrorCode::kPermissionDenied,
      ErrorCode::kNotFound,        ErrorCode::kConflict,         ErrorCode::kTooLarge,
      ErrorCode::kRateLimited,     ErrorCode::kBudgetExceeded,   ErrorCode::kNoCandidate,
      ErrorCode::kUnavailable,     ErrorCode::kDeadlineExceeded, ErrorCode::kProtocol,
      ErrorCode::kInternal};
  for (const ErrorCode code : kCodes) {
    if (ToString(code) == word) return code;
  }
  return std::nullopt;
}

void ReadMessage(JsonFields& message, ChatDelta& delta) {
  delta.text = message.Text("content");
  delta.thinking = message.Text("thinking");
  for (const json::Value call : message.Items("tool_calls")) {
    JsonFields fields(call);
    if (const auto function = fields.Find("function")) {
      JsonFields inner(*function);
      delta.calls.push_back(inner.Text("name"));
      message.Absorb(inner.status());
    }
    message.Absorb(fields.status());
  }
}

}  // namespace

bool ChatWishes::any() const {
  return !privacy.empty() || !prefer.empty() || !place.empty() || !max_cost_usd.empty() ||
         deadline_ms != 0 || dry_run;
}

void WriteMessages(json::Writer& writer, const std::vector<ChatMessage>& messages) {
  for (const ChatMessage& message : messages) {
    writer.BeginObject();
    writer.Key("role").String(message.role);
    writer.Key("content").String(message.content);
    if (!message.images.empty()) {
      writer.Key("images").BeginArray();
      for (const std::string& image : message.images) writer.String(image);
      writer.EndArray();
    }
    writer.EndObject();
  }
}

void WriteOptions(json::Writer& writer, const std::map<std::string, std::string>& options_json) {
  for (const auto& [name, json] : options_json) writer.Key(name).Raw(json);
}

std::string ChatBody(const ChatRequest& request) {
  std::string out;
  json::Writer writer(out);
  writer.BeginObject();
  writer.Key("model").String(request.model);
  writer.Key("stream").Bool(true);
  writer.Key("messages").BeginArray();
  WriteMessages(writer, request.messages);
  writer.EndArray();
  if (!request.options_json.empty()) {
    writer.Key("options").BeginObject();
    WriteOptions(writer, request.options_json);
    writer.EndObject();
  }
  if (!request.format_json.empty()) writer.Key("format").Raw(request.format_json);
  if (!request.think_json.empty()) writer.Key("think").Raw(request.think_json);
  if (!request.keep_alive_json.empty()) writer.Key("keep_alive").Raw(request.keep_alive_json);
  if (request.wishes.any()) {
    writer.Key("tidegate");
    WriteWishes(writer, request.wishes);
  }
  writer.EndObject();
  return out;
}

std::optional<Error> ErrorOfLine(JsonFields& line, ErrorCode otherwise) {
  const std::optional<json::Value> inner = line.Find("error");
  if (!inner) return std::nullopt;
  if (inner->is_object()) {  // the gate's own API has both inside
    JsonFields own(*inner);
    return Error{CodeOfWord(own.Text("code")).value_or(otherwise), ErrorSource::kUpstream,
                 Retry::kNever, own.Text("message").substr(0, kMessageBytesMax)};
  }
  const ErrorCode code = CodeOfWord(line.Text("code")).value_or(otherwise);
  const Result<std::string_view> text = inner->String();
  return Error{code, ErrorSource::kUpstream, Retry::kNever,
               text.ok() && !text->empty() ? std::string(text->substr(0, kMessageBytesMax))
                                           : "an error without a message"};
}

Result<ChatDelta> ReadChatLine(json::Reader& reader, std::string_view line) {
  ChatDelta delta;
  const Result<json::Value> root = reader.ParseCopy(line, kAnswerLineBytesMax);
  if (!root.ok()) return UnexpectedAnswer(root.error());
  JsonFields fields(*root);
  if (std::optional<Error> error = ErrorOfLine(fields, ErrorCode::kProtocol)) {
    error->message = "the answer broke off: " + error->message;
    return *std::move(error);
  }
  delta.model = fields.Text("model");
  delta.done = fields.Flag("done");
  const std::optional<json::Value> message = fields.Find("message");
  if (message) {
    JsonFields inner(*message);
    ReadMessage(inner, delta);
    fields.Absorb(inner.status());
  }
  if (delta.done) {
    ChatMetrics& metrics = delta.metrics;
    metrics.total_ns = fields.Integer("total_duration");
    metrics.load_ns = fields.Integer("load_duration");
    metrics.prompt_ns = fields.Integer("prompt_eval_duration");
    metrics.answer_ns = fields.Integer("eval_duration");
    metrics.prompt_tokens = fields.Integer("prompt_eval_count");
    metrics.answer_tokens = fields.Integer("eval_count");
    metrics.counted =
        fields.Find("prompt_eval_count").has_value() || fields.Find("eval_count").has_value();
  }
  TIDEGATE_TRY(fields.status());
  if (!message && !delta.done) return UnexpectedAnswer(InvalidArgument("message", "is required"));
  return delta;
}

}  // namespace tidegate::cli
