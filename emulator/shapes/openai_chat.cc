#include "emulator/shapes/openai_chat.h"

#include "emulator/shapes/shapes.h"
#include "emulator/site.h"

namespace tidegate::emulator {
namespace {

enum Operation { kChat, kModels };

constexpr std::string_view kSuffix = "/chat/completions";
constexpr std::string_view kAzurePrefix = "/openai/deployments/";

// Every vendor has a prefix of its own; Azure's names the deployment.
class OpenAiChat final : public Shape {
 public:
  std::string_view name() const override { return "openai-chat"; }

  std::optional<Call> Match(const net::HttpHead& head) const override {
    const std::string_view path = head.path();
    if (path == "/v1/models" && head.method() == "GET") {
      Call call;
      call.operation = kModels;
      call.plain = true;
      return call;
    }
    if (!path.ends_with(kSuffix) || head.method() != "POST") return std::nullopt;
    Call call;
    if (path.starts_with(kAzurePrefix)) {
      const std::string_view named = path.substr(kAzurePrefix.size());
      const auto name = net::PercentDecode(named.substr(0, named.find('/')));
      call.model = name.value_or("");
    }
    return call;
  }

  // Azure's clients must say which version of its interface they mean.
  std::optional<Refusal> CheckHead(const Received& received) const override {
    const std::string_view query = received.head.query();
    const bool versioned =
        query.starts_with("api-version=") || query.find("&api-version=") != std::string_view::npos;
    if (!received.head.path().starts_with(kAzurePrefix) || versioned) return std::nullopt;
    return Refusal{404, NotFound("Resource not found: the parameter api-version is missing")};
  }

  std::optional<Refusal> CheckKey(const Received& received, const Model& model) const override {
    return CheckOpenAiKey(received, model);
  }
  Result<ChatRequest> Parse(const Received& received, const json::Value& body, const Model& model,
                            const Site&) const override {
    return ParseOpenAiChat(body, model.quirks, !received.call.model.empty());
  }
  int InvalidStatus(const Model* model) const override { return OpenAiInvalidStatus(model); }
  void WriteWhole(const Reply& reply, std::string& out) const override {
    WriteOpenAiAnswer(reply, out);
  }
  std::unique_ptr<Frames> Stream(const Reply& reply) const override {
    return std::make_unique<OpenAiChatFrames>(reply);
  }
  void WriteError(const Refusal& refusal, const Model* model, std::string& out) const override {
    const ErrorStyle style = model != nullptr ? model->quirks.error_style : ErrorStyle::kOpenAi;
    WriteOpenAiError(refusal, out, style);
  }
  std::string HeadFields(const HeadFacts& facts) const override { return OpenAiHeadFields(facts); }

  Result<std::string> AnswerPlain(Site& site, const Received&) const override {
    std::vector<const Model*> models;
    for (const auto& served : site.models) models.push_back(&served->model());
    std::string text;
    WriteOpenAiModels(models, text);
    return text;
  }
};

}  // namespace

const Shape& OpenAiChatShape() {
  static const OpenAiChat kShape;
  return kShape;
}

}  // namespace tidegate::emulator
