#include "protocols/replicate/prompt.h"

#include <cstddef>
#include <string_view>
#include <vector>

#include "protocols/cannot_say.h"

namespace tidegate::protocols::replicate {
namespace {

using core::Part;
using core::PartKind;
using core::Role;

struct Turn {
  bool assistant = false;
  std::string text;
};

// The texts of a message, one to a line. Thoughts are the last model's own and are left out.
Result<std::string> TextOf(const core::Message& message, std::size_t index) {
  std::string text;
  for (const Part& part : message.parts) {
    if (part.kind == PartKind::kReasoning) continue;
    if (part.kind != PartKind::kText && part.kind != PartKind::kRefusal) {
      return CannotSay("messages[" + std::to_string(index) + "]", "anything but text");
    }
    if (!text.empty()) text += '\n';
    text += part.text;
  }
  return text;
}

}  // namespace

Result<Prompt> WritePrompt(const core::Request& request) {
  Prompt prompt;
  std::vector<Turn> turns;
  for (std::size_t i = 0; i < request.messages.size(); ++i) {
    const core::Message& message = request.messages[i];
    TIDEGATE_ASSIGN(std::string text, TextOf(message, i));
    if (message.role == Role::kSystem || message.role == Role::kDeveloper) {
      if (!prompt.system.empty()) prompt.system += "\n\n";
      prompt.system += text;
      continue;
    }
    turns.push_back({message.role == Role::kAssistant, std::move(text)});
  }
  if (turns.size() == 1 && !turns.front().assistant) {
    prompt.text = std::move(turns.front().text);
    return prompt;
  }
  for (const Turn& turn : turns) {
    prompt.text += turn.assistant ? "Assistant: " : "User: ";
    prompt.text += turn.text + "\n\n";
  }
  prompt.text += "Assistant:";
  return prompt;
}

}  // namespace tidegate::protocols::replicate
