// Templates of Go's text/template, in which Ollama's models say how their prompts are written: read
// into a tree. What they mean for a chat is templates/jinja.h's.
//
// Read are actions with pipelines, variables, if, range, with, break and continue; named templates
// (define, template, block) are refused.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tidegate::templates {

inline constexpr std::size_t kGoTemplateBytesMax = std::size_t{256} << 10U;
inline constexpr int kGoTemplateDepthMax = 64;  // of blocks and parentheses in each other

struct GoExpression {
  enum class Kind : std::uint8_t {
    kDot,       // "."; with fields ".A.B"
    kVariable,  // "$x"; `text` is "x", which is empty for "$", the value that the template got
    kText,      // a string; `text` is what it says
    kNumber,    // as it is written
    kBoolean,   // "true" or "false"
    kNil,
    kCall,  // a function, `text`, of `arguments`
  };
  Kind kind = Kind::kDot;
  std::string text = {};
  std::vector<GoExpression> arguments = {};
  std::vector<std::string> fields = {};  // behind it, without their dots
};

struct GoNode {
  enum class Kind : std::uint8_t {
    kText,      // `text`, as it stands
    kOutput,    // `value` is written
    kAssign,    // `variable` gets `value`; it is new where `declares`
    kIf,        // `body` where `value` is true, else `otherwise`
    kRange,     // `body` for each element of `value`; `otherwise` where there is none
    kWith,      // as kIf, and "." is `value` in `body`
    kBreak,     // ends the innermost range
    kContinue,  // goes on with its next element
  };
  Kind kind = Kind::kText;
  std::string text = {};
  std::string variable = {};  // of kIf and kWith, too: what `value` is called in them
  std::string index = {};     // kRange: what the number, or the key, of an element is called
  bool declares = false;
  GoExpression value = {};
  std::vector<GoNode> body = {}, otherwise = {};
};

// Errors: kInvalidArgument with the line and what is wrong there; kTooLarge.
Result<std::vector<GoNode>> ParseGoTemplate(std::string_view text);

}  // namespace tidegate::templates
