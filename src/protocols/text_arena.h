// Copies of short texts that all die together.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

namespace tidegate::protocols {

// Not thread-safe. A copy lives until Clear or the arena's end. Clear keeps one block, so that a
// stream of small texts allocates once in its life.
class TextArena {
 public:
  static constexpr std::size_t kBlockBytes = 2048;

  std::string_view Copy(std::string_view text) {
    if (text.empty()) return {};
    char* to = Take(text.size());
    std::memcpy(to, text.data(), text.size());
    return {to, text.size()};
  }

  void Clear() {
    large_.clear();
    if (blocks_.size() > 1) blocks_.resize(1);
    used_ = 0;
  }

 private:
  char* Take(std::size_t bytes) {
    if (bytes > kBlockBytes) {
      large_.push_back(std::make_unique<char[]>(bytes));
      return large_.back().get();
    }
    if (blocks_.empty() || kBlockBytes - used_ < bytes) {
      blocks_.push_back(std::make_unique<char[]>(kBlockBytes));
      used_ = 0;
    }
    char* const at = blocks_.back().get() + used_;
    used_ += bytes;
    return at;
  }

  std::vector<std::unique_ptr<char[]>> blocks_, large_;
  std::size_t used_ = 0;  // of the last block
};

}  // namespace tidegate::protocols
