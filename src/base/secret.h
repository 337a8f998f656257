// A string that must not be printed: it has no operator<<, no formatter, and its bytes are wiped
// when it dies.
#pragma once

#include <string>
#include <string_view>

namespace tidegate {

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value) : value_(std::move(value)) {}
  Secret(const Secret&) = default;
  Secret(Secret&& other) noexcept : value_(std::move(other.value_)) { other.Wipe(); }
  Secret& operator=(const Secret& other);
  Secret& operator=(Secret&& other) noexcept;
  ~Secret() { Wipe(); }

  bool empty() const { return value_.empty(); }
  // The one way to the bytes; the name makes every use easy to find. The view lives as long as the
  // Secret.
  std::string_view Reveal() const { return value_; }

 private:
  void Wipe();
  std::string value_;
};

// Equal in time that depends on the lengths only.
bool ConstantTimeEqual(std::string_view a, std::string_view b);

}  // namespace tidegate
