#include "protocols/request_texts.h"

#include "protocols/limits.h"
#include "protocols/spans.h"

namespace tidegate::protocols {

// A text stands unescaped in the body exactly if its bytes stand behind the opening quote and the
// closing quote behind them. (Each escape is longer than what it means. If the bytes agreed in
// spite of one, it and all behind it would have to be "\\", and the byte behind them a backslash.)
// Finding the quote from the key spares us a walk over the text to find its end.
Result<std::string_view> RequestTexts::Keep(const json::Member& member) {
  TIDEGATE_ASSIGN(const std::string_view text, member.value.String());
  const std::string_view body = request_.body;
  std::size_t at = member.key_span().end;
  while (body[at] != '"') ++at;  // blanks and the colon
  if (body.substr(at + 1).starts_with(text) && body[at + 1 + text.size()] == '"') {
    return body.substr(at + 1, text.size());
  }
  return Own(text);
}

Result<std::string_view> RequestTexts::Keep(const json::Value& value) {
  TIDEGATE_ASSIGN(const std::string_view text, value.String());
  const std::string_view raw = value.raw();
  if (raw.size() == text.size() + 2) return raw.substr(1, text.size());
  return Own(text);
}

Result<std::string_view> RequestTexts::KeepCounted(const json::Member& member) {
  TIDEGATE_ASSIGN(const std::string_view text, Keep(member));
  Count(text.size());
  return text;
}

Result<void> RequestTexts::TakeModel(const json::Value& model, const json::Value& root) {
  TIDEGATE_ASSIGN(const std::string_view name, model.String());
  if (name.empty()) return model.Invalid("must not be empty");
  if (name.size() > kModelNameBytesMax) {
    return model.Invalid("has " + std::to_string(name.size()) + " bytes, the limit is " +
                         std::to_string(kModelNameBytesMax));
  }
  request_.model = name;
  request_.spans.model = ToCore(model.span());
  request_.spans.object_begin = root.span().begin + 1;
  return {};
}

}  // namespace tidegate::protocols
