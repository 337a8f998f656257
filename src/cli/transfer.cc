#include "cli/transfer.h"

#include <optional>

#include "cli/json_fields.h"
#include "cli/line_splitter.h"
#include "cli/model_views.h"
#include "cli/transfer_screen.h"
#include "json/writer.h"

namespace tidegate::cli {
namespace {

// "openai/gpt-5" is a slip in the name of a provider's model, nothing that a registry has: so says
// the gate's own list, where each model names its provider.
bool IsOfProvider(GateClient& client, const std::string& model) {
  const std::size_t slash = model.find('/');
  if (slash == std::string::npos) return false;
  const Result<std::string> answer = client.Get("/api/tags");
  if (!answer.ok()) return false;
  json::Reader reader;
  const Result<json::Value> root = reader.ParseCopy(*answer, kAnswerBytesMax);
  if (!root.ok()) return false;
  JsonFields fields(*root);
  for (const json::Value item : fields.Items("models")) {
    const std::optional<json::Value> extension = JsonFields(item).Find("tidegate");
    if (extension && JsonFields(*extension).Text("provider") == model.substr(0, slash)) return true;
  }
  return false;
}

struct Transfer {
  std::string path, body, what;
  TransferOutput output;
  bool is_short;  // as RunShortTransfer says
};

Result<void> Run(Console& console, GateClient& client, Transfer transfer) {
  const TransferOutput output = transfer.output;
  json::Reader reader;
  LineSplitter lines;
  bool done = transfer.is_short;
  std::optional<TransferScreen> screen;
  const LineSplitter::Handler on_line = [&](std::string_view line) -> Result<void> {
    TIDEGATE_ASSIGN(const TransferStatus status, ReadTransferLine(reader, line));
    done = status.status == "success";
    if (output == TransferOutput::kLines) {
      console.out.Write(std::string(line) + "\n");
    } else if (output == TransferOutput::kProgress && (screen || !done || !transfer.is_short)) {
      if (!screen) screen.emplace(console);
      screen->Take(status);
    }
    return Result<void>();
  };
  StreamHandlers handlers;
  handlers.on_head = [](const AnswerHead&) {};
  handlers.on_bytes = [&](std::string_view bytes) { return lines.Feed(bytes, on_line); };
  Result<void> received =
      client.Stream(std::move(transfer.path), std::move(transfer.body), handlers);
  if (received.ok()) received = lines.Finish(on_line);
  if (screen) screen->End(received.ok() && done);
  TIDEGATE_TRY(std::move(received));
  if (done) return Result<void>();
  return Error{
      ErrorCode::kProtocol, ErrorSource::kUpstream, Retry::kSameTarget,
      "the " + transfer.what + " ended before it was complete; try again: what has come is kept"};
}

}  // namespace

Result<void> RunTransfer(Console& console, GateClient& client, std::string path, std::string body,
                         const std::string& what, TransferOutput output) {
  return Run(console, client, {std::move(path), std::move(body), what, output, false});
}

Result<void> RunShortTransfer(Console& console, GateClient& client, std::string path,
                              std::string body, const std::string& what, TransferOutput output) {
  return Run(console, client, {std::move(path), std::move(body), what, output, true});
}

std::string TransferBody(const std::string& model, bool insecure, const std::string& name) {
  std::string out;
  json::Writer writer(out);
  writer.BeginObject().Key("model").String(model);
  if (insecure) writer.Key("insecure").Bool(true);
  if (!name.empty()) writer.Key("destination").String(name);
  writer.EndObject();
  return out;
}

Result<void> PullModel(Console& console, GateClient& client, const std::string& model,
                       bool insecure, TransferOutput output, const std::string& name) {
  return RunTransfer(console, client, "/api/pull", TransferBody(model, insecure, name), "pull",
                     output);
}

Result<void> PullMissing(Console& console, GateClient& client, const std::string& model,
                         bool insecure, const Error& why) {
  if (!IsRegistryName(model) || IsOfProvider(client, model)) return why;
  const Result<void> pulled =
      PullModel(console, client, model, insecure, TransferOutput::kProgress);
  if (pulled.ok() || pulled.error().code != ErrorCode::kNotFound) return pulled;
  Error error = why;
  error.message += "\nnor can it be pulled: " + pulled.error().message;
  return error;
}

}  // namespace tidegate::cli
