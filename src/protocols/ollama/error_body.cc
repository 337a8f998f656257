#include "protocols/ollama/error_body.h"

#include "json/writer.h"

namespace tidegate::protocols::ollama {

int ErrorHttpStatus(const Error& error) {
  if (error.reason == "context_length_exceeded") return 400;
  return HttpStatus(error.code);
}

std::string EncodeErrorBody(const Error& error) {
  std::string body;
  json::Writer out(body);
  out.BeginObject().Key("error");
  out.String(error.field.empty() ? error.message : error.field + ": " + error.message);
  out.Key("code").String(error.reason.empty() ? ToString(error.code)
                                              : std::string_view(error.reason));
  if (!error.field.empty()) out.Key("param").String(error.field);
  out.EndObject();
  return body;
}

std::string EncodeErrorLine(const Error& error) { return EncodeErrorBody(error) + "\n"; }

}  // namespace tidegate::protocols::ollama
