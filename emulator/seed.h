// Numbers that look random and are the same in every run: answers, jitter and failures must be
// reproducible.
#pragma once

#include <cstdint>
#include <string_view>

namespace tidegate::emulator {

// FNV-1a over `text`, going on from `state`.
constexpr std::uint64_t Hash(std::string_view text, std::uint64_t state = 0xcbf29ce484222325) {
  for (const char c : text) {
    state = (state ^ static_cast<std::uint8_t>(c)) * 0x100000001b3;
  }
  return state;
}

// SplitMix64. A value; two with the same seed yield the same numbers.
class Random {
 public:
  explicit constexpr Random(std::uint64_t seed) : state_(seed) {}
  constexpr std::uint64_t Next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  // 0 … count − 1. REQUIRES: count > 0.
  constexpr std::size_t Below(std::size_t count) {
    return static_cast<std::size_t>(Next() % count);
  }
  // 0 … 1, without 1.
  constexpr double Share() { return static_cast<double>(Next() >> 11) * 0x1p-53; }

 private:
  std::uint64_t state_;
};

}  // namespace tidegate::emulator
