#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace tidegate {

void CheckFailed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "tidegate: CHECK failed at %s:%d: %s\n", file, line, condition);
  std::abort();
}

}  // namespace tidegate
