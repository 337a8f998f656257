#include "cli/model_unload.h"

#include "json/writer.h"

namespace tidegate::cli {
namespace {

constexpr std::string_view kLocal = "local/";

Result<void> Unload(GateClient& client, const std::string& model) {
  std::string body;
  json::Writer writer(body);
  writer.BeginObject().Key("model").String(model);
  writer.Key("stream").Bool(false).Key("keep_alive").Integer(0).EndObject();
  TIDEGATE_TRY(client.Post("/api/generate", std::move(body), kStreamStallNanos));
  return Result<void>();
}

}  // namespace

Result<void> UnloadModel(GateClient& client, const std::string& model) {
  if (model.starts_with(kLocal)) return Unload(client, model);
  const Result<void> done = Unload(client, std::string(kLocal) + model);
  const bool absent = !done.ok() && done.error().code == ErrorCode::kNotFound;
  // A model of another server has its provider's name in front.
  const bool of_provider = model.find('/') != std::string::npos;
  return absent && of_provider ? Unload(client, model) : done;
}

}  // namespace tidegate::cli
