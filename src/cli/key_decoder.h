// From the bytes that a terminal sends to keys, whatever pieces they arrive in.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tidegate::cli {

enum class KeyKind : std::uint8_t {
  kText,     // one character, in `text`
  kControl,  // Ctrl with the upper-case letter in `text`; Tab is Ctrl-I
  kEnter,
  kBackspace,
  kDelete,
  kLeft,
  kRight,
  kUp,
  kDown,
  kHome,
  kEnd,
  kWordLeft,  // Alt-B or Ctrl with the arrow
  kWordRight,
  kPasteBegin,  // between these two, Enter is a line break of the pasted text
  kPasteEnd,
  kOther,  // a key nobody asked for
};

struct Key {
  KeyKind kind = KeyKind::kOther;
  std::string text = {};
  friend bool operator==(const Key&, const Key&) = default;
};

// Sans I/O. Knows the sequences of xterm and its many relatives (ECMA-48 CSI and SS3).
class KeyDecoder {
 public:
  // Appends the keys that `bytes` complete.
  void Feed(std::string_view bytes, std::vector<Key>& keys);

 private:
  std::string pending_;  // the beginning of a key
};

}  // namespace tidegate::cli
