#include "emulator/shapes/ollama.h"

#include <array>

#include <fmt/format.h>

#include "base/clock.h"
#include "base/digest.h"
#include "emulator/fields.h"
#include "emulator/keys.h"
#include "emulator/rate_fields.h"
#include "emulator/shapes/shapes.h"
#include "emulator/site.h"
#include "json/reader.h"
#include "json/writer.h"

namespace tidegate::emulator {
namespace {

constexpr std::string_view kVersion = "0.12.6";
constexpr std::string_view kLatest = ":latest";
constexpr std::int64_t kModelBytes = 1'000'000'000;
constexpr std::int64_t kKeptAliveNanos = 300'000'000'000;
constexpr std::size_t kShowBytesMax = 65'536;

struct Route {
  std::string_view method, path;
  ollama::Operation operation;
  bool plain;
};
constexpr std::array kRoutes = {
    Route{"POST", "/api/chat", ollama::kChat, false},
    Route{"POST", "/api/generate", ollama::kGenerate, false},
    Route{"POST", "/api/embed", ollama::kEmbed, false},
    Route{"GET", "/api/tags", ollama::kTags, true},
    Route{"GET", "/api/ps", ollama::kRunning, true},
    Route{"GET", "/api/version", ollama::kVersion, true},
    Route{"POST", "/api/show", ollama::kShow, true},
};

// A name without a tag means the tag "latest".
std::string WithoutLatest(std::string name) {
  if (name.ends_with(kLatest)) name.resize(name.size() - kLatest.size());
  return name;
}

void WriteDetails(json::Writer& writer) {
  writer.Key("details").BeginObject().Key("parent_model").String("");
  writer.Key("format").String("gguf").Key("family").String("emulated");
  writer.Key("families").BeginArray().String("emulated").EndArray();
  writer.Key("parameter_size").String("1B").Key("quantization_level").String("Q4_0").EndObject();
}

void WriteListed(json::Writer& writer, const Model& model, const Received& received, bool running) {
  const std::string& host = model.quirks.remote_host;
  const std::string name =
      model.name.find(':') == std::string::npos ? model.name + std::string(kLatest) : model.name;
  writer.BeginObject().Key("name").String(name).Key("model").String(name);
  if (!host.empty()) {
    writer.Key("remote_model").String(model.name).Key("remote_host").String(host);
  }
  if (!running) writer.Key("modified_at").String("2025-01-01T00:00:00Z");
  writer.Key("size").Integer(host.empty() ? kModelBytes : 0);
  writer.Key("digest").String(ToHex(ComputeSha256(model.name)));
  WriteDetails(writer);
  if (running) {
    writer.Key("expires_at").String(FormatUtc(received.wall_nanos + kKeptAliveNanos));
    writer.Key("size_vram").Integer(kModelBytes);
    writer.Key("context_length").Integer(model.context_tokens_max);
  }
  writer.EndObject();
}

void WriteShown(json::Writer& writer, const Model& model) {
  writer.BeginObject().Key("modelfile").String("# [emulated] FROM " + model.name);
  writer.Key("parameters").String("").Key("template").String("{{ .Prompt }}");
  WriteDetails(writer);
  writer.Key("model_info").BeginObject();
  writer.Key("general.architecture").String("emulated");
  writer.Key("general.parameter_count").Integer(kModelBytes);
  writer.Key("emulated.context_length").Integer(model.context_tokens_max);
  writer.Key("emulated.embedding_length").Integer(model.quirks.embedding_dimensions);
  writer.EndObject();
  writer.Key("capabilities").BeginArray();
  for (const std::string_view name : {"completion", "tools", "thinking", "vision", "embedding"}) {
    writer.String(name);
  }
  writer.EndArray();
  if (!model.quirks.remote_host.empty()) {
    writer.Key("remote_model").String(model.name);
    writer.Key("remote_host").String(model.quirks.remote_host);
  }
  writer.EndObject();
}

class Ollama final : public Shape {
 public:
  std::string_view name() const override { return "ollama"; }

  std::optional<Call> Match(const net::HttpHead& head) const override {
    for (const Route& route : kRoutes) {
      if (head.path() != route.path || head.method() != route.method) continue;
      Call call;
      call.operation = route.operation;
      call.plain = route.plain;
      return call;
    }
    return std::nullopt;
  }

  Result<std::string> ModelOf(const Received& received, const json::Value& body) const override {
    TIDEGATE_ASSIGN(std::string name, Shape::ModelOf(received, body));
    return WithoutLatest(std::move(name));
  }
  Error UnknownModel(std::string_view name) const override {
    return NotFound(fmt::format("model '{}' not found", name));
  }
  std::optional<Refusal> CheckKey(const Received& received, const Model& model) const override {
    constexpr std::array kPlaces = {KeyPlace::kBearer};
    if (HasKey(received.head, model, kPlaces)) return std::nullopt;
    return Refusal{401, Error{ErrorCode::kUnauthenticated, ErrorSource::kCaller, Retry::kNever,
                              "unauthorized"}};
  }
  Result<ChatRequest> Parse(const Received& received, const json::Value& body, const Model&,
                            const Site&) const override {
    return ollama::ParseRequest(body, static_cast<ollama::Operation>(received.call.operation));
  }
  std::string TooLong(std::int64_t, const Model&) const override {
    return "the input length exceeds the context length";
  }
  std::string_view WholeType() const override { return "application/json; charset=utf-8"; }
  std::string_view StreamType(const Call&) const override { return "application/x-ndjson"; }
  void WriteWhole(const Reply& reply, std::string& out) const override {
    ollama::WriteWhole(reply, out);
  }
  std::unique_ptr<Frames> Stream(const Reply& reply) const override {
    return ollama::MakeFrames(reply);
  }
  void WriteError(const Refusal& refusal, const Model*, std::string& out) const override {
    const Error& error = refusal.error;
    json::Writer writer(out);
    writer.BeginObject().Key("error");
    writer.String(error.field.empty() ? error.message : error.field + ": " + error.message);
    writer.EndObject();
  }
  std::string HeadFields(const HeadFacts& facts) const override {
    if (facts.model == nullptr || !facts.model->quirks.rate_fields) return {};
    return RateLimitFields(*facts.model->quirks.rate_fields, *facts.model, facts.admission,
                           facts.wall_nanos);
  }
  Result<std::string> AnswerPlain(Site& site, const Received& received) const override;
};

Result<std::string> Ollama::AnswerPlain(Site& site, const Received& received) const {
  if (received.call.operation == ollama::kVersion) {
    return fmt::format(R"({{"version":"{}"}})", kVersion);
  }
  std::string text;
  json::Writer writer(text);
  if (received.call.operation == ollama::kShow) {
    json::Reader reader;
    TIDEGATE_ASSIGN(const json::Value body, reader.ParseCopy(received.body, kShowBytesMax));
    TIDEGATE_ASSIGN(const std::string model, ModelOf(received, body));
    const ServedModel* served = site.FindModel(model);
    if (served == nullptr) return UnknownModel(model);
    WriteShown(writer, served->model());
    return text;
  }
  const bool running = received.call.operation == ollama::kRunning;
  writer.BeginObject().Key("models").BeginArray();
  for (const auto& served : site.models) {
    const Model& model = served->model();
    if (!served->IsServedAs(name())) continue;
    if (running && !model.quirks.remote_host.empty()) continue;  // runs elsewhere
    WriteListed(writer, model, received, running);
  }
  writer.EndArray().EndObject();
  return text;
}

}  // namespace

const Shape& OllamaShape() {
  static const Ollama kShape;
  return kShape;
}

}  // namespace tidegate::emulator
