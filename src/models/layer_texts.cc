#include "models/layer_texts.h"

#include <utility>

#include "json/reader.h"
#include "json/writer.h"

namespace tidegate::models {

Result<ModelOptions> ParseOptions(std::string_view bytes) {
  json::Reader reader;
  TIDEGATE_ASSIGN(const json::Value root, reader.ParseCopy(bytes, kTextLayerBytesMax));
  TIDEGATE_ASSIGN(const json::Object object, root.Object());
  TIDEGATE_TRY(object.RequireUniqueKeys());
  ModelOptions options;
  for (const json::Member& member : object) {
    if (options.size() == kOptionsMax) return root.Invalid("has too many members");
    options.emplace_back(member.key, member.value.raw());
  }
  return options;
}

Result<std::vector<StoredMessage>> ParseMessages(std::string_view bytes) {
  json::Reader reader;
  TIDEGATE_ASSIGN(const json::Value root, reader.ParseCopy(bytes, kTextLayerBytesMax));
  TIDEGATE_ASSIGN(const json::Array array, root.Array());
  std::vector<StoredMessage> messages;
  for (const json::Value value : array) {
    if (messages.size() == kStoredMessagesMax) return root.Invalid("has too many messages");
    TIDEGATE_ASSIGN(const json::Object object, value.Object());
    TIDEGATE_TRY(object.RequireUniqueKeys());
    TIDEGATE_ASSIGN(const json::Value role_value, object.Get("role"));
    TIDEGATE_ASSIGN(const std::string_view role, role_value.String());
    std::string_view content;
    if (const std::optional<json::Value> content_value = object.Find("content")) {
      TIDEGATE_ASSIGN(content, content_value->String());
    }
    messages.push_back({std::string(role), std::string(content), std::string(value.raw())});
  }
  return messages;
}

std::string WriteOptions(const ModelOptions& options) {
  std::string text;
  json::Writer out(text);
  out.BeginObject();
  for (const auto& [key, value] : options) out.Key(key).Raw(value);
  out.EndObject();
  return text;
}

std::string WriteMessages(const std::vector<StoredMessage>& messages) {
  std::string text;
  json::Writer out(text);
  out.BeginArray();
  for (const StoredMessage& message : messages) {
    if (!message.json.empty()) {
      out.Raw(message.json);
      continue;
    }
    out.BeginObject().Key("role").String(message.role);
    out.Key("content").String(message.content).EndObject();
  }
  out.EndArray();
  return text;
}

}  // namespace tidegate::models
