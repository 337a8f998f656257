#include "app/modelfile_reader.h"

#include <string>
#include <utility>

#include "models/modelfile.h"

namespace tidegate::app {
namespace {

// "(line 3): what" as people are told it.
std::string Told(const std::string& message) {
  constexpr std::string_view kLine = "(line ";
  const std::size_t end = message.find("): ");
  if (!message.starts_with(kLine) || end == std::string::npos) return "Modelfile: " + message;
  return "Modelfile line " + message.substr(kLine.size(), end - kLine.size()) +
         message.substr(end + 1);
}

Result<models::ModelfileParts> Parts(std::string_view text) {
  TIDEGATE_ASSIGN(const models::Modelfile file, models::ParseModelfile(text));
  return models::TakeApart(file);
}

}  // namespace

Result<cli::Modelfile> ReadModelfile(std::string_view text) {
  Result<models::ModelfileParts> parts = Parts(text);
  if (!parts.ok()) {
    Error error = std::move(parts).error();
    error.message = Told(error.message);
    error.field.clear();
    return error;
  }
  cli::Modelfile out;
  out.from = std::move(parts->from);
  out.adapters = std::move(parts->adapters);
  out.drafts = std::move(parts->drafts);
  out.licenses = std::move(parts->licences);
  out.model_template = parts->go_template.value_or("");
  out.system = parts->system.value_or("");
  out.renderer = parts->renderer.value_or("");
  out.parser = parts->parser.value_or("");
  out.requires_version = parts->required_version.value_or("");
  for (auto& [name, json] : parts->parameters) out.parameters_json[name] = std::move(json);
  for (models::StoredMessage& message : parts->messages) {
    out.messages.emplace_back(std::move(message.role), std::move(message.content));
  }
  for (const std::string& warning : parts->warnings) out.warnings.push_back(Told(warning));
  return out;
}

}  // namespace tidegate::app
