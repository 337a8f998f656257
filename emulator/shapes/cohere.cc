#include "emulator/shapes/cohere.h"

#include <array>

#include <fmt/format.h>

#include "emulator/keys.h"
#include "emulator/rate_fields.h"
#include "emulator/shapes/shapes.h"
#include "json/writer.h"

namespace tidegate::emulator {
namespace {

struct Route {
  std::string_view path;
  cohere::Operation operation;
};
constexpr std::array kRoutes = {Route{"/v2/chat", cohere::kChat},
                                Route{"/v2/embed", cohere::kEmbed},
                                Route{"/v2/rerank", cohere::kRerank}};

class Cohere final : public Shape {
 public:
  std::string_view name() const override { return "cohere"; }

  std::optional<Call> Match(const net::HttpHead& head) const override {
    if (head.method() != "POST") return std::nullopt;
    for (const Route& route : kRoutes) {
      if (head.path() != route.path) continue;
      Call call;
      call.operation = route.operation;
      return call;
    }
    return std::nullopt;
  }

  Error UnknownModel(std::string_view name) const override {
    return NotFound(
        fmt::format("model '{}' not found, make sure the correct model ID was used and "
                    "that you have access to the model.",
                    name));
  }
  std::optional<Refusal> CheckKey(const Received& received, const Model& model) const override {
    constexpr std::array kPlaces = {KeyPlace::kBearer};
    if (HasKey(received.head, model, kPlaces)) return std::nullopt;
    return Refusal{401, Error{ErrorCode::kUnauthenticated, ErrorSource::kCaller, Retry::kNever,
                              "invalid api token"}};
  }
  std::string TooLong(std::int64_t prompt, const Model& model) const override {
    return fmt::format(
        "too many tokens: total number of tokens in the prompt cannot exceed {} - "
        "received {}. Try using a shorter prompt.",
        model.context_tokens_max, prompt);
  }
  Result<ChatRequest> Parse(const Received& received, const json::Value& body, const Model&,
                            const Site&) const override {
    return cohere::ParseRequest(body, static_cast<cohere::Operation>(received.call.operation));
  }
  void WriteWhole(const Reply& reply, std::string& out) const override {
    cohere::WriteWhole(reply, out);
  }
  std::unique_ptr<Frames> Stream(const Reply& reply) const override {
    return cohere::MakeFrames(reply);
  }
  void WriteError(const Refusal& refusal, const Model*, std::string& out) const override {
    const Error& error = refusal.error;
    json::Writer writer(out);
    writer.BeginObject().Key("id").String("emulated").Key("message");
    writer.String(error.field.empty() ? error.message
                                      : "invalid request: " + error.field + ": " + error.message);
    writer.EndObject();
  }
  std::string HeadFields(const HeadFacts& facts) const override {
    std::string fields = "x-api-warning: emulated\r\n";
    if (facts.model != nullptr && facts.model->quirks.rate_fields) {
      fields += RateLimitFields(*facts.model->quirks.rate_fields, *facts.model, facts.admission,
                                facts.wall_nanos);
    }
    return fields;
  }
};

}  // namespace

const Shape& CohereShape() {
  static const Cohere kShape;
  return kShape;
}

}  // namespace tidegate::emulator
