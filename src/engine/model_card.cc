#include "engine/model_card.h"

#include <utility>

#include "engine/model_parameters.h"
#include "json/reader.h"
#include "models/gguf_info.h"
#include "models/modelfile.h"

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
  if (!model.go_template.empty()) file.commands.push_back({Kind::kTemplate, model.go_template});
  if (!model.system.empty()) file.commands.push_back({Kind::kSystem, model.system});
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

core::ModelCard::Facts InfoOf(const std::string& path) {
  if (path.empty()) return {};
  Result<models::GgufInfo> info = models::ReadGgufInfoFile(path, {});
  return info.ok() ? std::move(info->values) : core::ModelCard::Facts();
}

}  // namespace

std::shared_ptr<const core::ModelCard> MakeCard(const models::LocalModel& model) {
  auto card = std::make_shared<core::ModelCard>();
  card->chat_template =
      model.go_template.empty() ? model.metadata.chat_template : model.go_template;
  card->system = model.system;
  card->modelfile = ModelfileOf(model);
  card->licenses = model.licences;
  card->parameters = model.parameters;
  for (const models::StoredMessage& message : model.messages) {
    card->messages.push_back({message.role, message.content});
  }
  card->info = InfoOf(model.path);
  card->projector_info = InfoOf(model.projector_path);
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
