#include "cli/key_decoder.h"

#include <optional>

namespace tidegate::cli {
namespace {

constexpr char kEscape = '\x1b';
constexpr std::size_t kSequenceBytesMax = 32;  // longer than any key's: it is noise

struct Sequence {
  std::string_view body;  // behind ESC [
  KeyKind kind;
};
constexpr Sequence kSequences[] = {
    {"A", KeyKind::kUp},          {"B", KeyKind::kDown},
    {"C", KeyKind::kRight},       {"D", KeyKind::kLeft},
    {"H", KeyKind::kHome},        {"F", KeyKind::kEnd},
    {"1~", KeyKind::kHome},       {"4~", KeyKind::kEnd},
    {"7~", KeyKind::kHome},       {"8~", KeyKind::kEnd},
    {"3~", KeyKind::kDelete},     {"1;5C", KeyKind::kWordRight},
    {"1;5D", KeyKind::kWordLeft}, {"1;3C", KeyKind::kWordRight},
    {"1;3D", KeyKind::kWordLeft}, {"200~", KeyKind::kPasteBegin},
    {"201~", KeyKind::kPasteEnd},
};

KeyKind KindOf(std::string_view body) {
  for (const Sequence& one : kSequences) {
    if (one.body == body) return one.kind;
  }
  return KeyKind::kOther;
}

struct Decoded {
  std::size_t bytes = 0;
  Key key;
};

// `text` begins with ESC. Nothing = more bytes are needed.
std::optional<Decoded> DecodeEscape(std::string_view text) {
  if (text.size() < 2) return std::nullopt;
  if (text[1] == 'b') return Decoded{2, {KeyKind::kWordLeft}};
  if (text[1] == 'f') return Decoded{2, {KeyKind::kWordRight}};
  if (text[1] == 'O') {
    if (text.size() < 3) return std::nullopt;
    return Decoded{3, {KindOf(text.substr(2, 1))}};
  }
  if (text[1] == kEscape) return Decoded{1, {KeyKind::kOther}};
  if (text[1] != '[') return Decoded{2, {KeyKind::kOther}};
  for (std::size_t i = 2; i < text.size(); ++i) {
    const bool final = text[i] >= 0x40 && text[i] <= 0x7E;
    if (final) return Decoded{i + 1, {KindOf(text.substr(2, i - 1))}};
    if (i == kSequenceBytesMax) return Decoded{i + 1, {KeyKind::kOther}};
  }
  return std::nullopt;
}

std::optional<Decoded> DecodeCharacter(std::string_view text) {
  const auto byte = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const bool leads = byte(0) >= 0xC2 && byte(0) <= 0xF4;
  const std::size_t size = !leads ? 1 : byte(0) >= 0xF0 ? 4 : byte(0) >= 0xE0 ? 3 : 2;
  const Key broken{KeyKind::kOther};
  for (std::size_t i = 1; i < size; ++i) {
    if (i == text.size()) return std::nullopt;
    if ((byte(i) & 0xC0U) != 0x80U) return Decoded{1, broken};
  }
  if (!leads && byte(0) >= 0x80) return Decoded{1, broken};
  return Decoded{size, {KeyKind::kText, std::string(text.substr(0, size))}};
}

std::optional<Decoded> Decode(std::string_view text) {
  const char first = text.front();
  if (first == kEscape) return DecodeEscape(text);
  if (first == '\r' || first == '\n') return Decoded{1, {KeyKind::kEnter}};
  if (first == '\x7f' || first == '\b') return Decoded{1, {KeyKind::kBackspace}};
  if (first >= 0 && first < ' ') {
    return Decoded{1, {KeyKind::kControl, std::string(1, static_cast<char>(first + '@'))}};
  }
  return DecodeCharacter(text);
}

}  // namespace

void KeyDecoder::Feed(std::string_view bytes, std::vector<Key>& keys) {
  pending_ += bytes;
  std::string_view rest = pending_;
  while (!rest.empty()) {
    std::optional<Decoded> decoded = Decode(rest);
    if (!decoded) break;
    keys.push_back(std::move(decoded->key));
    rest.remove_prefix(decoded->bytes);
  }
  pending_.erase(0, pending_.size() - rest.size());
}

}  // namespace tidegate::cli
