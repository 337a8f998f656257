#include "protocols/ollama/model_list.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/digest.h"
#include "json/reader.h"
#include "json/writer.h"
#include "protocols/memory_fit_json.h"
#include "protocols/ollama/encode_parts.h"

namespace tidegate::protocols::ollama {
namespace {

// The architecture of models whose weights lie elsewhere, or of none in particular. Clients look
// the window up under its name.
constexpr std::string_view kElsewhere = "tidegate";

constexpr std::size_t kParameterBytesMax = 64 * 1024;

std::int64_t Clamp(std::uint64_t number) {
  constexpr auto kMax = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  return static_cast<std::int64_t>(number < kMax ? number : kMax);
}

const core::Weights* WeightsOf(const ModelEntry& model) {
  const core::Deployment* deployment = model.deployment;
  return deployment != nullptr && deployment->weights ? &*deployment->weights : nullptr;
}

// Of its manifest; without one, something that changes when what it names does: what clients use a
// digest for. To hash the weights of a loose file would take minutes.
std::string DigestOf(const ModelEntry& model) {
  const core::Weights* weights = WeightsOf(model);
  if (weights != nullptr && !weights->digest.empty()) return weights->digest;
  std::string facts = model.id + '\n' + model.host;
  if (weights != nullptr) {
    facts += '\n' + std::to_string(weights->bytes) + '\n' + std::to_string(weights->modified_s);
  }
  return ToHex(ComputeSha256(facts));
}

void WriteDetails(json::Writer& out, const ModelEntry& model) {
  const core::Weights* weights = WeightsOf(model);
  const core::ModelCard* card = model.card.get();
  out.BeginObject().Key("parent_model").String(card == nullptr ? "" : card->parent);
  out.Key("format").String(weights == nullptr ? "" : weights->format);
  out.Key("family").String(weights == nullptr ? "" : weights->architecture);
  out.Key("families").BeginArray();
  if (weights != nullptr) out.String(weights->architecture);
  out.EndArray();
  out.Key("parameter_size")
      .String(weights == nullptr ? "" : core::ParametersText(weights->parameters));
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
                             {core::Capability::kInsert, "insert"},
                             {core::Capability::kVision, "vision"},
                             {core::Capability::kReasoning, "thinking"},
                             {core::Capability::kAudio, "audio"}};
  out.Key("capabilities").BeginArray();
  if (model.capabilities.Has(core::Capability::kEmbeddings)) out.String("embedding");
  if (model.capabilities.Has(core::Capability::kRerank)) out.String("rerank");
  // A name for a choice stands for chats, whatever else can be chosen.
  const bool only_other = !model.capabilities.Has(core::Capability::kChat) &&
                          (model.capabilities.Has(core::Capability::kEmbeddings) ||
                           model.capabilities.Has(core::Capability::kRerank));
  if (!only_other) out.String("completion");
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

void WriteProvenance(json::Writer& out, const core::ModelCard::Provenance& known) {
  const auto write = [&](std::string_view key, const std::string& text) {
    if (!text.empty()) out.Key(key).String(text);
  };
  out.BeginObject();
  write("source", known.source);
  write("digest", known.digest);
  if (known.time_s > 0) out.Key("time").String(TimeText(known.time_s));
  write("license", known.licence);
  write("signer", known.signer);
  write("quantized_from", known.quantised_from);
  write("quantized_by", known.quantised_by);
  out.EndObject();
}

// Beyond the API: what a gate knows of a place.
void WriteExtension(json::Writer& out, const ModelEntry& model, bool whole) {
  const core::Deployment* deployment = model.deployment;
  if (deployment == nullptr) return;
  out.Key("tidegate").BeginObject().Key("provider").String(deployment->ref.provider);
  out.Key("place").String(core::ToString(deployment->place));
  if (!deployment->region.empty()) out.Key("region").String(deployment->region);
  out.Key("zero_data_retention").Bool(deployment->zero_data_retention);
  if (deployment->emulated) out.Key("emulated").Bool(true);
  if (whole && deployment->memory) {
    out.Key("memory");
    WriteMemoryFit(out, *deployment->memory);
  }
  if (whole && model.card != nullptr && model.card->provenance) {
    out.Key("provenance");
    WriteProvenance(out, *model.card->provenance);
  }
  if (whole && model.card != nullptr && !model.card->template_note.empty()) {
    out.Key("template_note").String(model.card->template_note);
  }
  if (deployment->speed) {
    // Of the shortest prompt that was measured, alone.
    const core::SpeedPoint& first = deployment->speed->points().front();
    out.Key("speed").BeginObject();
    out.Key("prompt_tokens").Integer(first.prompt_tokens);
    out.Key("ttft_ms").Double(first.ttft_ms_p50);
    out.Key("prompt_tokens_per_s").Double(first.prompt_tokens_per_s);
    out.Key("tokens_per_s").Double(first.tokens_per_s).EndObject();
  }
  out.EndObject();
}

std::string ModifiedAt(const ModelEntry& model) {
  const core::Weights* weights = WeightsOf(model);
  return TimeText(weights == nullptr ? model.created_s : weights->modified_s);
}

// As its clients know it.
std::string NameOf(const ModelEntry& model) {
  return TaggedName(model.plain.empty() ? model.id : model.plain);
}

void WriteName(json::Writer& out, const ModelEntry& model) {
  const std::string name = NameOf(model);
  out.Key("name").String(name).Key("model").String(name);
}

void WriteFacts(json::Writer& out, const core::ModelCard::Facts& facts) {
  for (const auto& [name, value] : facts) out.Key(name).Raw(value);
}

// One line for each, as `ollama show --parameters` prints them: the name, blanks, the value; of a
// list a line for each element.
std::string ParametersText(const core::ModelCard& card) {
  constexpr std::size_t kNameColumns = 30;
  std::string text;
  const auto add = [&](const std::string& name, std::string_view value) {
    std::string padded = name;
    padded.resize(std::max(kNameColumns, name.size()) + 1, ' ');
    text += (text.empty() ? "" : "\n") + padded;
    text += value;
  };
  json::Reader reader;
  for (const auto& [name, json] : card.parameters) {
    const Result<json::Value> value = reader.ParseCopy(json, kParameterBytesMax);
    const Result<json::Array> list =
        value.ok() ? value->Array() : Result<json::Array>(value.error());
    if (!list.ok()) {
      add(name, json);
      continue;
    }
    for (const json::Value element : *list) add(name, element.raw());
  }
  return text;
}

std::string Joined(const std::vector<std::string>& texts) {
  std::string joined;
  for (const std::string& text : texts) joined += (joined.empty() ? "" : "\n") + text;
  return joined;
}

void WriteTexts(json::Writer& out, const core::ModelCard& card) {
  out.Key("license").String(Joined(card.licenses));
  out.Key("modelfile").String(card.modelfile);
  out.Key("parameters").String(ParametersText(card));
  out.Key("template").String(card.chat_template);
  out.Key("system").String(card.system);
  const auto write = [&](std::string_view key, const std::string& text) {
    if (!text.empty()) out.Key(key).String(text);
  };
  write("renderer", card.renderer);
  write("parser", card.parser);
  write("requires", card.required_version);
  if (!card.messages.empty()) {
    out.Key("messages").BeginArray();
    for (const core::ModelCard::Message& message : card.messages) {
      out.BeginObject().Key("role").String(message.role);
      out.Key("content").String(message.content).EndObject();
    }
    out.EndArray();
  }
  if (!card.projector_info.empty()) {
    out.Key("projector_info").BeginObject();
    WriteFacts(out, card.projector_info);
    out.EndObject();
  }
  if (!card.tensors.empty()) {
    out.Key("tensors").BeginArray();
    for (const core::ModelCard::Tensor& tensor : card.tensors) {
      out.BeginObject().Key("name").String(tensor.name).Key("type").String(tensor.type);
      out.Key("shape").BeginArray();
      for (const std::uint64_t size : tensor.shape) out.Integer(Clamp(size));
      out.EndArray().EndObject();
    }
    out.EndArray();
  }
}

void WriteModelInfo(json::Writer& out, const ModelEntry& model) {
  const core::Weights* weights = WeightsOf(model);
  const std::string architecture(weights == nullptr || weights->architecture.empty()
                                     ? kElsewhere
                                     : std::string_view(weights->architecture));
  out.Key("model_info").BeginObject();
  if (const core::ModelCard* card = model.card.get(); card != nullptr && !card->info.empty()) {
    WriteFacts(out, card->info);
    out.EndObject();
    return;
  }
  out.Key("general.architecture").String(architecture);
  out.Key("general.basename").String(NameOf(model));
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
    WriteExtension(out, model, false);
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
    out.Key("size_vram").Integer(residency.device_bytes);
    out.Key("context_length")
        .Integer(residency.context_tokens > 0 ? residency.context_tokens : model.context_tokens);
    if (residency.pinned) out.Key("tidegate").BeginObject().Key("pinned").Bool(true).EndObject();
    out.EndObject();
  }
  out.EndArray().EndObject();
  return body;
}

std::string WriteShow(const ModelEntry& model) {
  std::string body;
  json::Writer out(body);
  out.BeginObject();
  const core::ModelCard* card = model.card.get();
  WriteTexts(out, card == nullptr ? core::ModelCard() : *card);
  WriteRemote(out, model);
  out.Key("details");
  WriteDetails(out, model);
  WriteModelInfo(out, model);
  WriteCapabilities(out, model);
  out.Key("modified_at").String(ModifiedAt(model));
  WriteExtension(out, model, true);
  out.EndObject();
  return body;
}

}  // namespace tidegate::protocols::ollama
