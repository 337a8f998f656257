#include "protocols/bedrock_converse/model_list.h"

#include "json/writer.h"

namespace tidegate::protocols::bedrock_converse {
namespace {

void WriteEntry(json::Writer& out, const ModelEntry& model) {
  out.BeginObject().Key("modelArn").String("arn:aws:bedrock:::foundation-model/" + model.id);
  out.Key("modelId").String(model.id).Key("modelName").String(model.id);
  out.Key("providerName").String(model.owned_by);
  out.Key("inputModalities").BeginArray().String("TEXT");
  const bool sees =
      model.deployment != nullptr && model.deployment->capabilities.Has(core::Capability::kVision);
  if (sees) out.String("IMAGE");
  out.EndArray().Key("outputModalities").BeginArray().String("TEXT").EndArray();
  out.Key("responseStreamingSupported").Bool(true);
  out.Key("inferenceTypesSupported").BeginArray().String("ON_DEMAND").EndArray();
  out.Key("modelLifecycle").BeginObject().Key("status").String("ACTIVE").EndObject();
  out.EndObject();
}

}  // namespace

std::string WriteModelList(std::span<const ModelEntry> models) {
  std::string body;
  json::Writer out(body);
  out.BeginObject().Key("modelSummaries").BeginArray();
  for (const ModelEntry& model : models) WriteEntry(out, model);
  out.EndArray().EndObject();
  return body;
}

std::string WriteModel(const ModelEntry& model) {
  std::string body;
  json::Writer out(body);
  WriteEntry(out.BeginObject().Key("modelDetails"), model);
  out.EndObject();
  return body;
}

}  // namespace tidegate::protocols::bedrock_converse
