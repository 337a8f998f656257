#include "emulator/seal.h"

#include "base/base64.h"
#include "base/digest.h"
#include "base/secret.h"

namespace tidegate::emulator {
namespace {

// Says what it is, and lets seals outlive a restart: nothing depends on their secrecy.
constexpr std::string_view kKey = "the emulator's seals";
constexpr std::string_view kLabel = "[emulated]";

std::string CodeOf(std::string_view kind, std::span<const std::string_view> bound,
                   std::string_view payload) {
  std::string message;
  const auto add = [&](std::string_view part) {
    message += std::to_string(part.size());
    message += ':';
    message += part;
  };
  add(kind);
  for (const std::string_view part : bound) add(part);
  add(payload);
  const Sha256 code = ComputeHmacSha256(kKey, message);
  return std::string(AsBytes(code));
}

}  // namespace

std::string MakeSeal(std::string_view kind, std::span<const std::string_view> bound,
                     std::string_view payload) {
  std::string bytes(kLabel);
  bytes += CodeOf(kind, bound, payload);
  bytes += payload;
  return EncodeBase64(bytes);
}

std::optional<std::string> OpenSeal(std::string_view kind, std::span<const std::string_view> bound,
                                    std::string_view seal) {
  constexpr std::size_t kHead = kLabel.size() + std::tuple_size_v<Sha256>;
  const std::optional<std::string> bytes = DecodeBase64(seal);
  if (!bytes || bytes->size() < kHead || !bytes->starts_with(kLabel)) return std::nullopt;
  if (EncodeBase64(*bytes) != seal) return std::nullopt;  // a last character has spare bits
  const std::string_view text(*bytes);
  const std::string_view payload = text.substr(kHead);
  const std::string_view code = text.substr(kLabel.size(), kHead - kLabel.size());
  if (!ConstantTimeEqual(code, CodeOf(kind, bound, payload))) return std::nullopt;
  return std::string(payload);
}

}  // namespace tidegate::emulator
