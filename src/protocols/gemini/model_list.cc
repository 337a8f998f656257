#include "protocols/gemini/model_list.h"

#include "core/deployment.h"
#include "json/writer.h"

namespace tidegate::protocols::gemini {
namespace {

void WriteEntry(json::Writer& out, const ModelEntry& model) {
  out.BeginObject().Key("name").String("models/" + model.id);
  out.Key("version").String("").Key("displayName").String(model.id);
  if (model.deployment != nullptr) {
    const core::Deployment& deployment = *model.deployment;
    if (deployment.context_tokens > 0) {
      out.Key("inputTokenLimit").Integer(deployment.context_tokens);
    }
    if (deployment.output_tokens_max > 0) {
      out.Key("outputTokenLimit").Integer(deployment.output_tokens_max);
    }
    out.Key("thinking").Bool(deployment.capabilities.Has(core::Capability::kReasoning));
  }
  out.Key("supportedGenerationMethods").BeginArray();
  out.String("generateContent").String("streamGenerateContent").EndArray().EndObject();
}

}  // namespace

std::string WriteModelList(std::span<const ModelEntry> models) {
  std::string body;
  json::Writer out(body);
  out.BeginObject().Key("models").BeginArray();
  for (const ModelEntry& model : models) WriteEntry(out, model);
  out.EndArray().EndObject();
  return body;
}

std::string WriteModel(const ModelEntry& model) {
  std::string body;
  json::Writer out(body);
  WriteEntry(out, model);
  return body;
}

}  // namespace tidegate::protocols::gemini
