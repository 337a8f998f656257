#include "process/output_tail.h"

#include <algorithm>

#include "base/check.h"

namespace tidegate::process {

OutputTail::OutputTail(std::size_t bytes_max) : ring_(bytes_max) { CHECK(bytes_max > 0); }

void OutputTail::Append(std::string_view bytes) {
  if (bytes.size() > ring_.size()) {
    bytes.remove_prefix(bytes.size() - ring_.size());
    dropped_ = true;
  }
  dropped_ = dropped_ || kept_ + bytes.size() > ring_.size();
  const std::size_t first = std::min(bytes.size(), ring_.size() - next_);
  std::copy_n(bytes.begin(), first, ring_.data() + next_);
  std::copy(bytes.begin() + static_cast<std::ptrdiff_t>(first), bytes.end(), ring_.data());
  next_ = (next_ + bytes.size()) % ring_.size();
  kept_ = std::min(kept_ + bytes.size(), ring_.size());
}

void OutputTail::Clear() {
  next_ = kept_ = 0;
  dropped_ = false;
}

std::string OutputTail::Text() const {
  const std::size_t start = (next_ + ring_.size() - kept_) % ring_.size();
  const std::size_t first = std::min(kept_, ring_.size() - start);
  std::string text(ring_.data() + start, first);
  text.append(ring_.data(), kept_ - first);
  return text;
}

}  // namespace tidegate::process
