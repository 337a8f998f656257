// How one provider's dialect of a protocol differs from what the protocol's own vendor describes.
// Data of the catalogue; docs/adding_a_provider.md says what each is for.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tidegate::protocols {

struct Dialect {
  bool max_completion_tokens = false;  // its output limit is max_completion_tokens, not max_tokens
  bool call_ids = true;                // its tool calls and results may carry an id
  bool message_names = true;           // its messages may say who speaks
  bool named_tool_choice = true;       // it heeds a tool choice that names one tool
  bool reasoning_back = false;  // a message with tool calls must hold the thoughts before them
  // The ids of its tool calls have exactly so many letters and digits; 0 = they may be anything.
  std::int64_t call_id_bytes = 0;
  std::string seed = "seed";  // its name for it
  // Members of the body that it refuses whatever they say. Each of them is a hint, or means
  // something that the provider lacks the capability for.
  std::vector<std::string> refuses;
  // Where it takes chats, with a query, if not where the protocol says; "{model}" is the model.
  std::string chat_path;

  bool Refuses(std::string_view member) const {
    return std::find(refuses.begin(), refuses.end(), member) != refuses.end();
  }
};

inline const Dialect kPlainDialect;

}  // namespace tidegate::protocols
