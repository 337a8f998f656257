#include "base/ids.h"

#include "base/digest.h"

namespace tidegate {
namespace {
constexpr char kAlphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
constexpr std::size_t kTextSize = 26;
__extension__ using Wide = unsigned __int128;

int Value(char c) {
  if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  for (int i = 0; i < 32; ++i) {
    if (kAlphabet[i] == c) return i;
  }
  return -1;
}
}  // namespace

std::string RequestId::ToString() const {
  Wide value = static_cast<Wide>(high) << 64 | low;
  std::string text(kTextSize, '0');
  for (std::size_t i = kTextSize; i-- > 0; value >>= 5) {
    text[i] = kAlphabet[static_cast<unsigned>(value & 31)];
  }
  return text;
}

std::optional<RequestId> RequestId::Parse(std::string_view text) {
  if (text.size() != kTextSize || text[0] > '7') return std::nullopt;
  Wide value = 0;
  for (const char c : text) {
    const int digit = Value(c);
    if (digit < 0) return std::nullopt;
    value = value << 5 | static_cast<unsigned>(digit);
  }
  return RequestId{static_cast<std::uint64_t>(value >> 64), static_cast<std::uint64_t>(value)};
}

RequestIdSource::RequestIdSource() { RandomBytes(&last_.low, sizeof last_.low); }

RequestId RequestIdSource::Next(std::int64_t wall_nanos) {
  const auto now_ms = static_cast<std::uint64_t>(wall_nanos / 1'000'000);
  if (now_ms > last_.high >> 16) {
    std::uint16_t random = 0;
    RandomBytes(&random, sizeof random);
    last_.high = now_ms << 16 | random;
  }
  // A fresh low half every time would cost a system call a request; counting keeps order and
  // uniqueness within a source, and the random start keeps sources apart.
  if (++last_.low == 0) ++last_.high;
  return last_;
}

}  // namespace tidegate
