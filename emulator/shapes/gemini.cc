#include "emulator/shapes/gemini.h"

#include <array>

#include <fmt/format.h>

#include "emulator/keys.h"
#include "emulator/rate_fields.h"
#include "emulator/shapes/shapes.h"
#include "emulator/site.h"
#include "json/writer.h"

namespace tidegate::emulator {
namespace {

constexpr std::string_view kModelsPrefix = "/v1beta/models";
constexpr std::string_view kVertexWord = "/publishers/google/models/";

struct Method {
  std::string_view name;
  gemini::Operation operation;
  bool stream;
};
constexpr std::array kMethods = {
    Method{"generateContent", gemini::kGenerate, false},
    Method{"streamGenerateContent", gemini::kGenerate, true},
    Method{"countTokens", gemini::kCountTokens, false},
    Method{"embedContent", gemini::kEmbed, false},
    Method{"batchEmbedContents", gemini::kBatchEmbed, false},
};

bool IsVertex(std::string_view path) { return path.find("/projects/") != std::string_view::npos; }

// "gemini-pro:generateContent" behind the prefix, or nothing.
std::optional<Call> ReadCall(std::string_view named, bool sse) {
  const std::size_t colon = named.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  for (const Method& method : kMethods) {
    if (named.substr(colon + 1) != method.name) continue;
    Call call;
    call.operation = method.operation;
    call.model = net::PercentDecode(named.substr(0, colon)).value_or("");
    call.stream = method.stream;
    call.events = sse;
    return call;
  }
  return std::nullopt;
}

void WriteModel(json::Writer& writer, const Model& model) {
  writer.BeginObject().Key("name").String("models/" + model.name);
  writer.Key("displayName").String("[emulated] " + model.name);
  writer.Key("inputTokenLimit").Integer(model.context_tokens_max);
  writer.Key("outputTokenLimit").Integer(model.output_tokens_max);
  writer.Key("supportedGenerationMethods").BeginArray();
  for (const Method& method : kMethods) {
    if (!method.stream) writer.String(method.name);
  }
  writer.EndArray().EndObject();
}

class Gemini final : public Shape {
 public:
  std::string_view name() const override { return "gemini"; }

  std::optional<Call> Match(const net::HttpHead& head) const override {
    std::string_view path = head.path();
    if (head.method() == "GET" && path.starts_with(kModelsPrefix)) {
      path.remove_prefix(kModelsPrefix.size());
      Call call;
      call.operation = gemini::kModels;
      call.plain = true;
      if (path.starts_with('/')) call.id = path.substr(1);
      return call;
    }
    if (head.method() != "POST") return std::nullopt;
    const bool sse = head.query().find("alt=sse") != std::string_view::npos;
    if (path.starts_with("/v1beta/models/")) {
      return ReadCall(path.substr(kModelsPrefix.size() + 1), sse);
    }
    const bool versioned =
        path.starts_with("/v1/projects/") || path.starts_with("/v1beta1/projects/");
    const std::size_t at = path.find(kVertexWord);
    if (!versioned || at == std::string_view::npos) return std::nullopt;
    return ReadCall(path.substr(at + kVertexWord.size()), sse);
  }

  std::optional<Refusal> CheckKey(const Received& received, const Model& model) const override;

  Error UnknownModel(std::string_view name) const override {
    return NotFound(
        fmt::format("models/{} is not found for API version v1beta, or is not supported "
                    "for generateContent.",
                    name));
  }
  std::string TooLong(std::int64_t prompt, const Model& model) const override {
    return fmt::format(
        "The input token count ({}) exceeds the maximum number of tokens allowed "
        "({}).",
        prompt, model.context_tokens_max);
  }
  Result<ChatRequest> Parse(const Received& received, const json::Value& body, const Model& model,
                            const Site&) const override {
    return gemini::ParseRequest(received, body, model);
  }
  std::string_view WholeType() const override { return "application/json; charset=UTF-8"; }
  void WriteWhole(const Reply& reply, std::string& out) const override {
    gemini::WriteWhole(reply, out);
  }
  std::unique_ptr<Frames> Stream(const Reply& reply) const override {
    return gemini::MakeFrames(reply);
  }
  void WriteError(const Refusal& refusal, const Model*, std::string& out) const override {
    gemini::WriteError(refusal, out);
  }
  // Limits are told in the errors alone.
  std::string HeadFields(const HeadFacts& facts) const override {
    if (facts.model == nullptr || !facts.model->quirks.rate_fields) return {};
    return RateLimitFields(*facts.model->quirks.rate_fields, *facts.model, facts.admission,
                           facts.wall_nanos);
  }

  std::string_view StreamType(const Call& call) const override {
    return call.events ? "text/event-stream" : "application/json; charset=UTF-8";
  }

  Result<std::string> AnswerPlain(Site& site, const Received& received) const override {
    std::string text;
    json::Writer writer(text);
    if (!received.call.id.empty()) {
      const ServedModel* served = site.FindModel(received.call.id);
      if (served == nullptr) return UnknownModel(received.call.id);
      WriteModel(writer, served->model());
      return text;
    }
    writer.BeginObject().Key("models").BeginArray();
    for (const auto& served : site.models) {
      if (served->IsServedAs(name())) WriteModel(writer, served->model());
    }
    writer.EndArray().EndObject();
    return text;
  }
};

// Google's own service says 400 for a wrong key and 403 for none; Vertex says 401.
std::optional<Refusal> Gemini::CheckKey(const Received& received, const Model& model) const {
  constexpr std::array kOwn = {KeyPlace::kXGoogApiKey, KeyPlace::kQuery};
  constexpr std::array kVertex = {KeyPlace::kBearer};
  const bool vertex = IsVertex(received.head.path());
  const std::span<const KeyPlace> places =
      vertex ? std::span<const KeyPlace>(kVertex) : std::span<const KeyPlace>(kOwn);
  if (HasKey(received.head, model, places)) return std::nullopt;
  Error error{ErrorCode::kUnauthenticated, ErrorSource::kCaller, Retry::kNever,
              "API key not valid. Please pass a valid API key."};
  if (vertex) {
    error.message = "Request had invalid authentication credentials.";
    error.reason = "ACCESS_TOKEN_TYPE_UNSUPPORTED";
    return Refusal{401, std::move(error)};
  }
  for (const KeyPlace place : places) {
    if (GivenKey(received.head, place).empty()) continue;
    error.reason = "API_KEY_INVALID";
    return Refusal{400, std::move(error)};
  }
  error.message =
      "Method doesn't allow unregistered callers. Please use API Key or other form of API consumer "
      "identity to call this API.";
  return Refusal{403, std::move(error)};
}

}  // namespace

const Shape& GeminiShape() {
  static const Gemini kShape;
  return kShape;
}

}  // namespace tidegate::emulator
