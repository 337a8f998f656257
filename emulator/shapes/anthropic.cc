#include "emulator/shapes/anthropic.h"

#include <array>

#include <fmt/format.h>

#include "emulator/keys.h"
#include "emulator/rate_fields.h"
#include "emulator/shapes/shapes.h"
#include "emulator/site.h"
#include "json/writer.h"

namespace tidegate::emulator {
namespace {

enum Operation { kMessages, kCountTokens, kModels };

constexpr std::string_view kModelsPath = "/v1/models";
constexpr std::string_view kModelCreated = "2025-01-01T00:00:00Z";

void WriteModel(json::Writer& writer, const Model& model) {
  writer.BeginObject().Key("type").String("model").Key("id").String(model.name);
  writer.Key("display_name").String("[emulated] " + model.name);
  writer.Key("created_at").String(kModelCreated).EndObject();
}

class Anthropic final : public Shape {
 public:
  std::string_view name() const override { return "anthropic"; }

  std::optional<Call> Match(const net::HttpHead& head) const override {
    const std::string_view path = head.path();
    Call call;
    if (head.method() == "POST") {
      if (path == "/v1/messages") return call;
      call.operation = kCountTokens;
      if (path == "/v1/messages/count_tokens") return call;
      return std::nullopt;
    }
    // OpenAI has the same path.
    if (head.method() != "GET" || !head.Find("anthropic-version")) return std::nullopt;
    call.operation = kModels;
    call.plain = true;
    if (path == kModelsPath) return call;
    if (!path.starts_with(kModelsPath) || path[kModelsPath.size()] != '/') return std::nullopt;
    call.id = path.substr(kModelsPath.size() + 1);
    return call;
  }

  std::optional<Refusal> CheckHead(const Received& received) const override {
    const auto version = received.head.Find("anthropic-version");
    if (!version) return Refusal{400, InvalidArgument("anthropic-version", "header is required")};
    for (const std::string_view known : {"2023-01-01", "2023-06-01"}) {
      if (*version == known) return std::nullopt;
    }
    if (*version == anthropic::kStrictVersion) return std::nullopt;
    return Refusal{400, InvalidArgument("anthropic-version",
                                        fmt::format("\"{}\" is not a valid version", *version))};
  }

  std::optional<Refusal> CheckKey(const Received& received, const Model& model) const override {
    constexpr std::array kPlaces = {KeyPlace::kXApiKey, KeyPlace::kBearer};
    if (HasKey(received.head, model, kPlaces)) return std::nullopt;
    return Refusal{401, Error{ErrorCode::kUnauthenticated, ErrorSource::kCaller, Retry::kNever,
                              "invalid x-api-key"}};
  }

  Error UnknownModel(std::string_view name) const override {
    return NotFound(fmt::format("model: {}", name));
  }
  std::string TooLong(std::int64_t prompt, const Model& model) const override {
    return fmt::format("prompt is too long: {} tokens > {} maximum", prompt,
                       model.context_tokens_max);
  }

  Result<ChatRequest> Parse(const Received& received, const json::Value& body, const Model&,
                            const Site&) const override {
    const bool strict = received.head.Find("anthropic-version") == anthropic::kStrictVersion;
    return anthropic::ParseRequest(body, received.call.operation == kCountTokens, strict);
  }
  void WriteWhole(const Reply& reply, std::string& out) const override {
    anthropic::WriteWhole(reply, out);
  }
  std::unique_ptr<Frames> Stream(const Reply& reply) const override {
    return anthropic::MakeFrames(reply);
  }
  void WriteError(const Refusal& refusal, const Model*, std::string& out) const override {
    anthropic::WriteError(refusal, out);
  }

  std::string HeadFields(const HeadFacts& facts) const override {
    std::string fields = fmt::format("request-id: req_{}\r\n",
                                     facts.answer_id.empty() ? "emulated" : facts.answer_id);
    if (facts.model != nullptr) {
      fields += RateLimitFields(facts.model->quirks.rate_fields.value_or(RateFields::kAnthropic),
                                *facts.model, facts.admission, facts.wall_nanos);
    }
    return fields;
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
    writer.BeginObject().Key("data").BeginArray();
    for (const auto& served : site.models) {
      if (served->IsServedAs(name())) WriteModel(writer, served->model());
    }
    writer.EndArray().Key("has_more").Bool(false).EndObject();
    return text;
  }
};

}  // namespace

const Shape& AnthropicShape() {
  static const Anthropic kShape;
  return kShape;
}

}  // namespace tidegate::emulator
