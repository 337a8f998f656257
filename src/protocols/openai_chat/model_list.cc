#include "protocols/openai_chat/model_list.h"

#include <string_view>

#include "json/writer.h"

namespace tidegate::protocols::openai_chat {
namespace {

constexpr std::string_view kPrices[] = {"input", "output", "cached_read", "cached_write"};

void WritePrices(json::Writer& out, const core::Prices& prices) {
  const Price all[] = {prices.input, prices.output, prices.cached_read, prices.cached_write};
  out.Key("usd_per_million_tokens").BeginObject();
  for (std::size_t i = 0; i < std::size(all); ++i) {
    out.Key(kPrices[i]).Raw(FormatUsd(Money{all[i].nanodollars_per_mtok}));
  }
  out.EndObject();
  if (prices.per_request.nanodollars != 0)
    out.Key("usd_per_request").Raw(FormatUsd(prices.per_request));
}

void WriteDeployment(json::Writer& out, const core::Deployment& deployment) {
  out.BeginObject();
  out.Key("provider").String(deployment.ref.provider);
  out.Key("place").String(core::ToString(deployment.place));
  if (!deployment.region.empty()) out.Key("region").String(deployment.region);
  out.Key("zero_data_retention").Bool(deployment.zero_data_retention);
  if (deployment.emulated) out.Key("emulated").Bool(true);
  if (deployment.context_tokens > 0) out.Key("context_tokens").Integer(deployment.context_tokens);
  if (deployment.output_tokens_max > 0)
    out.Key("output_tokens_max").Integer(deployment.output_tokens_max);
  out.Key("capabilities").BeginArray();
  for (int i = 0; i < core::kCapabilities; ++i) {
    const auto capability = static_cast<core::Capability>(i);
    if (deployment.capabilities.Has(capability)) out.String(core::ToString(capability));
  }
  out.EndArray();
  if (deployment.prices) WritePrices(out, *deployment.prices);
  out.EndObject();
}

void WriteEntry(json::Writer& out, const ModelEntry& model) {
  out.BeginObject();
  out.Key("id").String(model.id);
  out.Key("object").String("model");
  out.Key("created").Integer(model.created_s);
  out.Key("owned_by").String(model.owned_by);
  if (model.deployment != nullptr) WriteDeployment(out.Key("tidegate"), *model.deployment);
  out.EndObject();
}

}  // namespace

std::string WriteModelList(std::span<const ModelEntry> models) {
  std::string body;
  json::Writer out(body);
  out.BeginObject().Key("object").String("list").Key("data").BeginArray();
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

}  // namespace tidegate::protocols::openai_chat
