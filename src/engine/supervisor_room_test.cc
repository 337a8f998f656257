// A supervisor that is pinned.
#include <cstdint>
#include <string>

#include <gtest/gtest.h>

#include "engine/supervisor.h"

namespace tidegate::engine {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

// "refuse 1, refuse 2", "spawn", …
std::string Text(const Actions& actions) {
  std::string text;
  for (const Action& action : actions) {
    if (!text.empty()) text += ", ";
    const bool refuses = action.kind == Action::Kind::kRefuse;
    const bool spawns = action.kind == Action::Kind::kSpawn;
    text += refuses ? "refuse " + std::to_string(action.waiter) : spawns ? "spawn" : "other";
  }
  return text;
}

TEST(SupervisorRoom, APinnedOneThatDoesNotStartIsTriedAgainUntilItIsUnpinned) {
  Supervisor supervisor("tiny", SupervisorLimits());
  std::int64_t now = 100 * kSecond;
  supervisor.Pin(now, true);
  supervisor.Preload();
  const Error why = Unavailable(ErrorSource::kEngine, "it was killed");
  for (int tries = 0; tries < 3; ++tries) {
    EXPECT_EQ(Text(supervisor.OnRoom(now)), "spawn");
    EXPECT_EQ(Text(supervisor.OnSpawnFailed(now, supervisor.run(), why)), "");
    EXPECT_EQ(supervisor.Status(now).state, ModelState::kBackingOff);
    now = *supervisor.wake_at();
    EXPECT_EQ(Text(supervisor.OnTimer(now)), "");
    EXPECT_EQ(supervisor.Status(now).state, ModelState::kWaiting);
  }
  supervisor.Pin(now, false);
  EXPECT_EQ(supervisor.Status(now).state, ModelState::kAbsent) << "nobody wants it any more";
}

}  // namespace
}  // namespace tidegate::engine
