// CHECK states what only a bug of ours can break, and stays on in release builds. It is never used
// on outside data.
#pragma once

namespace tidegate {
[[noreturn, gnu::cold]] void CheckFailed(const char* condition, const char* file, int line);
}  // namespace tidegate

#define CHECK(condition) \
  (static_cast<bool>(condition) ? void(0) : ::tidegate::CheckFailed(#condition, __FILE__, __LINE__))
