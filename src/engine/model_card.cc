#include "engine/model_card.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "engine/model_parameters.h"
#include "json/reader.h"
#include "models/capabilities.h"
#include "models/gguf_info.h"
#include "models/modelfile.h"
#include "models/stored_model.h"

namespace tidegate::engine {
namespace {

using Kind = models::ModelfileCommand::Kind;

constexpr std::size_t kValueBytesMax = 64 * 1024;

// One PARAMETER for each value: a text without its quotes, a list as its elements.
void AddParameter(const std::string& name, const std::string& json, models::Modelfile& file) {
  json::Reader reader;
  const Result<json::Value> value = reader.ParseCopy(json, kValueBytesMax);
  if (!value.ok()) return;
  const auto add = [&](const json::Value& one) {
    const Result<std::string_view> text = one.String();
    file.commands.push_back({Kind::kParameter, std::string(text.ok() ? *text : one.raw()), name});
  };
  const Result<json::Array> list = value->Array();
  if (!list.ok()) return add(*value);
  for (const json::Value element : *list) add(element);
}

std::string ModelfileOf(const models::LocalModel& model) {
  models::Modelfile file;
  file.commands.push_back({Kind::kFrom, model.path});
  for (const std::string& path : model.adapter_paths) {
    file.commands.push_back({Kind::kAdapter, path});
  }
  const auto add = [&](Kind kind, const std::string& text) {
    if (!text.empty()) file.commands.push_back({kind, text});
  };
  add(Kind::kDraft, model.draft_path);
  add(Kind::kTemplate, model.go_template);
  add(Kind::kSystem, model.system);
  add(Kind::kRenderer, model.renderer);
  add(Kind::kParser, model.parser);
  add(Kind::kRequires, model.required_version);
  for (const auto& [name, json] : model.parameters) AddParameter(name, json, file);
  for (const models::StoredMessage& message : model.messages) {
    file.commands.push_back({Kind::kMessage, message.content, message.role});
  }
  for (const std::string& license : model.licences) {
    file.commands.push_back({Kind::kLicense, license});
  }
  Result<std::string> text = models::WriteModelfile(file);
  return text.ok() ? *std::move(text) : std::string();
}

models::GgufInfo InfoOf(const std::string& path, const models::GgufInfoOptions& options) {
  if (path.empty()) return {};
  Result<models::GgufInfo> info = models::ReadGgufInfoFile(path, options);
  // Too much of it is shown without its lists.
  if (!info.ok() && options.whole_lists && info.error().code == ErrorCode::kTooLarge) {
    info = models::ReadGgufInfoFile(path, {false, options.tensors});
  }
  return info.ok() ? *std::move(info) : models::GgufInfo();
}

// Ollama's clients look for it, and files seldom say it.
void AddParameterCount(const models::LocalModel& model, core::ModelCard::Facts& info) {
  constexpr std::string_view kKey = "general.parameter_count";
  const bool said =
      std::any_of(info.begin(), info.end(), [&](const auto& fact) { return fact.first == kKey; });
  if (!said && !info.empty()) info.emplace_back(kKey, std::to_string(model.metadata.parameters));
}

std::optional<core::ModelCard::Provenance> ProvenanceFor(const models::LocalModel& model) {
  const std::optional<models::Provenance> known = models::ProvenanceOf(model);
  if (!known) return std::nullopt;
  const auto text = [](const std::optional<models::Digest>& digest) {
    return digest ? digest->ToString() : std::string();
  };
  return core::ModelCard::Provenance{.source = known->source,
                                     .digest = text(known->manifest),
                                     .time_s = known->time_s,
                                     .licence = known->licence,
                                     .signer = known->signer,
                                     .quantised_from = text(known->quantised_from),
                                     .quantised_by = known->quantised_by};
}

// Why the template that is shown is not what the engine uses; without any it takes ChatML.
std::string TemplateNote(const models::LocalModel& model) {
  if (!models::CapabilitiesOf(model.metadata, nullptr).completion) return {};
  if (!model.jinja_template.empty()) return {};
  const bool shown = !model.go_template.empty();
  std::string note = shown ? "kept and of no effect: " : "none: ";
  if (!model.template_problem.empty()) note += model.template_problem + "; ";
  if (model.metadata.has_chat_template) {
    return shown ? note + "the engine uses the one in the weights" : "";
  }
  return note +
         "the weights have none, so messages are written as ChatML, which the model may not "
         "know";
}

}  // namespace

std::shared_ptr<const core::ModelCard> MakeCard(const models::LocalModel& model, bool everything) {
  auto card = std::make_shared<core::ModelCard>();
  card->chat_template =
      model.go_template.empty() ? model.metadata.chat_template : model.go_template;
  card->template_note = TemplateNote(model);
  card->parent = model.parent;
  card->system = model.system;
  card->modelfile = ModelfileOf(model);
  card->renderer = model.renderer;
  card->parser = model.parser;
  card->required_version = model.required_version;
  card->licenses = model.licences;
  card->parameters = model.parameters;
  for (const models::StoredMessage& message : model.messages) {
    card->messages.push_back({message.role, message.content});
  }
  models::GgufInfo info = InfoOf(model.path, {everything, true});
  card->info = std::move(info.values);
  AddParameterCount(model, card->info);
  for (models::GgufTensorInfo& tensor : info.tensors) {
    card->tensors.push_back(
        {std::move(tensor.name), std::move(tensor.type), std::move(tensor.dimensions)});
  }
  card->provenance = ProvenanceFor(model);
  card->projector_info = InfoOf(model.projector_path, {everything, false}).values;
  return card;
}

std::shared_ptr<const core::ModelDefaults> MakeDefaults(const models::LocalModel& model) {
  core::ModelDefaults defaults;
  const Result<ModelParameters> parameters = ReadModelParameters(model.parameters);
  if (parameters.ok()) defaults = parameters->defaults;
  defaults.system = model.system;
  for (const models::StoredMessage& message : model.messages) {
    defaults.messages.push_back({message.role, message.content});
  }
  if (defaults.empty()) return nullptr;
  return std::make_shared<const core::ModelDefaults>(std::move(defaults));
}

}  // namespace tidegate::engine
