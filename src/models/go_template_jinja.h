// What an Ollama model's template says, said in Jinja, which llama-server renders.
//
// A template of Ollama's is given either the messages of a chat (where it names `.Messages`), or,
// turn by turn, what is said in one: `.System`, `.Prompt`, `.Response`; in the last turn it ends
// where the answer would begin. Known are the values and functions that Ollama gives it
// (github.com/ollama/ollama, docs/template.mdx and template/template.go), except some that no chat
// needs: they are errors that name them.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tidegate::models {

// An argument of a program holds 128 KiB.
inline constexpr std::size_t kJinjaTemplateBytesMax = 100'000;

struct JinjaTemplate {
  std::string text;
  bool uses_tools = false;     // it can show the model tools
  bool uses_thinking = false;  // it knows of thoughts
};

// Errors: those of ParseGoTemplate; kUnavailable: it is a template, and does what cannot be said.
Result<JinjaTemplate> JinjaOfGoTemplate(std::string_view text);

}  // namespace tidegate::models
