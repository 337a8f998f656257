#include "admin/model_requests.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <optional>
#include <span>
#include <vector>

#include "admin/request_body.h"
#include "engine/model_parameters.h"
#include "json/reader.h"
#include "models/modelfile.h"
#include "plan/model_name.h"

namespace tidegate::admin {
namespace {

using Body = RequestBody;

// A model that could only be asked for as local/auto… would be a trap.
Result<models::ModelName> NewName(std::string_view text, std::string field) {
  TIDEGATE_ASSIGN(models::ModelName name, models::ModelName::Parse(text, field));
  if (!plan::IsReserved(name.Short())) return name;
  return InvalidArgument(std::move(field), "'" + name.Short() +
                                               "' leaves the choice of a model to the gate, so "
                                               "that no model can be called so; choose another "
                                               "name");
}

Error TooMany(const json::Value& value, std::size_t max) {
  return value.Invalid("has more than " + std::to_string(max) + " entries");
}

using Files = std::vector<std::pair<std::string, models::Digest>>;

Result<Files> ReadFiles(const Body& body, std::string_view key) {
  Files files;
  const std::optional<json::Value> value = body.Find(key);
  if (!value) return files;
  TIDEGATE_ASSIGN(const json::Object object, value->Object());
  TIDEGATE_TRY(object.RequireUniqueKeys());
  for (const json::Member& member : object) {
    if (files.size() == kCreateFilesMax) return TooMany(*value, kCreateFilesMax);
    TIDEGATE_ASSIGN(const std::string_view text, member.value.String());
    TIDEGATE_ASSIGN(const models::Digest digest,
                    models::Digest::Parse(text, object.PathOf(member.key)));
    files.emplace_back(member.key, digest);
  }
  return files;
}

// One text, or a list of them.
Result<std::vector<std::string>> ReadTexts(const Body& body, std::string_view key) {
  std::vector<std::string> texts;
  const std::optional<json::Value> value = body.Find(key);
  if (!value) return texts;
  if (value->is_string()) {
    TIDEGATE_ASSIGN(const std::string_view text, value->String());
    texts.emplace_back(text);
    return texts;
  }
  TIDEGATE_ASSIGN(const json::Array array, value->Array());
  for (const json::Value element : array) {
    if (texts.size() == kCreateFilesMax) return TooMany(*value, kCreateFilesMax);
    TIDEGATE_ASSIGN(const std::string_view text, element.String());
    texts.emplace_back(text);
  }
  return texts;
}

Result<core::ModelCard::Facts> ReadParameters(const Body& body) {
  core::ModelCard::Facts parameters;
  const std::optional<json::Value> value = body.Find("parameters");
  if (!value) return parameters;
  TIDEGATE_ASSIGN(const json::Object object, value->Object());
  TIDEGATE_TRY(object.RequireUniqueKeys());
  for (const json::Member& member : object) {
    if (parameters.size() == kCreateParametersMax) return TooMany(*value, kCreateParametersMax);
    parameters.emplace_back(member.key, member.value.raw());
  }
  return parameters;
}

Result<std::vector<core::ModelCard::Message>> ReadMessages(const Body& body) {
  constexpr std::array<std::string_view, 3> kRoles = {"system", "user", "assistant"};
  std::vector<core::ModelCard::Message> messages;
  const std::optional<json::Value> value = body.Find("messages");
  if (!value) return messages;
  TIDEGATE_ASSIGN(const json::Array array, value->Array());
  for (const json::Value element : array) {
    if (messages.size() == kCreateMessagesMax) return TooMany(*value, kCreateMessagesMax);
    TIDEGATE_ASSIGN(const json::Object object, element.Object());
    TIDEGATE_ASSIGN(const json::Value role_value, object.Get("role"));
    TIDEGATE_ASSIGN(const std::string_view role, role_value.String());
    if (std::find(kRoles.begin(), kRoles.end(), role) == kRoles.end()) {
      return role_value.Invalid("is none of system, user, assistant");
    }
    TIDEGATE_ASSIGN(const json::Value content_value, object.Get("content"));
    TIDEGATE_ASSIGN(const std::string_view content, content_value.String());
    if (const std::optional<json::Value> images = object.Find("images"); images) {
      const bool none = images->is_null() || (images->is_array() && images->Array()->empty());
      if (!none) {
        return images->Invalid("are not kept with a model; leave them out, or the whole message");
      }
    }
    messages.push_back({std::string(role), std::string(content)});
  }
  return messages;
}

}  // namespace

Result<TransferRequest> ReadTransfer(std::string_view text) {
  constexpr std::string_view kKnown[] = {"model",    "name",     "insecure",   "stream",
                                         "username", "password", "destination"};
  json::Reader reader;
  TIDEGATE_ASSIGN(const Body body, Body::Read(reader, text, kKnown));
  TransferRequest request;
  TIDEGATE_ASSIGN(const std::string name, body.Name({"model", "name"}));
  TIDEGATE_ASSIGN(request.model, models::ParsePullRequest(name, "model"));
  request.name = name;
  TIDEGATE_ASSIGN(const std::optional<std::string> destination, body.Text("destination"));
  if (destination && !destination->empty()) {
    if (!request.model.url) {
      return InvalidArgument("destination",
                             "is what a file at a URL is called here; a registry's model has its "
                             "name: copy it afterwards");
    }
    TIDEGATE_ASSIGN(request.model.name, models::ModelName::Parse(*destination, "destination"));
  }
  TIDEGATE_ASSIGN(request.stream, body.Flag("stream", true));
  TIDEGATE_ASSIGN(const bool insecure, body.Flag("insecure", false));
  if (insecure) {
    return InvalidArgument("insecure",
                           "whether a registry may be spoken to without TLS is for the "
                           "configuration to say: models.insecure_registries");
  }
  for (const std::string_view key : {"username", "password"}) {
    TIDEGATE_ASSIGN(const std::optional<std::string> secret, body.Text(key));
    if (secret && !secret->empty()) {
      return InvalidArgument(std::string(key),
                             "credentials of a registry are for the configuration to say");
    }
  }
  return request;
}

Result<CreateRequest> ReadCreate(std::string_view text) {
  constexpr std::string_view kKnown[] = {
      "model",    "name",   "from",     "files",       "adapters",  "template",
      "license",  "system", "messages", "parameters",  "quantize",  "stream",
      "renderer", "parser", "requires", "draft_files", "draft_from"};
  json::Reader reader;
  TIDEGATE_ASSIGN(const Body body, Body::Read(reader, text, kKnown));
  CreateRequest request;
  TIDEGATE_ASSIGN(const std::string name, body.Name({"model", "name"}));
  TIDEGATE_ASSIGN(request.spec.model, NewName(name, "model"));
  TIDEGATE_ASSIGN(request.stream, body.Flag("stream", true));
  TIDEGATE_ASSIGN(const std::optional<std::string> from, body.Text("from"));
  request.spec.from = from.value_or("");
  TIDEGATE_ASSIGN(request.spec.files, ReadFiles(body, "files"));
  TIDEGATE_ASSIGN(request.spec.adapters, ReadFiles(body, "adapters"));
  TIDEGATE_ASSIGN(request.spec.drafts, ReadFiles(body, "draft_files"));
  TIDEGATE_ASSIGN(const std::optional<std::string> draft_from, body.Text("draft_from"));
  request.spec.draft_from = draft_from.value_or("");
  TIDEGATE_ASSIGN(request.spec.renderer, body.Text("renderer"));
  TIDEGATE_ASSIGN(request.spec.parser, body.Text("parser"));
  TIDEGATE_ASSIGN(request.spec.required_version, body.Text("requires"));
  if (std::optional<std::string>& version = request.spec.required_version;
      version && !version->empty()) {
    TIDEGATE_ASSIGN(version, models::ParseRequiredVersion(*version, "requires"));
  }
  TIDEGATE_ASSIGN(request.spec.chat_template, body.Text("template"));
  TIDEGATE_ASSIGN(request.spec.system, body.Text("system"));
  TIDEGATE_ASSIGN(request.spec.licenses, ReadTexts(body, "license"));
  TIDEGATE_ASSIGN(request.spec.parameters, ReadParameters(body));
  TIDEGATE_ASSIGN(request.spec.messages, ReadMessages(body));
  TIDEGATE_ASSIGN(const std::optional<std::string> quantize, body.Text("quantize"));
  request.spec.quantize = quantize.value_or("");
  TIDEGATE_TRY(engine::ReadModelParameters(request.spec.parameters));
  if (request.spec.from.empty() == request.spec.files.empty()) {
    return InvalidArgument("from", "give either 'from', a model, or 'files', its weights");
  }
  return request;
}

Result<CopyRequest> ReadCopy(std::string_view text) {
  constexpr std::string_view kKnown[] = {"source", "destination", "stream"};
  json::Reader reader;
  TIDEGATE_ASSIGN(const Body body, Body::Read(reader, text, kKnown));
  CopyRequest request;
  TIDEGATE_ASSIGN(request.source, body.Name({"source"}));
  TIDEGATE_ASSIGN(const std::string destination, body.Name({"destination"}));
  TIDEGATE_ASSIGN(request.destination, NewName(destination, "destination"));
  TIDEGATE_ASSIGN(request.stream, body.Flag("stream", false));
  return request;
}

Result<std::string> ReadDelete(std::string_view text) {
  constexpr std::string_view kKnown[] = {"model", "name"};
  json::Reader reader;
  TIDEGATE_ASSIGN(const Body body, Body::Read(reader, text, kKnown));
  return body.Name({"model", "name"});
}

}  // namespace tidegate::admin
