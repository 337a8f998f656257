#include "gateway/render_prompt.h"

#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/chrono.h>

#include "templates/jinja.h"
#include "templates/render.h"

namespace tidegate::gateway {
namespace {

std::string_view RoleWord(core::Role role) {
  if (role == core::Role::kSystem || role == core::Role::kDeveloper) return "system";
  return role == core::Role::kAssistant ? "assistant" : "user";
}

std::string Today() {
  const auto now = std::chrono::system_clock::now();
  return fmt::format("{:%Y-%m-%d}", fmt::localtime(std::chrono::system_clock::to_time_t(now)));
}

}  // namespace

bool NeedsRendering(const core::Request& request, core::Protocol upstream) {
  if (request.prompt_template.empty()) return false;
  return upstream != core::Protocol::kOllama || request.protocol != upstream || !request.same_bytes;
}

Result<void> RenderPrompt(core::Request& request) {
  std::vector<templates::Turn> turns;
  for (const core::Message& message : request.messages) {
    for (const core::Part& part : message.parts) {
      if (part.kind != core::PartKind::kText) {
        return InvalidArgument("images", "what is no text has no place in a \"template\"");
      }
      turns.push_back({RoleWord(message.role), part.text});
    }
  }
  TIDEGATE_ASSIGN(const templates::OllamaTemplate ollama,
                  templates::ReadOllamaTemplate(request.prompt_template));
  // It may use what a model's own may.
  const Result<templates::JinjaTemplate> known = templates::SayInJinja(ollama);
  if (!known.ok()) return InvalidArgument("template", known.error().message);
  Result<std::string> text = templates::Render(ollama, turns, Today());
  if (!text.ok()) return InvalidArgument("template", text.error().message);
  core::Part part;
  part.text = request.arena.emplace_back(*std::move(text));
  core::Message message;
  message.parts.push_back(std::move(part));
  request.messages.clear();
  request.messages.push_back(std::move(message));
  request.prompt_template = {};
  request.raw = true;
  request.same_bytes = false;
  return {};
}

}  // namespace tidegate::gateway
