// The last words of a process: a bounded tail of what it printed, for error messages.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace tidegate::process {

// Not thread-safe.
class OutputTail {
 public:
  explicit OutputTail(std::size_t bytes_max);

  void Append(std::string_view bytes);
  void Clear();
  // What is kept, oldest first; starts in the middle of a line when something was dropped.
  std::string Text() const;
  bool dropped() const { return dropped_; }

 private:
  std::vector<char> ring_;
  std::size_t next_ = 0;  // where the next byte goes
  std::size_t kept_ = 0;
  bool dropped_ = false;
};

}  // namespace tidegate::process
