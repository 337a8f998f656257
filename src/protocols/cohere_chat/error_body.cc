#include "protocols/cohere_chat/error_body.h"

#include <string_view>

#include "json/writer.h"

namespace tidegate::protocols::cohere_chat {
namespace {

std::string Message(const Error& error) {
  std::string message = error.message;
  if (!error.field.empty()) message = error.field + ": " + message;
  // Clients know a prompt that is too long by these words.
  if (error.reason == "context_length_exceeded") message = "too many tokens: " + message;
  return message;
}

}  // namespace

int ErrorHttpStatus(const Error& error) {
  if (error.reason == "context_length_exceeded") return 400;
  return HttpStatus(error.code);
}

std::string EncodeErrorBody(const Error& error) {
  std::string body;
  json::Writer out(body);
  out.BeginObject().Key("message").String(Message(error));
  out.Key("code").String(error.reason.empty() ? ToString(error.code)
                                              : std::string_view(error.reason));
  if (!error.field.empty()) out.Key("param").String(error.field);
  out.EndObject();
  return body;
}

std::string EncodeErrorEvent(const Error& error) {
  std::string event = "event: message-end\ndata: ";
  json::Writer out(event);
  out.BeginObject().Key("type").String("message-end").Key("delta").BeginObject();
  out.Key("error").String(Message(error)).Key("finish_reason").String("ERROR");
  out.EndObject().EndObject();
  event += "\n\n";
  return event;
}

}  // namespace tidegate::protocols::cohere_chat
