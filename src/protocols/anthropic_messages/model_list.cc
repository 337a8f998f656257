#include "protocols/anthropic_messages/model_list.h"

#include <ctime>

#include "json/writer.h"

namespace tidegate::protocols::anthropic_messages {
namespace {

// As in RFC 3339, in UTC.
std::string CreatedAt(std::int64_t seconds) {
  const auto when = static_cast<std::time_t>(seconds);
  std::tm parts{};
  gmtime_r(&when, &parts);
  char text[32];
  const std::size_t size = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return {text, size};
}

void WriteEntry(json::Writer& out, const ModelEntry& model) {
  out.BeginObject().Key("type").String("model").Key("id").String(model.id);
  out.Key("display_name").String(model.id);
  out.Key("created_at").String(CreatedAt(model.created_s)).EndObject();
}

}  // namespace

std::string WriteModelList(std::span<const ModelEntry> models) {
  std::string body;
  json::Writer out(body);
  out.BeginObject().Key("data").BeginArray();
  for (const ModelEntry& model : models) WriteEntry(out, model);
  out.EndArray().Key("has_more").Bool(false);
  out.Key("first_id");
  if (models.empty()) {
    out.Null().Key("last_id").Null();
  } else {
    out.String(models.front().id).Key("last_id").String(models.back().id);
  }
  out.EndObject();
  return body;
}

std::string WriteModel(const ModelEntry& model) {
  std::string body;
  json::Writer out(body);
  WriteEntry(out, model);
  return body;
}

}  // namespace tidegate::protocols::anthropic_messages
