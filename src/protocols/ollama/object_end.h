// Whether a JSON object that comes in pieces is complete.
#pragma once

#include <string_view>

namespace tidegate::protocols::ollama {

// Counts brackets outside of strings; what else is wrong with the text is for a parser to say.
class ObjectEnd {
 public:
  // Looks at the next piece. Returns false when more than blanks stands behind the end.
  bool Feed(std::string_view piece) {
    for (const char c : piece) {
      if (complete_) {
        if (c != ' ' && c != '\t' && c != '\n' && c != '\r') return false;
      } else if (in_string_) {
        in_string_ = escaped_ || c != '"';
        escaped_ = !escaped_ && c == '\\';
      } else if (c == '"') {
        in_string_ = true;
      } else if (c == '{' || c == '[') {
        ++depth_;
      } else if (c == '}' || c == ']') {
        complete_ = --depth_ <= 0;
      }
    }
    return true;
  }
  bool complete() const { return complete_; }

 private:
  long depth_ = 0;
  bool in_string_ = false, escaped_ = false, complete_ = false;
};

}  // namespace tidegate::protocols::ollama
