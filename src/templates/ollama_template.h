// How Ollama gives a chat to a template.
//
// One that names `.Messages` is given all of them at once. Any other is given turn by turn what is
// said in one: `.System`, `.Prompt`, `.Response`; in the last turn it ends where the answer would
// begin. (github.com/ollama/ollama, docs/template.mdx and template/template.go.)
#pragma once

#include <string_view>
#include <vector>

#include "base/result.h"
#include "templates/go_template.h"

namespace tidegate::templates {

struct OllamaTemplate {
  bool by_turn = false;
  std::vector<GoNode> nodes;   // of the chat, or of a turn that has its answer
  std::vector<GoNode> last;    // by_turn: of the last one
  bool uses_tools = false;     // it can show the model tools
  bool uses_thinking = false;  // it knows of thoughts
};

// Errors: those of ParseGoTemplate.
Result<OllamaTemplate> ReadOllamaTemplate(std::string_view text);

}  // namespace tidegate::templates
