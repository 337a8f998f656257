// A supervisor that waits for memory, and one that is pinned.
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

TEST(SupervisorRoom, ThoseWhoseWaitIsOverAreRefusedAndTheOthersWaitOn) {
  Supervisor supervisor("tiny", SupervisorLimits());
  const std::int64_t first = 100 * kSecond, now = first + kSecond;
  EXPECT_EQ(Text(supervisor.Acquire(first, 1)), "");
  EXPECT_EQ(Text(supervisor.Acquire(now, 2)), "");
  EXPECT_EQ(supervisor.waiting_since(), first);
  EXPECT_EQ(supervisor.Status(now).oldest_wait_nanos, kSecond);
  const Error why = Unavailable(ErrorSource::kEngine, "others hold it");
  const Actions over = supervisor.OnWaitOver(first, why);
  EXPECT_EQ(Text(over), "refuse 1");
  EXPECT_EQ(over.front().error.message, "others hold it");
  EXPECT_EQ(Text(supervisor.OnWaitOver(now, why)), "refuse 2");
  const ModelStatus status = supervisor.Status(now);
  EXPECT_EQ(status.state, ModelState::kWaiting) << "they will come again";
  EXPECT_EQ(status.counts.waits_over, 2);
  EXPECT_EQ(status.oldest_wait_nanos, 0);
  EXPECT_EQ(Text(supervisor.Acquire(now, 3)), "");
  EXPECT_EQ(Text(supervisor.OnRoom(now)), "spawn");
  EXPECT_EQ(Text(supervisor.OnWaitOver(now, why)), "") << "it has its room";
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
