// What an Ollama model's template says, said in Jinja, which llama-server renders.
//
// Known are the values and functions that Ollama gives a template, except some that no chat needs:
// they are errors that name them.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"
#include "templates/ollama_template.h"

namespace tidegate::templates {

// An argument of a program holds 128 KiB.
inline constexpr std::size_t kJinjaTemplateBytesMax = 100'000;

struct JinjaTemplate {
  std::string text;
  bool uses_tools = false;  // see OllamaTemplate
  bool uses_thinking = false;
};

// Errors: kUnavailable: it does what cannot be said.
Result<JinjaTemplate> SayInJinja(const OllamaTemplate& ollama);
// The same of its text. Errors: those of ParseGoTemplate, too.
Result<JinjaTemplate> JinjaOfGoTemplate(std::string_view text);

}  // namespace tidegate::templates
