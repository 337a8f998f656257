// Several models that share the memory of one machine, with the real llama-server.
#include <csignal>
#include <cstdint>
#include <future>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "engine/testing/engine_fixture.h"

namespace tidegate::engine {
namespace {

using testing::Ends;
using testing::Eventually;
using testing::kSecond;
using testing::Model;
using testing::OpenPid;
using LeaseResult = testing::Boxed<Lease>;

using EngineMemoryTest = testing::EngineFixture;

TEST_F(EngineMemoryTest, AnIdleModelMakesRoomForAnother) {
  RoomForOne();
  Create({Model("one"), Model("two")});
  ASSERT_TRUE(Acquire("one").ok());  // and back at once
  const UniqueFd first = OpenPid(StatusOf("one").pid);
  Result<Lease> two = Acquire("two");
  ASSERT_TRUE(two.ok()) << Describe(two.error());
  EXPECT_TRUE(Ends(first.get()));
  EXPECT_TRUE(Answers(*two));
  EXPECT_EQ(StatusOf("one").state, ModelState::kAbsent);
  EXPECT_EQ(StatusOf("one").failures, 0);
  EXPECT_EQ(StatusOf("two").memory_bytes, std::uint64_t{1} << 30U);
  EXPECT_GT(StatusOf("one").use_weight, 0.9);
}

TEST_F(EngineMemoryTest, ModelsThatDoNotFitTogetherTakeTurns) {
  RoomForOne();
  Create({Model("one"), Model("two")});
  Result<Lease> one = Acquire("one");
  ASSERT_TRUE(one.ok());
  std::future<LeaseResult> two = StartAcquire("two");
  ASSERT_TRUE(Reaches("two", ModelState::kWaiting));
  EXPECT_GT(engine_->Live("two")->expected_wait_ms, 0);
  EXPECT_TRUE(Answers(*one));                                         // it serves on
  ASSERT_TRUE(Eventually([&] { return StatusOf("one").draining; }));  // its turn is over
  EXPECT_TRUE(Answers(*one));  // also the request that is under way
  std::future<LeaseResult> again = StartAcquire("one");
  ASSERT_TRUE(Eventually([&] { return StatusOf("one").queue_depth == 1; }));
  { const Result<Lease> ends = std::move(one); }
  LeaseResult second = two.get();
  ASSERT_TRUE(second->ok()) << Describe(second->error());
  EXPECT_EQ(StatusOf("one").pid, 0);
  EXPECT_TRUE(Answers(**second));
  second.reset();
  const LeaseResult third = again.get();  // and comes back for those who waited meanwhile
  ASSERT_TRUE(third->ok()) << Describe(third->error());
  EXPECT_TRUE(Answers(**third));
  EXPECT_EQ(StatusOf("two").pid, 0);
}

TEST_F(EngineMemoryTest, AModelThatCanNeverFitIsRefusedAndThePlannerKnowsIt) {
  RoomForOne();
  options_.residency.budget_bytes = 1'000;
  Create({Model("one")});
  EXPECT_FALSE(engine_->Live("one")->available);
  const Result<Lease> lease = Acquire("one");
  ASSERT_FALSE(lease.ok());
  EXPECT_EQ(lease.error().reason, "engine_memory");
  EXPECT_NE(lease.error().message.find("1.0 GiB"), std::string::npos) << lease.error().message;
  EXPECT_EQ(StatusOf("one").state, ModelState::kAbsent);
}

TEST_F(EngineMemoryTest, ACrashLosesOnlyTheCrashedModelsRequests) {
  RoomForOne();
  options_.residency.budget_bytes *= 2;
  Create({Model("one"), Model("two")});
  Result<Lease> one = Acquire("one");
  Result<Lease> two = Acquire("two");
  ASSERT_TRUE(one.ok() && two.ok());
  const int survivor = StatusOf("two").pid;
  ASSERT_EQ(kill(StatusOf("one").pid, SIGKILL), 0);
  ASSERT_TRUE(Eventually([&] { return StatusOf("one").failures == 1; }));
  EXPECT_TRUE(Answers(*two));
  EXPECT_EQ(StatusOf("two").pid, survivor);
  EXPECT_EQ(StatusOf("two").users, 1);
  EXPECT_TRUE(Reaches("one", ModelState::kReady));  // and it comes back: there is room
}

TEST_F(EngineMemoryTest, AModelThatCrashesLeavesItsMemoryToTheOneThatWaits) {
  RoomForOne();
  options_.residency.quantum_nanos_min = options_.residency.quantum_nanos_max = 60 * kSecond;
  Create({Model("one"), Model("two")});
  Result<Lease> one = Acquire("one");
  ASSERT_TRUE(one.ok());
  std::future<LeaseResult> two = StartAcquire("two");
  ASSERT_TRUE(Reaches("two", ModelState::kWaiting));
  ASSERT_EQ(kill(StatusOf("one").pid, SIGKILL), 0);
  const LeaseResult second = two.get();
  ASSERT_TRUE(second->ok()) << Describe(second->error());
  EXPECT_TRUE(Answers(**second));
  EXPECT_EQ(StatusOf("one").pid, 0);
}

TEST_F(EngineMemoryTest, APrincipalWithManyRequestsDoesNotKeepOutAnother) {
  options_.limits.slots = 1;
  Create({Model("tiny")});
  std::vector<std::future<LeaseResult>> many;
  {
    const Result<Lease> held = Acquire("tiny");
    ASSERT_TRUE(held.ok());
    for (int i = 0; i < 10; ++i) many.push_back(StartAcquire("tiny", {Priority::kNormal, "ann"}));
    ASSERT_TRUE(Eventually([&] { return StatusOf("tiny").queue_depth == 10; }));
    many.push_back(StartAcquire("tiny", {Priority::kNormal, "bob"}));
    ASSERT_TRUE(Eventually([&] { return StatusOf("tiny").queue_depth == 11; }));
  }
  EXPECT_TRUE((*many.front().get()).ok());  // and back at once
  EXPECT_TRUE((*many.back().get()).ok());
  for (std::size_t i = 1; i + 1 < many.size(); ++i) EXPECT_TRUE((*many[i].get()).ok());
}

TEST_F(EngineMemoryTest, APinnedModelIsLoadedAndStaysUntilItIsStoppedByHand) {
  options_.limits.keep_alive_nanos = 0;
  Create({Model("tiny")});
  ASSERT_TRUE(engine_->Pin("tiny", true).ok());
  EXPECT_EQ(engine_->Pin("other", true).error().code, ErrorCode::kNotFound);
  ASSERT_TRUE(Reaches("tiny", ModelState::kReady));
  const int pid = StatusOf("tiny").pid;
  ASSERT_TRUE(Acquire("tiny").ok());
  EXPECT_EQ(StatusOf("tiny").idle_stop_in_nanos, -1);
  EXPECT_EQ(StatusOf("tiny").pid, pid);
  engine_->Stop("tiny");
  ASSERT_TRUE(Reaches("tiny", ModelState::kAbsent));
}

TEST_F(EngineMemoryTest, AModelThatIsPinnedMakesOthersGoAndIsNotSentAway) {
  RoomForOne();
  options_.pinned = {"later"};
  Create({Model("one"), Model("two")});
  ASSERT_TRUE(Acquire("one").ok());
  ASSERT_TRUE(engine_->Pin("two", true).ok());
  EXPECT_TRUE(Reaches("two", ModelState::kReady)) << "the idle one went";
  EXPECT_EQ(StatusOf("one").state, ModelState::kAbsent);
  const Result<Lease> refused = Acquire("one");
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().reason, "engine_memory");
  EXPECT_NE(refused.error().message.find("unpin one of them"), std::string::npos);
  const Result<void> second = engine_->Pin("one", true);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code, ErrorCode::kConflict);
  EXPECT_FALSE(engine_->pinned("one"));
  ASSERT_TRUE(engine_->Pin("two", false).ok());
  EXPECT_FALSE(StatusOf("two").pinned) << "it has taken effect";
  EXPECT_TRUE(Acquire("one").ok());
  engine_->SetModels({Model("one"), Model("later")});
  EXPECT_TRUE(Reaches("later", ModelState::kReady)) << "it was pinned before it was there";
  EXPECT_TRUE(StatusOf("later").pinned);
}

TEST_F(EngineMemoryTest, WhatWasUsedBeforeIsLoadedBeforeAnybodyAsks) {
  RoomForOne();
  options_.residency.preload_bytes = options_.residency.budget_bytes;
  options_.residency.preload_pause_nanos = kSecond / 100;
  options_.use_weights = {{"two", 3.0}, {"gone", 9.0}};
  Create({Model("one"), Model("two")});
  EXPECT_TRUE(Reaches("two", ModelState::kReady));
  EXPECT_EQ(StatusOf("one").state, ModelState::kAbsent);
}

}  // namespace
}  // namespace tidegate::engine
