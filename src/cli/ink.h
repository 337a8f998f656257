// Colours, as names of what they mean to the eye, and the one place that writes escape sequences
// for them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tidegate::cli {

enum class Ink : std::uint8_t { kPlain, kBold, kDim, kGood, kWarning, kBad, kAccent };

// A value: on or off.
class Paint {
 public:
  explicit Paint(bool on) : on_(on) {}
  bool on() const { return on_; }
  // `text` in that colour, or as it is when colours are off.
  std::string operator()(Ink ink, std::string_view text) const;

 private:
  bool on_;
};

}  // namespace tidegate::cli
