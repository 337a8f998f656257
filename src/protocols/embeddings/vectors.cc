#include "protocols/embeddings/vectors.h"

#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <optional>

#include "base/base64.h"
#include "protocols/upstream_error.h"

namespace tidegate::protocols::embeddings {
namespace {

constexpr std::size_t kFloatBytes = 4;

void AppendFloat(std::string& bytes, float number) {
  const auto bits = std::bit_cast<std::uint32_t>(number);
  for (unsigned shift = 0; shift < 32; shift += 8) {
    bytes += static_cast<char>((bits >> shift) & 0xFFU);
  }
}

float FloatAt(std::string_view bytes, std::size_t at) {
  std::uint32_t bits = 0;
  for (unsigned i = 0; i < kFloatBytes; ++i) {
    bits |= static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[at + i])) << (8 * i);
  }
  return std::bit_cast<float>(bits);
}

bool AllFinite(std::string_view bytes) {
  for (std::size_t at = 0; at < bytes.size(); at += kFloatBytes) {
    if (!std::isfinite(FloatAt(bytes, at))) return false;
  }
  return true;
}

// The 32-bit floats of a JSON array of numbers that a reader has checked.
std::string FloatsOf(std::string_view array) {
  std::string bytes;
  std::size_t at = 0;
  while (true) {
    at = array.find_first_of("-0123456789", at);
    if (at == std::string_view::npos) return bytes;
    double number = 0;
    const auto [end, error] =
        std::from_chars(array.data() + at, array.data() + array.size(), number);
    AppendFloat(bytes, static_cast<float>(error == std::errc() ? number : 0));
    at = static_cast<std::size_t>(end - array.data());
  }
}

}  // namespace

Result<core::Embedding> ReadVector(const json::Value& value, core::EmbedAnswer& answer) {
  if (value.is_array()) {
    const json::Array array = *value.Array();
    if (array.empty()) return MalformedAnswer("has an empty embedding");
    for (const json::Value number : array) {
      if (number.kind() != json::Kind::kDouble && number.kind() != json::Kind::kInteger) {
        return MalformedAnswer(number.Mismatch("a number"));
      }
    }
    return core::Embedding{.numbers = value.raw(), .base64 = {}};
  }
  if (!value.is_string()) return MalformedAnswer(value.Mismatch("an array of numbers or a string"));
  const std::string_view text = *value.String();
  const std::optional<std::string> bytes = DecodeBase64(text);
  if (!bytes || bytes->empty() || bytes->size() % kFloatBytes != 0 || !AllFinite(*bytes)) {
    return MalformedAnswer(value.Invalid("is not base64 of finite 32-bit floats"));
  }
  const std::string_view raw = value.raw().substr(1, value.raw().size() - 2);
  const std::string_view kept = raw == text ? raw : answer.arena.emplace_back(text);
  return core::Embedding{.numbers = {}, .base64 = kept};
}

void WriteNumbers(json::Writer& out, const core::Embedding& vector) {
  if (!vector.numbers.empty()) {
    out.Raw(vector.numbers);
    return;
  }
  const std::string bytes = DecodeBase64(vector.base64).value_or(std::string());
  std::string text = "[";
  std::array<char, 32> digits;
  for (std::size_t at = 0; at + kFloatBytes <= bytes.size(); at += kFloatBytes) {
    if (at > 0) text += ',';
    char* const end =
        std::to_chars(digits.data(), digits.data() + digits.size(), FloatAt(bytes, at)).ptr;
    text.append(digits.data(), end);
  }
  out.Raw(text += ']');
}

void WriteBase64(json::Writer& out, const core::Embedding& vector) {
  out.String(vector.base64.empty() ? EncodeBase64(FloatsOf(vector.numbers))
                                   : std::string(vector.base64));
}

Error WrongCount(std::size_t count, std::int64_t inputs) {
  return MalformedAnswer("has " + std::to_string(count) + " embeddings for " +
                         std::to_string(inputs) + " inputs");
}

}  // namespace tidegate::protocols::embeddings
