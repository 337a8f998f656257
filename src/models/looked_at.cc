#include "models/looked_at.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include <sys/stat.h>

#include "base/clock.h"

namespace tidegate::models {
namespace {

std::int64_t Nanos(const timespec& time) { return time.tv_sec * kNanosPerSecond + time.tv_nsec; }

}  // namespace

void LookedAt::Add(std::string path) {
  if (paths_.size() < kLookedAtMax) {
    paths_.push_back(std::move(path));
  } else {
    cut_ = true;
  }
}

void LookedAt::Add(const LookedAt& other) {
  for (const std::string& path : other.paths_) Add(path);
  cut_ = cut_ || other.cut_;
}

LookedAtStamp StampOf(const LookedAt& looked_at, std::int64_t until_ns) {
  LookedAtStamp stamp;
  Sha256Stream stream;
  for (const std::string& path : looked_at.paths()) {
    struct stat status {};
    // A path that is not there, or may not be looked at, is a state like any other: all zeros.
    if (stat(path.c_str(), &status) != 0) status = {};
    // Of a folder, how long its list is depends on the file system; when it changed does not.
    const std::int64_t size = S_ISDIR(status.st_mode) ? 0 : status.st_size;
    // The time of change as well, since `cp -p` and `touch` set the other one to what they like.
    const std::int64_t changed_ns = Nanos(status.st_ctim);
    const std::int64_t facts[] = {static_cast<std::int64_t>(status.st_dev),
                                  static_cast<std::int64_t>(status.st_ino),
                                  static_cast<std::int64_t>(status.st_mode),
                                  size,
                                  Nanos(status.st_mtim),
                                  changed_ns};
    stream.Update({reinterpret_cast<const char*>(facts), sizeof facts});
    if (changed_ns <= until_ns) stamp.newest_ns = std::max(stamp.newest_ns, changed_ns);
  }
  stamp.digest = stream.Finish();
  return stamp;
}

}  // namespace tidegate::models
