// The `context` of /api/generate: what an answer hands its caller, so that the next prompt goes on
// with the conversation.
//
// Ollama's are the tokens of one model. Here a request may go to another model each time, so ours
// hold the conversation itself, its texts, packed into integers: any target can go on with it, and
// whatever binds the texts of a request (labels, masks, limits) binds these like all others. A
// caller sees an array of integers either way. The first number is beyond every vocabulary, which
// tells ours from Ollama's; none is beyond 31 bits, which every client's type holds.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "core/request.h"
#include "json/value.h"
#include "json/writer.h"

namespace tidegate::protocols::ollama {

class GenerateContext {
 public:
  GenerateContext() = default;
  // The texts of the request's messages; media stay behind, as in Ollama.
  explicit GenerateContext(const core::Request& request);

  void Add(core::Role role, std::string_view text);
  // As the member of an answer, which is a turn too.
  void WriteTo(json::Writer& out, std::string_view answer);

 private:
  std::string bytes_;
};

struct ContextTurn {
  core::Role role = core::Role::kUser;
  std::string text;
};

// Nothing where it is not ours. Errors: it is no array of integers, or of too many; it is ours, and
// damaged.
Result<std::optional<std::vector<ContextTurn>>> ReadContext(const json::Value& context);

}  // namespace tidegate::protocols::ollama
