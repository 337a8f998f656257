#include "protocols/openai_chat/frame_reader.h"

namespace tidegate::protocols::openai_chat {

std::string_view TrimData(std::string_view text) {
  constexpr std::string_view kBlanks = " \t";
  const std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

}  // namespace tidegate::protocols::openai_chat
