// What a look at the models of this machine depended on, so that whoever keeps what it found can
// tell, for a call of stat each, when to look again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/digest.h"

namespace tidegate::models {

inline constexpr std::size_t kLookedAtMax = 16'384;

// Folders that were listed, files that were read, and those of both that would have been, had they
// been there.
class LookedAt {
 public:
  void Add(std::string path);
  void Add(const LookedAt& other);

  const std::vector<std::string>& paths() const { return paths_; }
  // There were more than kLookedAtMax: the rest is not here.
  bool cut() const { return cut_; }

 private:
  std::vector<std::string> paths_;
  bool cut_ = false;
};

// The state of all of it: kinds, sizes, and when bytes, names and rights last changed. What two
// equal ones were taken of has not changed between them, except within the grain of the clock that
// the disk uses; `newest_ns` is for that.
struct LookedAtStamp {
  Sha256 digest = {};
  std::int64_t newest_ns = 0;  // when any of it changed last, since 1970; 0 = nothing is there
};

// Blocks on the disk, once for each path. Links are followed, as reading follows them. Times after
// `until_ns` say nothing of what is newest: they are older than a clock that was set back.
LookedAtStamp StampOf(const LookedAt& looked_at, std::int64_t until_ns);

}  // namespace tidegate::models
