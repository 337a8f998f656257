#include "protocols/ollama/model_list.h"

#include <cstdint>
#include <cstdio>
#include <limits>
#include <optional>
#include <string_view>

#include "base/clock.h"
#include "base/digest.h"
#include "json/writer.h"
#include "protocols/ollama/encode_parts.h"

namespace tidegate::protocols::ollama {
namespace {

// The architecture of models whose weights lie elsewhere, or of none in particular. Clients look
// the window up under its name.
constexpr std::string_view kElsewhere = "tidegate";

// "8.0B", "134.5M", "260.0K".
std::string HumanCount(std::uint64_t count) {
  struct Step {
    double size;
    const char* letter;
  };
  for (const Step& step : {Step{1e9, "B"}, Step{1e6, "M"}, Step{1e3, "K"}}) {
    const double value = static_cast<double>(count) / step.size;
    if (value < 1) continue;
    char text[32];
    const int size = std::snprintf(text, sizeof text, "%.1f%s", value, step.letter);
    return {text, static_cast<std::size_t>(size)};
  }
  return std::to_string(count);
}

std::int64_t Clamp(std::uint64_t number) {
  constexpr auto kMax = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  return static_cast<std::int64_t>(number < kMax ? number : kMax);
}

const core::Weights* WeightsOf(const ModelEntry& model) {
  const core::Deployment* deployment = model.deployment;
  return deployment != nullptr && deployment->weights ? &*deployment->weights : nullptr;
}

// Changes when what it names does: what clients use a digest for. It is none of the weights, which
// would take minutes to read.
std::string DigestOf(const ModelEntry& model) {
  std::string facts = model.id + '\n' + model.host;
  if (const core::Weights* weights = WeightsOf(model)) {
    facts += '\n' + std::to_string(weights->bytes) + '\n' + std::to_string(weights->modified_s);
  }
  return ToHex(ComputeSha256(facts));
}

void WriteDetails(json::Writer& out, const ModelEntry& model) {
  const core::Weights* weights = WeightsOf(model);
  out.BeginObject().Key("parent_model").String("");
  out.Key("format").String(weights == nullptr ? "" : weights->format);
  out.Key("family").String(weights == nullptr ? "" : weights->architecture);
  out.Key("families").BeginArray();
  if (weights != nullptr) out.String(weights->architecture);
  out.EndArray();
  out.Key("parameter_size").String(weights == nullptr ? "" : HumanCount(weights->parameters));
  out.Key("quantization_level").String(weights == nullptr ? "" : weights->quantisation);
  if (model.context_tokens > 0) out.Key("context_length").Integer(model.context_tokens);
  out.EndObject();
}

void WriteCapabilities(json::Writer& out, const ModelEntry& model) {
  struct Word {
    core::Capability capability;
    std::string_view word;
  };
  constexpr Word kWords[] = {{core::Capability::kTools, "tools"},
                             {core::Capability::kVision, "vision"},
                             {core::Capability::kReasoning, "thinking"},
                             {core::Capability::kAudio, "audio"}};
  out.Key("capabilities").BeginArray().String("completion");
  for (const Word& word : kWords) {
    if (model.capabilities.Has(word.capability)) out.String(word.word);
  }
  out.EndArray();
}

// Where it runs, unless that is this device: the last place that is known.
void WriteRemote(json::Writer& out, const ModelEntry& model) {
  const core::Deployment* deployment = model.deployment;
  if (deployment == nullptr || deployment->place == core::Place::kDevice) return;
  const bool passed_on = !deployment->passed_on_to.empty();
  const std::string& name = passed_on && !deployment->passed_on_as.empty()
                                ? deployment->passed_on_as
                            : deployment->upstream_model.empty() ? deployment->ref.model
                                                                 : deployment->upstream_model;
  out.Key("remote_model").String(name);
  out.Key("remote_host").String(passed_on ? deployment->passed_on_to : model.host);
}

// Beyond the API: what a gate knows of a place.
void WriteExtension(json::Writer& out, const ModelEntry& model) {
  const core::Deployment* deployment = model.deployment;
  if (deployment == nullptr) return;
  out.Key("tidegate").BeginObject().Key("provider").String(deployment->ref.provider);
  out.Key("place").String(core::ToString(deployment->place));
  if (!deployment->region.empty()) out.Key("region").String(deployment->region);
  out.Key("zero_data_retention").Bool(deployment->zero_data_retention);
  if (deployment->emulated) out.Key("emulated").Bool(true);
  out.EndObject();
}

std::string ModifiedAt(const ModelEntry& model) {
  const core::Weights* weights = WeightsOf(model);
  return TimeText(weights == nullptr ? model.created_s : weights->modified_s);
}

void WriteName(json::Writer& out, const ModelEntry& model) {
  const std::string name = TaggedName(model.id);
  out.Key("name").String(name).Key("model").String(name);
}

void WriteModelInfo(json::Writer& out, const ModelEntry& model) {
  const core::Weights* weights = WeightsOf(model);
  const std::string architecture(weights == nullptr || weights->architecture.empty()
                                     ? kElsewhere
                                     : std::string_view(weights->architecture));
  out.Key("model_info").BeginObject();
  out.Key("general.architecture").String(architecture);
  out.Key("general.basename").String(TaggedName(model.id));
  if (weights != nullptr) {
    out.Key("general.parameter_count").Integer(Clamp(weights->parameters));
  }
  if (model.context_tokens > 0) {
    out.Key(architecture + ".context_length").Integer(model.context_tokens);
  }
  out.EndObject();
}

}  // namespace

std::string TaggedName(const std::string& id) {
  const std::size_t slash = id.rfind('/');
  const bool tagged = id.find(':', slash == std::string::npos ? 0 : slash) != std::string::npos;
  return tagged ? id : id + ":latest";
}

std::string WriteTags(std::span<const ModelEntry> models) {
  std::string body;
  json::Writer out(body);
  out.BeginObject().Key("models").BeginArray();
  for (const ModelEntry& model : models) {
    const core::Weights* weights = WeightsOf(model);
    out.BeginObject();
    WriteName(out, model);
    WriteRemote(out, model);
    out.Key("modified_at").String(ModifiedAt(model));
    out.Key("size").Integer(weights == nullptr ? 0 : Clamp(weights->bytes));
    out.Key("digest").String(DigestOf(model)).Key("details");
    WriteDetails(out, model);
    WriteCapabilities(out, model);
    WriteExtension(out, model);
    out.EndObject();
  }
  out.EndArray().EndObject();
  return body;
}

std::string WriteLoaded(std::span<const ModelEntry> models) {
  std::string body;
  json::Writer out(body);
  out.BeginObject().Key("models").BeginArray();
  for (const ModelEntry& model : models) {
    const Residency residency = model.residency.value_or(Residency());
    // What stays has no end: the last moment there is.
    const std::int64_t until = residency.until_wall_nanos == 0
                                   ? std::numeric_limits<std::int64_t>::max()
                                   : residency.until_wall_nanos;
    out.BeginObject();
    WriteName(out, model);
    out.Key("size").Integer(residency.bytes);
    out.Key("digest").String(DigestOf(model)).Key("details");
    WriteDetails(out, model);
    out.Key("expires_at").String(FormatUtc(until));
    out.Key("size_vram").Integer(0);  // not known
    out.Key("context_length").Integer(model.context_tokens);
    out.EndObject();
  }
  out.EndArray().EndObject();
  return body;
}

std::string WriteShow(const ModelEntry& model) {
  std::string body;
  json::Writer out(body);
  out.BeginObject();
  for (const std::string_view empty :
       {"license", "modelfile", "parameters", "template", "system"}) {
    out.Key(empty).String("");
  }
  WriteRemote(out, model);
  out.Key("details");
  WriteDetails(out, model);
  WriteModelInfo(out, model);
  WriteCapabilities(out, model);
  out.Key("modified_at").String(ModifiedAt(model));
  WriteExtension(out, model);
  out.EndObject();
  return body;
}

}  // namespace tidegate::protocols::ollama
