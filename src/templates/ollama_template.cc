#include "templates/ollama_template.h"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace tidegate::templates {
namespace {

bool Names(const GoExpression& value, std::string_view field) {
  return std::find(value.fields.begin(), value.fields.end(), field) != value.fields.end() ||
         std::any_of(value.arguments.begin(), value.arguments.end(),
                     [field](const GoExpression& argument) { return Names(argument, field); });
}

bool Names(const std::vector<GoNode>& nodes, std::string_view field) {
  return std::any_of(nodes.begin(), nodes.end(), [field](const GoNode& node) {
    return Names(node.value, field) || Names(node.body, field) || Names(node.otherwise, field);
  });
}

bool WritesResponse(const GoExpression& value) {
  const std::vector<std::string>& fields = value.fields;
  if (value.kind == GoExpression::Kind::kDot &&
      std::find(fields.begin(), fields.end(), "Response") != fields.end()) {
    return true;
  }
  return std::any_of(value.arguments.begin(), value.arguments.end(), WritesResponse);
}

// Drops everything behind the first place where the answer is written: what a model is to write
// comes next. To ask whether there is one is not to write it, nor is `$.Response`, in Ollama.
void EndAtResponse(std::vector<GoNode>& nodes, bool& ended) {
  std::size_t kept = 0;
  while (kept < nodes.size() && !ended) {
    GoNode& node = nodes[kept++];
    EndAtResponse(node.body, ended);
    EndAtResponse(node.otherwise, ended);
    const bool action = node.kind == GoNode::Kind::kOutput || node.kind == GoNode::Kind::kAssign;
    ended = ended || (action && WritesResponse(node.value));
  }
  nodes.resize(kept);
}

}  // namespace

Result<OllamaTemplate> ReadOllamaTemplate(std::string_view text) {
  OllamaTemplate ollama;
  TIDEGATE_ASSIGN(ollama.nodes, ParseGoTemplate(text));
  ollama.uses_tools = Names(ollama.nodes, "Tools");
  ollama.uses_thinking = Names(ollama.nodes, "Thinking") || Names(ollama.nodes, "Think") ||
                         text.find("<think>") != text.npos;
  if (Names(ollama.nodes, "Messages")) return ollama;
  ollama.by_turn = true;
  if (!Names(ollama.nodes, "Response")) {
    GoNode response{.kind = GoNode::Kind::kOutput};
    response.value.fields = {"Response"};
    ollama.nodes.push_back(std::move(response));
  }
  ollama.last = ollama.nodes;
  bool ended = false;
  EndAtResponse(ollama.last, ended);
  return ollama;
}

}  // namespace tidegate::templates
