#include "cli/model_unload.h"

#include "json/writer.h"

namespace tidegate::cli {

Result<void> UnloadModel(GateClient& client, const std::string& model) {
  std::string body;
  json::Writer writer(body);
  writer.BeginObject().Key("model").String(model);
  writer.Key("stream").Bool(false).Key("keep_alive").Integer(0).EndObject();
  TIDEGATE_TRY(client.Post("/api/generate", std::move(body), kStreamStallNanos));
  return Result<void>();
}

}  // namespace tidegate::cli
