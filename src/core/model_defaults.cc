#include "core/model_defaults.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace tidegate::core {
namespace {

bool Instructs(const Message& message) {
  return message.role == Role::kSystem || message.role == Role::kDeveloper;
}

Message TextMessage(Role role, std::string_view text) {
  Part part;
  part.text = text;
  Message message;
  message.role = role;
  message.parts.push_back(std::move(part));
  return message;
}

Role RoleOf(std::string_view word) {
  if (word == "system") return Role::kSystem;
  return word == "assistant" ? Role::kAssistant : Role::kUser;
}

template <typename T>
void Fill(std::optional<T>& into, const std::optional<T>& otherwise) {
  if (!into) into = otherwise;
}

void AddMessages(const ModelDefaults& defaults, std::vector<Message>& messages) {
  const bool instructed = std::any_of(messages.begin(), messages.end(), Instructs);
  std::vector<Message> first;
  if (!instructed && !defaults.system.empty()) {
    first.push_back(TextMessage(Role::kSystem, defaults.system));
  }
  // The caller's own instructions stay in front of the examples.
  const auto begin = std::find_if_not(messages.begin(), messages.end(), Instructs);
  for (const ModelCard::Message& message : defaults.messages) {
    first.push_back(TextMessage(RoleOf(message.role), message.content));
  }
  messages.insert(begin, first.begin(), first.end());
}

}  // namespace

Request WithDefaults(const Request& request, const ModelDefaults& defaults) {
  Request changed = request;
  changed.same_bytes = false;
  if (!request.raw && request.suffix.empty()) AddMessages(defaults, changed.messages);
  Fill(changed.temperature, defaults.temperature);
  Fill(changed.top_p, defaults.top_p);
  Fill(changed.presence_penalty, defaults.presence_penalty);
  Fill(changed.frequency_penalty, defaults.frequency_penalty);
  Fill(changed.min_p, defaults.min_p);
  Fill(changed.typical_p, defaults.typical_p);
  Fill(changed.repeat_penalty, defaults.repeat_penalty);
  Fill(changed.repeat_last_n, defaults.repeat_last_n);
  Fill(changed.max_output_tokens, defaults.max_output_tokens);
  Fill(changed.seed, defaults.seed);
  Fill(changed.top_k, defaults.top_k);
  if (changed.stop.empty()) changed.stop.assign(defaults.stop.begin(), defaults.stop.end());
  return changed;
}

}  // namespace tidegate::core
