#include "engine/supervisor.h"

#include <algorithm>
#include <limits>
#include <string>

#include <gtest/gtest.h>

#include "engine/testing/supervisor_fixture.h"

namespace tidegate::engine {
namespace {

using testing::kMs;
using testing::kSecond;
using testing::SupervisorTest;

TEST_F(SupervisorTest, NothingRunsUntilSomebodyWantsIt) {
  EXPECT_EQ(state(), ModelState::kAbsent);
  EXPECT_EQ(supervisor_.wake_at(), std::nullopt);
  EXPECT_EQ(Acquire(1), "spawn");
  EXPECT_EQ(state(), ModelState::kStarting);
  EXPECT_EQ(Acquire(2), "");  // one start serves both
  EXPECT_EQ(status().queue_depth, 2U);
}

TEST_F(SupervisorTest, AsksMoreAndMoreRarelyUntilItServes) {
  Acquire(1);
  Spawned();
  const std::int64_t began = now_;
  std::int64_t pause = 0;
  for (int probes = 0; probes < 100; ++probes) {
    const std::int64_t before = now_;
    ASSERT_EQ(Wake(), "probe");
    EXPECT_GE(now_ - before, pause);
    pause = now_ - before;
    EXPECT_EQ(pause, std::clamp((before - began) / 8, 5 * kMs, 100 * kMs));
    ASSERT_EQ(Probed(false), "");
  }
  EXPECT_EQ(pause, 100 * kMs);
  ASSERT_EQ(Wake(), "probe");
  EXPECT_EQ(Probed(true), "grant 1");
  EXPECT_EQ(state(), ModelState::kReady);
  EXPECT_EQ(status().last_start_nanos, now_ - began);
}

TEST_F(SupervisorTest, GrantsInOrderUpToItsSlotsAndThenOneForEachThatEnds) {
  Acquire(1);
  Acquire(2);
  Acquire(3);
  Spawned();
  Wake();
  EXPECT_EQ(Probed(true), "grant 1, grant 2");
  EXPECT_EQ(Acquire(4), "");
  EXPECT_EQ(Release(), "grant 3");
  EXPECT_EQ(Release(), "grant 4");
  EXPECT_EQ(Release(), "");
  EXPECT_EQ(status().users, 1);
  EXPECT_EQ(Acquire(5), "grant 5");
}

TEST_F(SupervisorTest, AQueueThatIsFullRefusesWithATimeToComeBack) {
  Serve();
  Acquire(2);
  for (WaiterId waiter = 3; waiter <= 5; ++waiter) ASSERT_EQ(Acquire(waiter), "");
  EXPECT_EQ(Acquire(6), "refuse 6");
  EXPECT_EQ(refusal_.code, ErrorCode::kUnavailable);
  EXPECT_EQ(refusal_.reason, "engine_queue_full");
  EXPECT_EQ(refusal_.retry_after_s, 2 * kServiceNanosPrior / kSecond);  // two rounds of two slots
  EXPECT_EQ(Release(), "grant 3");
  EXPECT_EQ(Acquire(6), "");  // there is room again
}

TEST_F(SupervisorTest, OneThatNoLongerWaitsGetsNothing) {
  Serve();
  Acquire(2);
  Acquire(3);
  Acquire(4);
  supervisor_.Abandon(3);
  EXPECT_EQ(Release(), "grant 4");
  supervisor_.Abandon(4);  // too late: it was answered
  EXPECT_EQ(status().users, 2);
}

TEST_F(SupervisorTest, IsStoppedAfterItsIdleTimeAndStartsAgainWhenWanted) {
  Serve();
  EXPECT_EQ(supervisor_.wake_at(), std::nullopt);  // never while it is used
  const std::int64_t idle_since = now_;
  EXPECT_EQ(Release(), "");
  EXPECT_EQ(Wake(), "terminate");
  EXPECT_EQ(now_ - idle_since, Limits().keep_alive_nanos);
  EXPECT_EQ(state(), ModelState::kStopping);
  EXPECT_EQ(Exited(), "");
  EXPECT_EQ(state(), ModelState::kAbsent);
  EXPECT_EQ(status().failures, 0);
  Serve(2);
}

TEST_F(SupervisorTest, UseDuringTheIdleTimeStartsItAnew) {
  Serve();
  Release();
  now_ += Limits().keep_alive_nanos - 1;
  EXPECT_EQ(Acquire(2), "grant 2");
  EXPECT_EQ(supervisor_.wake_at(), std::nullopt);
  Release();
  EXPECT_EQ(*supervisor_.wake_at(), now_ + Limits().keep_alive_nanos);
}

TEST_F(SupervisorTest, ANegativeKeepAliveKeepsItForEver) {
  SupervisorLimits limits = Limits();
  limits.keep_alive_nanos = -1;
  Supervisor forever("tiny", limits);
  forever.Acquire(now_, 1);
  forever.OnRoom(now_);
  forever.OnSpawned(now_, 1);
  forever.OnTimer(*forever.wake_at());
  forever.OnProbe(now_, 1, true);
  forever.Release(now_, 1, kSecond);
  EXPECT_EQ(forever.wake_at(), std::nullopt);
}

TEST_F(SupervisorTest, OneThatEndsWhileItIsStoppedIsWantedAgainAtOnce) {
  Serve();
  Release();
  Wake();
  EXPECT_EQ(Acquire(2), "");  // the old process must go first: it holds the socket
  EXPECT_EQ(Exited(), "spawn");
  Spawned();
  Wake();
  EXPECT_EQ(Probed(true), "grant 2");
}

TEST_F(SupervisorTest, OneThatIgnoresSigtermIsKilled) {
  Serve();
  Release();
  Wake();
  const std::int64_t asked = now_;
  EXPECT_EQ(Wake(), "kill");
  EXPECT_EQ(now_ - asked, Limits().term_nanos);
  EXPECT_EQ(supervisor_.wake_at(), std::nullopt);
  EXPECT_EQ(Exited(), "");
  EXPECT_EQ(state(), ModelState::kAbsent);
}

TEST_F(SupervisorTest, AStartThatFailsRefusesAllWhoWaitWithTheReason) {
  Acquire(1);
  Acquire(2);
  Spawned();
  EXPECT_EQ(Exited("no memory"), "refuse 1, refuse 2");
  EXPECT_EQ(refusal_.message, "no memory");
  EXPECT_EQ(refusal_.retry_after_s, 1);
  EXPECT_EQ(state(), ModelState::kBackingOff);
  EXPECT_EQ(status().last_error, "no memory");
  EXPECT_EQ(status().counts.starts, 1);
  EXPECT_EQ(status().counts.failed_starts, 1);
  EXPECT_EQ(status().counts.loads, 0);
  EXPECT_EQ(status().retry_in_nanos, 500 * kMs);
  EXPECT_EQ(Wake(), "");  // nobody wants it any more
  EXPECT_EQ(state(), ModelState::kAbsent);
}

TEST_F(SupervisorTest, ASpawnThatFailsCountsAsAStartThatFailed) {
  Acquire(1);
  EXPECT_EQ(Take(supervisor_.OnSpawnFailed(now_, 1, Unavailable(ErrorSource::kEngine, "none"))),
            "refuse 1");
  EXPECT_EQ(state(), ModelState::kBackingOff);
}

TEST_F(SupervisorTest, TheBackOffDoublesUpToItsLimit) {
  for (const std::int64_t expected : {500, 1'000, 2'000, 4'000, 8'000, 16'000, 30'000, 30'000}) {
    ASSERT_EQ(Acquire(1), "spawn");
    Spawned();
    ASSERT_EQ(Exited(), "refuse 1");
    EXPECT_EQ(status().retry_in_nanos, expected * kMs);
    Wake();
  }
  EXPECT_EQ(status().failures, 8);
}

TEST_F(SupervisorTest, AShortBackOffIsWaitedThroughAndALongOneIsNot) {
  Acquire(1);
  Spawned();
  Exited();
  EXPECT_EQ(Acquire(2), "");  // half a second
  EXPECT_EQ(Wake(), "spawn");
  for (int i = 0; i < 3; ++i) {
    Spawned();
    Exited("still no memory");
    if (i < 2) {
      Wake();
      Acquire(2);
    }
  }
  EXPECT_EQ(status().retry_in_nanos, 4 * kSecond);
  EXPECT_EQ(Acquire(3), "refuse 3");
  EXPECT_EQ(refusal_.message, "still no memory");
  EXPECT_EQ(refusal_.retry_after_s, 4);
  now_ += 2 * kSecond + 1;
  EXPECT_EQ(Acquire(4), "");
  EXPECT_EQ(Wake(), "spawn");
}

TEST_F(SupervisorTest, ACrashTakesItsUsersAndNobodyWhoWaits) {
  Serve();
  Acquire(2);
  Acquire(3);
  const std::uint64_t crashed = supervisor_.run();
  EXPECT_EQ(Exited("was killed"), "");
  EXPECT_EQ(status().users, 0);
  EXPECT_EQ(status().queue_depth, 1U);
  EXPECT_EQ(Wake(), "spawn");
  Spawned();
  // The leases of the crashed process end late and give back no slot of the new one.
  EXPECT_EQ(Take(supervisor_.Release(now_, crashed, kSecond)), "");
  Wake();
  EXPECT_EQ(Probed(true), "grant 3");
  EXPECT_EQ(Take(supervisor_.Release(now_, crashed, kSecond)), "");
  EXPECT_EQ(status().users, 1);
  EXPECT_EQ(status().counts.crashes, 1);
  EXPECT_EQ(status().counts.loads, 2);
  EXPECT_GT(status().counts.load_nanos, 0);
  EXPECT_EQ(status().counts.evictions, 0);
}

TEST_F(SupervisorTest, OneThatServedIsStartedAgainThoughNobodyWaits) {
  Serve();
  Release();
  EXPECT_EQ(Exited("was killed"), "");
  EXPECT_EQ(Wake(), "spawn");
  EXPECT_EQ(supervisor_.run(), 2U);
}

TEST_F(SupervisorTest, CrashesInARowLoseThoseWhoWaitOnceTheBackOffIsBeyondPatience) {
  Serve();
  for (int crash = 0; crash < 3; ++crash) {
    Exited();
    Wake();
    Spawned();
    Wake();
    Probed(true);
  }
  Acquire(11);
  Acquire(12);
  Acquire(13);
  EXPECT_EQ(Exited("again"), "refuse 13");
  EXPECT_EQ(status().retry_in_nanos, 4 * kSecond);
}

TEST_F(SupervisorTest, AMinuteOfHealthClearsTheFailures) {
  Serve();
  Exited();
  Wake();
  Spawned();
  Wake();
  Probed(true);
  now_ += Limits().health_nanos;
  Exited();
  EXPECT_EQ(status().failures, 1);
  EXPECT_EQ(status().retry_in_nanos, 500 * kMs);
}

TEST_F(SupervisorTest, AStartThatTakesTooLongIsKilledAndToldSo) {
  Acquire(1);
  Spawned();
  std::string action;
  int probes = 0;
  while ((action = Wake()) == "probe") {
    ++probes;
    Probed(false);
  }
  EXPECT_GT(probes, 1'000);
  EXPECT_EQ(action, "kill");
  EXPECT_EQ(now_, 100 * kSecond + Limits().start_nanos);
  EXPECT_EQ(Exited("was killed by signal 9"), "refuse 1");
  EXPECT_NE(refusal_.message.find("not ready within 300 s"), std::string::npos);
  EXPECT_EQ(state(), ModelState::kBackingOff);
}

TEST_F(SupervisorTest, AProbeThatNeverAnswersDoesNotOutlastTheStartLimit) {
  Acquire(1);
  Spawned();
  EXPECT_EQ(Wake(), "probe");
  EXPECT_EQ(Wake(), "kill");
  EXPECT_EQ(now_, 100 * kSecond + Limits().start_nanos);
}

TEST_F(SupervisorTest, NewsOfAnEarlierProcessIsIgnored) {
  Serve();
  Exited();
  Wake();
  const Error why = Unavailable(ErrorSource::kEngine, "old");
  EXPECT_EQ(Take(supervisor_.OnSpawned(now_, 1)), "");
  EXPECT_EQ(Take(supervisor_.OnProbe(now_, 1, true)), "");
  EXPECT_EQ(Take(supervisor_.OnExited(now_, 1, why)), "");
  EXPECT_EQ(state(), ModelState::kStarting);
  EXPECT_EQ(Probed(true), "");  // not spawned yet: it cannot serve
  EXPECT_EQ(state(), ModelState::kStarting);
}

TEST_F(SupervisorTest, ATimerThatComesEarlyOrUnaskedDoesNothing) {
  EXPECT_EQ(Take(supervisor_.OnTimer(now_)), "");
  Serve();
  Release();
  now_ += Limits().keep_alive_nanos - 1;
  EXPECT_EQ(Take(supervisor_.OnTimer(now_)), "");
  EXPECT_EQ(state(), ModelState::kReady);
}

TEST_F(SupervisorTest, StopRefusesEverybodyAndEndsTheProcess) {
  Serve();
  Acquire(2);
  Acquire(3);
  EXPECT_EQ(Stop(), "refuse 3, terminate");
  EXPECT_EQ(refusal_.reason, "engine_stopping");
  EXPECT_FALSE(supervisor_.stopped());
  EXPECT_EQ(Acquire(4), "refuse 4");
  EXPECT_EQ(Wake(), "kill");
  EXPECT_EQ(Exited(), "");
  EXPECT_TRUE(supervisor_.stopped());
  EXPECT_EQ(Acquire(5), "refuse 5");
}

TEST_F(SupervisorTest, StopBeforeTheProcessIsThereWaitsForItAndEndsIt) {
  Acquire(1);
  EXPECT_EQ(Stop(), "refuse 1");
  EXPECT_FALSE(supervisor_.stopped());
  EXPECT_EQ(Spawned(), "terminate");
  EXPECT_EQ(Exited(), "");
  EXPECT_TRUE(supervisor_.stopped());
}

TEST_F(SupervisorTest, StopBeforeASpawnThatFailsIsDoneWithIt) {
  Acquire(1);
  Stop();
  EXPECT_EQ(Take(supervisor_.OnSpawnFailed(now_, 1, Unavailable(ErrorSource::kEngine, "x"))), "");
  EXPECT_TRUE(supervisor_.stopped());
}

TEST_F(SupervisorTest, StopWhileLoadingIdleOrBackingOffLeavesNothing) {
  EXPECT_EQ(Stop(), "");
  EXPECT_TRUE(supervisor_.stopped());

  Supervisor backing_off("tiny", Limits());
  backing_off.Acquire(now_, 1);
  backing_off.OnRoom(now_);
  backing_off.OnSpawnFailed(now_, 1, Unavailable(ErrorSource::kEngine, "x"));
  EXPECT_EQ(Take(backing_off.Stop(now_)), "");
  EXPECT_TRUE(backing_off.stopped());
  EXPECT_EQ(backing_off.wake_at(), std::nullopt);

  Supervisor loading("tiny", Limits());
  loading.Acquire(now_, 1);
  loading.OnRoom(now_);
  loading.OnSpawned(now_, 1);
  EXPECT_EQ(Take(loading.Stop(now_)), "refuse 1, terminate");
  EXPECT_EQ(Take(loading.OnProbe(now_, 1, true)), "");  // a late answer does not bring it back
  loading.OnExited(now_, 1, Unavailable(ErrorSource::kEngine, "x"));
  EXPECT_TRUE(loading.stopped());
}

TEST_F(SupervisorTest, ACallerMayKeepTheProcessLongerOrLetItGoAndTheNextOneForgets) {
  Serve();
  EXPECT_EQ(Release(), "");
  const std::int64_t usual = status().idle_stop_in_nanos;
  EXPECT_EQ(usual, Limits().keep_alive_nanos);
  supervisor_.KeepAlive(now_, 2 * usual);
  EXPECT_EQ(status().idle_stop_in_nanos, 2 * usual);
  supervisor_.KeepAlive(now_, -1);
  EXPECT_EQ(status().idle_stop_in_nanos, -1);
  EXPECT_EQ(Wake(), "never");
  supervisor_.KeepAlive(now_, std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(Wake(), "never");
  supervisor_.KeepAlive(now_, 0);
  EXPECT_EQ(Wake(), "terminate");
  EXPECT_EQ(Exited(), "");
  Serve(2);
  EXPECT_EQ(Release(), "");
  EXPECT_EQ(status().idle_stop_in_nanos, usual);
}

TEST_F(SupervisorTest, WhoeverUsesAModelThatShallGoKeepsItUntilTheEnd) {
  Serve();
  supervisor_.KeepAlive(now_, 0);
  EXPECT_EQ(Wake(), "never");
  EXPECT_EQ(status().idle_stop_in_nanos, 0);
  EXPECT_EQ(Release(), "");
  EXPECT_EQ(Wake(), "terminate");
}

// --- the queue ---

TEST_F(SupervisorTest, PrincipalsTakeTurnsAndHigherClassesGoFirst) {
  Serve();
  Acquire(2);
  Acquire(3, {Priority::kNormal, "ann"});
  Acquire(4, {Priority::kNormal, "ann"});
  Acquire(5, {Priority::kNormal, "bob"});
  EXPECT_EQ(Release(), "grant 3");
  EXPECT_EQ(Release(), "grant 5");
  Acquire(6, {Priority::kInteractive, "bob"});
  EXPECT_EQ(Release(), "grant 6");
  EXPECT_EQ(Release(), "grant 4");
}

TEST_F(SupervisorTest, WhoFillsTheQueueMakesWayForAnother) {
  Serve();
  Acquire(2);
  for (WaiterId waiter = 3; waiter <= 5; ++waiter) Acquire(waiter, {Priority::kNormal, "ann"});
  EXPECT_EQ(Acquire(6, {Priority::kNormal, "bob"}), "refuse 5");
  EXPECT_EQ(refusal_.reason, "engine_queue_full");
  EXPECT_EQ(status().queue_depth, 3U);
}

TEST_F(SupervisorTest, TheTimeToComeBackIsThatOfTheRequestsBefore) {
  Serve();
  Acquire(2);
  for (WaiterId waiter = 3; waiter <= 5; ++waiter) Acquire(waiter);
  Release(30 * kSecond);  // the first observation
  Acquire(6);
  EXPECT_EQ(Acquire(7), "refuse 7");
  EXPECT_EQ(refusal_.retry_after_s, 60);  // 3 wait, 2 at once
  for (int i = 0; i < 100; ++i) {
    Release(kSecond);
    Acquire(static_cast<WaiterId>(100 + i));
  }
  EXPECT_EQ(Acquire(7), "refuse 7");
  EXPECT_EQ(refusal_.retry_after_s, 3);  // rounded up
  Release(std::numeric_limits<std::int64_t>::max() / 2);
  Acquire(300);
  EXPECT_EQ(Acquire(7), "refuse 7");
  EXPECT_EQ(refusal_.retry_after_s, kRetryAfterSMax);
}

TEST_F(SupervisorTest, SaysHowLongOneThatComesNowWouldWait) {
  supervisor_.SetLoadPrior(10 * kSecond);
  EXPECT_EQ(status().expected_wait_nanos, 10 * kSecond);
  Acquire(1);
  now_ += 4 * kSecond;
  EXPECT_EQ(status().expected_wait_nanos, 6 * kSecond);
  Acquire(2);
  EXPECT_EQ(status().expected_wait_nanos, 6 * kSecond + kServiceNanosPrior / 2);
  Spawned();
  Probed(true);
  EXPECT_EQ(status().load_nanos, 4 * kSecond);
  Release(8 * kSecond);
  EXPECT_EQ(status().expected_wait_nanos, 0);  // a slot is free
  Acquire(3);
  EXPECT_EQ(status().expected_wait_nanos, 4 * kSecond);  // one of two ends
  Acquire(4);
  EXPECT_EQ(status().expected_wait_nanos, 8 * kSecond);
  Exited();
  EXPECT_EQ(status().expected_wait_nanos, 500 * kMs + 4 * kSecond);  // beside the one that waits
}

// --- memory ---

TEST_F(SupervisorTest, WaitsForRoomBeforeItStarts) {
  room_ = false;
  EXPECT_EQ(Acquire(1), "");
  EXPECT_EQ(state(), ModelState::kWaiting);
  EXPECT_EQ(Acquire(2), "");
  EXPECT_EQ(Wake(), "never");
  EXPECT_EQ(Take(supervisor_.OnRoom(now_)), "spawn");
  EXPECT_EQ(Take(supervisor_.OnRoom(now_)), "");
}

TEST_F(SupervisorTest, NobodyWantsItAnyMoreOnceAllWhoWaitedForRoomHaveLeft) {
  room_ = false;
  Acquire(1);
  Acquire(2);
  supervisor_.Abandon(1);
  EXPECT_EQ(state(), ModelState::kWaiting);
  supervisor_.Abandon(2);
  EXPECT_EQ(state(), ModelState::kAbsent);
  EXPECT_EQ(Take(supervisor_.OnRoom(now_)), "");
}

TEST_F(SupervisorTest, WithoutRoomForEverEverybodyIsRefused) {
  room_ = false;
  Acquire(1);
  Acquire(2);
  EXPECT_EQ(Take(supervisor_.OnNoRoom(now_, Unavailable(ErrorSource::kEngine, "too large"))),
            "refuse 1, refuse 2");
  EXPECT_EQ(refusal_.message, "too large");
  EXPECT_EQ(state(), ModelState::kAbsent);
  EXPECT_EQ(status().last_error, "too large");
  EXPECT_EQ(status().failures, 0);
}

TEST_F(SupervisorTest, MakesRoomAfterTheLeasesThatAreOutAndWantsToComeBackForThoseWhoWait) {
  Serve();
  Acquire(2);
  EXPECT_EQ(Take(supervisor_.Yield(now_)), "");
  EXPECT_TRUE(status().draining);
  EXPECT_EQ(Acquire(3), "");
  EXPECT_EQ(Release(), "");
  EXPECT_EQ(Release(), "terminate");
  EXPECT_EQ(state(), ModelState::kStopping);
  EXPECT_FALSE(status().draining);
  EXPECT_EQ(status().counts.evictions, 1);
  room_ = false;
  EXPECT_EQ(Exited(), "");
  EXPECT_EQ(state(), ModelState::kWaiting);
  EXPECT_EQ(status().failures, 0);
}

TEST_F(SupervisorTest, AnIdleOneMakesRoomAtOnceAndOneThatLoadsNotAtAll) {
  Acquire(1);
  EXPECT_EQ(Take(supervisor_.Yield(now_)), "");
  Spawned();
  EXPECT_EQ(Probed(true), "grant 1");
  Release();
  EXPECT_EQ(Take(supervisor_.Yield(now_)), "terminate");
}

TEST_F(SupervisorTest, MayGoOnAfterAllWhileItDrains) {
  Serve();
  Acquire(2);
  Acquire(3);
  supervisor_.Yield(now_);
  EXPECT_EQ(Release(), "");
  EXPECT_EQ(Take(supervisor_.Resume(now_)), "grant 3");
  supervisor_.Yield(now_);
  Release();
  EXPECT_EQ(Release(), "terminate");
  EXPECT_EQ(Take(supervisor_.Resume(now_)), "");  // too late
}

TEST_F(SupervisorTest, ACrashWhileItDrainsIsACrash) {
  Serve();
  supervisor_.Yield(now_);
  EXPECT_EQ(Exited("was killed"), "");
  EXPECT_EQ(status().failures, 1);
  EXPECT_FALSE(status().draining);
}

TEST_F(SupervisorTest, APinnedOneIsNeverIdle) {
  Serve();
  supervisor_.Pin(now_, true);
  Release();
  EXPECT_EQ(Wake(), "never");
  EXPECT_EQ(status().idle_stop_in_nanos, -1);
  EXPECT_TRUE(status().pinned);
  supervisor_.Pin(now_, false);
  EXPECT_EQ(Wake(), "terminate");
}

TEST_F(SupervisorTest, StartsUnaskedAndIsIdleThen) {
  supervisor_.Preload();
  EXPECT_EQ(Take({}), "spawn");
  Spawned();
  EXPECT_EQ(Probed(true), "");
  EXPECT_EQ(state(), ModelState::kReady);
  EXPECT_EQ(Wake(), "terminate");
  supervisor_.Preload();  // while it ends
  EXPECT_EQ(Exited(), "spawn");
}

// --- by hand, and other files ---

TEST_F(SupervisorTest, UnloadingEndsItAfterItsUsersAndTheNextStartsItAgain) {
  Serve();
  EXPECT_EQ(Take(supervisor_.Unload(now_)), "");
  EXPECT_TRUE(supervisor_.leaving());
  EXPECT_EQ(Take(supervisor_.Resume(now_)), "");
  EXPECT_EQ(Acquire(2), "");
  EXPECT_EQ(Release(), "terminate");
  EXPECT_EQ(Exited(), "spawn");
}

TEST_F(SupervisorTest, UnloadingOneThatLoadsForNobodyEndsThatAndOneThatIsWaitedForLoadsOn) {
  supervisor_.Preload();
  EXPECT_EQ(Take({}), "spawn");
  Spawned();
  EXPECT_EQ(Take(supervisor_.Unload(now_)), "terminate");
  EXPECT_EQ(Exited(), "");
  EXPECT_EQ(Acquire(1), "spawn");
  EXPECT_EQ(Take(supervisor_.Unload(now_)), "");
  Spawned();
  EXPECT_EQ(Probed(true), "grant 1");
}

TEST_F(SupervisorTest, OneThatEndsByItselfWhileItIsUnloadedIsNoFailure) {
  Serve();
  supervisor_.Unload(now_);
  EXPECT_EQ(Exited(), "");
  EXPECT_EQ(state(), ModelState::kAbsent);
  EXPECT_EQ(status().failures, 0);
}

TEST_F(SupervisorTest, ANewFileIsLoadedForWhoeverComesAndTheOldOneServesItsUsers) {
  Serve();
  EXPECT_EQ(Take(supervisor_.Renew(now_)), "");
  EXPECT_EQ(Acquire(2), "");
  EXPECT_EQ(Release(), "terminate");
  EXPECT_EQ(Exited(), "spawn");
  Spawned();
  EXPECT_EQ(Probed(true), "grant 2");
}

TEST_F(SupervisorTest, ANewFileEndsTheStartOfTheOldOneAndItsBackOff) {
  Acquire(1);
  Spawned();
  EXPECT_EQ(Take(supervisor_.Renew(now_)), "terminate");
  EXPECT_EQ(Exited("half loaded"), "spawn");
  Spawned();
  EXPECT_EQ(Exited("broken"), "refuse 1");
  EXPECT_EQ(Acquire(2), "");
  EXPECT_EQ(Take(supervisor_.Renew(now_)), "spawn");
  EXPECT_EQ(status().failures, 0);
  EXPECT_EQ(status().last_error, "");
}

TEST_F(SupervisorTest, AReplacementHasItsOwnSlotsAndWaitsForTheUsers) {
  Serve();
  EXPECT_EQ(Acquire(2), "grant 2");
  supervisor_.SetSlots(1);
  EXPECT_EQ(status().slots, 2);
  EXPECT_EQ(Take(supervisor_.Replace(now_)), "");
  EXPECT_EQ(status().slots, 1);  // that whoever comes gets
  EXPECT_EQ(Acquire(3), "");
  EXPECT_EQ(Acquire(4), "");
  EXPECT_EQ(Release(), "");
  EXPECT_EQ(Release(), "terminate");
  EXPECT_FALSE(supervisor_.forgotten());
  EXPECT_EQ(Exited(), "spawn");
  Spawned();
  EXPECT_EQ(Probed(true), "grant 3");
  EXPECT_EQ(Release(), "grant 4");
  EXPECT_EQ(Release(), "");
  EXPECT_FALSE(supervisor_.forgotten());
  EXPECT_EQ(Take(supervisor_.Unload(now_)), "terminate");
  EXPECT_EQ(Exited(), "");
  EXPECT_TRUE(supervisor_.forgotten());
}

TEST_F(SupervisorTest, AReplacementWaitsThroughABackOff) {
  Acquire(1);
  Spawned();
  EXPECT_EQ(Exited("broken"), "refuse 1");
  EXPECT_EQ(Acquire(2), "");
  EXPECT_EQ(Take(supervisor_.Replace(now_)), "");
  EXPECT_EQ(state(), ModelState::kBackingOff);
  EXPECT_EQ(status().failures, 1);
  EXPECT_EQ(Wake(), "spawn");
}

TEST_F(SupervisorTest, AModelThatIsRemovedRefusesWithThatAndServesItsUsersToTheEnd) {
  Serve();
  Acquire(2);
  Acquire(3);
  EXPECT_EQ(Take(supervisor_.Retire(now_, NotFound("gone"))), "refuse 3");
  EXPECT_EQ(refusal_.code, ErrorCode::kNotFound);
  EXPECT_EQ(Acquire(4), "refuse 4");
  EXPECT_EQ(Release(), "");
  EXPECT_FALSE(supervisor_.stopped());
  EXPECT_EQ(Release(), "terminate");
  EXPECT_EQ(Exited(), "");
  EXPECT_TRUE(supervisor_.stopped());
}

TEST_F(SupervisorTest, AModelThatIsAddedAgainBeforeItsUsersEndedStartsAfterThem) {
  Serve();
  supervisor_.Retire(now_, NotFound("gone"));
  supervisor_.Reopen();
  EXPECT_EQ(Acquire(2), "");
  EXPECT_EQ(Release(), "terminate");
  EXPECT_EQ(Exited(), "spawn");
}

TEST_F(SupervisorTest, AStopAfterARemovalEndsItThoughItIsUsed) {
  Serve();
  supervisor_.Retire(now_, NotFound("gone"));
  EXPECT_EQ(Stop(), "terminate");
  EXPECT_EQ(Exited(), "");
  EXPECT_TRUE(supervisor_.stopped());
}

TEST_F(SupervisorTest, AProcessThatIsUnfitIsEndedAndItsReasonRefusesThoseWhoWait) {
  Acquire(1);
  Spawned();
  EXPECT_EQ(Take(supervisor_.OnUnfit(now_, supervisor_.run(),
                                     Unavailable(ErrorSource::kEngine, "no device"))),
            "terminate");
  EXPECT_EQ(Probed(true), "");
  EXPECT_EQ(Exited("was killed"), "refuse 1");
  EXPECT_EQ(refusal_.message, "no device");
  EXPECT_EQ(state(), ModelState::kBackingOff);
}

}  // namespace
}  // namespace tidegate::engine
