// How much something was used of late: each use counts 1 when it happens and half as much after
// every half-life. One number that holds both how often and how long ago, so it serves as a guess
// of how soon the next use comes.
#pragma once

#include <cstdint>

namespace tidegate::engine {

inline constexpr std::int64_t kUseHalfLifeNanos = 600'000'000'000;  // ten minutes

class UseWeight {
 public:
  void Note(std::int64_t now, double uses);
  double At(std::int64_t now) const;

 private:
  double weight_ = 0;
  std::int64_t at_ = 0;
};

}  // namespace tidegate::engine
