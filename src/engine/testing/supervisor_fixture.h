// A supervisor without a process: what happens is told by the test, and what it wants is text.
#pragma once

#include <cstdint>
#include <string>

#include <gtest/gtest.h>

#include "engine/supervisor.h"

namespace tidegate::engine::testing {

inline constexpr std::int64_t kMs = 1'000'000;
inline constexpr std::int64_t kSecond = 1'000 * kMs;

// Calls the supervisor at a time of our own and writes what it wants as "spawn", "grant 1, refuse
// 2", …
class SupervisorTest : public ::testing::Test {
 protected:
  static SupervisorLimits Limits() {
    SupervisorLimits limits;
    limits.slots = 2;
    limits.queue_max = 3;
    limits.check_nanos = 0;  // see SupervisorCheckTest
    return limits;
  }

  std::string Take(const Actions& actions) {
    std::string text;
    for (const Action& action : actions) {
      if (!text.empty()) text += ", ";
      switch (action.kind) {
        case Action::Kind::kSpawn:
          text += "spawn";
          break;
        case Action::Kind::kProbe:
          text += "probe";
          break;
        case Action::Kind::kCheck:
          text += "check";
          break;
        case Action::Kind::kTerminate:
          text += "terminate";
          break;
        case Action::Kind::kKill:
          text += "kill";
          break;
        case Action::Kind::kGrant:
          text += "grant " + std::to_string(action.waiter);
          break;
        case Action::Kind::kRefuse:
          text += "refuse " + std::to_string(action.waiter);
          refusal_ = action.error;
          break;
      }
    }
    if (room_ && supervisor_.Status(now_).state == ModelState::kWaiting) {
      const std::string more = Take(supervisor_.OnRoom(now_));
      text += (text.empty() ? "" : ", ") + more;
    }
    return text;
  }
  std::string Acquire(WaiterId waiter, const Claim& claim = {}) {
    return Take(supervisor_.Acquire(now_, waiter, claim));
  }
  std::string Release(std::int64_t held_nanos = 0) {
    return Take(supervisor_.Release(now_, supervisor_.run(), held_nanos));
  }
  std::string Spawned() { return Take(supervisor_.OnSpawned(now_, supervisor_.run())); }
  std::string Probed(bool serves) {
    return Take(supervisor_.OnProbe(now_, supervisor_.run(), serves));
  }
  std::string Checked(bool answers) {
    return Take(supervisor_.OnCheck(now_, supervisor_.run(), answers));
  }
  std::string Exited(const std::string& why = "it died") {
    return Take(
        supervisor_.OnExited(now_, supervisor_.run(), Unavailable(ErrorSource::kEngine, why)));
  }
  std::string Stop() { return Take(supervisor_.Stop(now_)); }
  // Moves on to the time that the supervisor asked for.
  std::string Wake() {
    if (!supervisor_.wake_at()) return "never";
    now_ = *supervisor_.wake_at();
    return Take(supervisor_.OnTimer(now_));
  }
  ModelState state() const { return supervisor_.Status(now_).state; }
  ModelStatus status() const { return supervisor_.Status(now_); }

  // From absent to ready, with one lease out.
  void Serve(WaiterId waiter = 1) {
    ASSERT_EQ(Acquire(waiter), "spawn");
    ASSERT_EQ(Spawned(), "");
    ASSERT_EQ(Wake(), "probe");
    ASSERT_EQ(Probed(true), "grant " + std::to_string(waiter));
  }

  explicit SupervisorTest(const SupervisorLimits& limits = Limits())
      : supervisor_("tiny", limits) {}

  std::int64_t now_ = 100 * kSecond;
  bool room_ = true;  // memory is always free
  Supervisor supervisor_;
  Error refusal_;
};

}  // namespace tidegate::engine::testing
