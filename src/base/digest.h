// SHA-256, HMAC-SHA-256, random bytes and hexadecimal text.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace tidegate {

using Sha256 = std::array<std::uint8_t, 32>;

Sha256 ComputeSha256(std::string_view bytes);
// Of the pieces, one behind the other.
Sha256 ComputeSha256(std::span<const std::string_view> pieces);
// Of bytes that come one after the other. Move-only, not thread-safe; of no use after Finish.
class Sha256Stream {
 public:
  Sha256Stream();
  Sha256Stream(Sha256Stream&&) noexcept;
  Sha256Stream& operator=(Sha256Stream&&) noexcept;
  ~Sha256Stream();
  void Update(std::string_view bytes);
  Sha256 Finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};
// RFC 2104 with SHA-256.
Sha256 ComputeHmacSha256(std::string_view key, std::string_view message);
std::string_view AsBytes(const Sha256& digest);  // views `digest`
std::string ToHex(std::string_view bytes);
std::string ToHex(const Sha256& digest);
// Nothing unless `text` is exactly 64 hexadecimal digits.
std::optional<Sha256> ParseSha256(std::string_view text);
// Fills from the kernel's generator; aborts if there is none, since nothing is safe then.
void RandomBytes(void* out, std::size_t size);
// `size` random bytes as 2 × size hexadecimal digits.
std::string RandomHex(std::size_t size);

}  // namespace tidegate
