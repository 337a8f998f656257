#include "engine/queue.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tidegate::engine {
namespace {

using testing::ElementsAre;

const Claim kAnn{Priority::kNormal, "ann"};
const Claim kBob{Priority::kNormal, "bob"};

Claim Batch(const std::string& principal) { return {Priority::kBatch, principal}; }
Claim Interactive(const std::string& principal) { return {Priority::kInteractive, principal}; }

TEST(WaitQueueTest, OnePrincipalIsServedInTheOrderOfItsComing) {
  WaitQueue queue(10);
  for (const WaiterId waiter : {3U, 1U, 2U}) EXPECT_TRUE(queue.Push(waiter, kAnn).queued);
  EXPECT_THAT(queue.PopAll(), ElementsAre(3, 1, 2));
  EXPECT_TRUE(queue.empty());
}

TEST(WaitQueueTest, AThousandOfOneCostAnotherOneTurn) {
  WaitQueue queue(2'000);
  for (WaiterId waiter = 0; waiter < 1'000; ++waiter) queue.Push(waiter, kAnn);
  queue.Push(5'000, kBob);
  EXPECT_EQ(queue.Pop(), 0U);
  EXPECT_EQ(queue.Pop(), 5'000U);
  EXPECT_EQ(queue.Pop(), 1U);
  // One who comes back for each answer gets every second turn.
  for (WaiterId turn = 2; turn < 20; ++turn) {
    queue.Push(6'000 + turn, kBob);
    EXPECT_EQ(queue.Pop(), turn);
    EXPECT_EQ(queue.Pop(), 6'000U + turn);
  }
}

TEST(WaitQueueTest, PrincipalsTakeTurnsHoweverManyEachHas) {
  WaitQueue queue(20);
  for (WaiterId waiter = 10; waiter < 13; ++waiter) queue.Push(waiter, kAnn);
  for (WaiterId waiter = 20; waiter < 22; ++waiter) queue.Push(waiter, kBob);
  queue.Push(30, {});
  EXPECT_THAT(queue.PopAll(), ElementsAre(10, 20, 30, 11, 21, 12));
}

TEST(WaitQueueTest, TheHigherClassGoesFirst) {
  WaitQueue queue(10);
  queue.Push(1, Batch("ann"));
  queue.Push(2, kAnn);
  queue.Push(3, Interactive("ann"));
  EXPECT_THAT(queue.PopAll(), ElementsAre(3, 2, 1));
}

TEST(WaitQueueTest, AClassThatIsPassedOverTooOftenGoesNext) {
  WaitQueue queue(100);
  queue.Push(1, Batch("ann"));
  queue.Push(2, Batch("ann"));
  int before = 0;
  for (WaiterId waiter = 100; waiter < 200; ++waiter) {
    queue.Push(waiter, Interactive("bob"));
    const WaiterId popped = queue.Pop();
    if (popped == 1) break;
    ++before;
  }
  EXPECT_EQ(before, kPassedOverMax);
  // The count begins anew for the next.
  for (int i = 0; i < kPassedOverMax; ++i) {
    queue.Push(300 + static_cast<WaiterId>(i), Interactive("bob"));
    EXPECT_NE(queue.Pop(), 2U);
  }
  EXPECT_EQ(queue.Pop(), 2U);
}

TEST(WaitQueueTest, BothLowerClassesGetTheirTurnWithinABound) {
  WaitQueue queue(1'000);
  for (WaiterId i = 0; i < 100; ++i) {
    queue.Push(1'000 + i, Interactive("ann"));
    queue.Push(2'000 + i, kAnn);
    queue.Push(3'000 + i, Batch("ann"));
  }
  int last_normal = 0;
  int last_batch = 0;
  for (int i = 1; i <= 100; ++i) {
    const WaiterId waiter = queue.Pop();
    if (waiter >= 3'000) {
      EXPECT_LE(i - last_batch, 2 * (kPassedOverMax + 1));
      last_batch = i;
    } else if (waiter >= 2'000) {
      EXPECT_LE(i - last_normal, 2 * (kPassedOverMax + 1));
      last_normal = i;
    }
  }
  EXPECT_GT(last_normal, 80);
  EXPECT_GT(last_batch, 80);
}

TEST(WaitQueueTest, OneThatNoLongerWaitsLeavesNoTrace) {
  WaitQueue queue(3);
  queue.Push(1, kAnn);
  queue.Push(2, kBob);
  queue.Push(3, kAnn);
  EXPECT_TRUE(queue.Erase(2));
  EXPECT_FALSE(queue.Erase(2));
  EXPECT_EQ(queue.size(), 2U);
  EXPECT_TRUE(queue.Push(4, kBob).queued);
  EXPECT_TRUE(queue.Erase(1));
  EXPECT_THAT(queue.PopAll(), ElementsAre(3, 4));
}

TEST(WaitQueueTest, AFullQueueRefusesOneWhoHoldsAsMuchAsAnybody) {
  WaitQueue queue(2);
  queue.Push(1, kAnn);
  queue.Push(2, kBob);
  EXPECT_FALSE(queue.Push(3, kAnn).queued);
  EXPECT_FALSE(queue.Push(3, kBob).queued);
  EXPECT_FALSE(queue.Push(3, {Priority::kNormal, "eve"}).queued);  // nobody has more than one
  EXPECT_THAT(queue.PopAll(), ElementsAre(1, 2));
}

TEST(WaitQueueTest, WhoHoldsMostOfAFullQueueMakesWayWithItsNewest) {
  WaitQueue queue(4);
  queue.Push(1, Interactive("ann"));
  queue.Push(2, Batch("ann"));
  queue.Push(3, kAnn);
  queue.Push(4, Batch("ann"));
  const WaitQueue::Pushed first = queue.Push(5, kBob);
  EXPECT_TRUE(first.queued);
  EXPECT_EQ(first.displaced, 4U);  // the newest of its lowest class
  EXPECT_EQ(queue.Push(6, kBob).displaced, 2U);
  EXPECT_FALSE(queue.Push(7, kBob).queued);  // two each
  EXPECT_EQ(queue.size(), 4U);
  EXPECT_THAT(queue.PopAll(), ElementsAre(1, 3, 5, 6));
}

TEST(WaitQueueTest, InAFullQueueAPrincipalsOwnLowerClassMakesWay) {
  WaitQueue queue(2);
  queue.Push(1, Batch("ann"));
  queue.Push(2, kBob);
  EXPECT_EQ(queue.Push(3, Interactive("ann")).displaced, 1U);
  EXPECT_FALSE(queue.Push(4, Batch("bob")).queued);  // not the other way round
}

TEST(WaitQueueTest, AQueueOfNoPlacesRefuses) {
  WaitQueue queue(0);
  EXPECT_FALSE(queue.Push(1, kAnn).queued);
  EXPECT_TRUE(queue.empty());
}

TEST(WaitQueue, ThoseWhoHaveWaitedLongestCanBeTakenOutWhateverTheirClass) {
  WaitQueue queue(8);
  queue.Push(1, Batch("ann"), 10);
  queue.Push(2, kBob, 20);
  queue.Push(3, Interactive("ann"), 15);
  EXPECT_EQ(queue.oldest(), 10);
  EXPECT_TRUE(queue.PopUntil(9).empty());
  EXPECT_EQ(queue.PopUntil(15), (std::vector<WaiterId>{1, 3}));
  EXPECT_EQ(queue.oldest(), 20);
  EXPECT_EQ(queue.Pop(), 2U);
  EXPECT_TRUE(queue.PopUntil(100).empty());
}

}  // namespace
}  // namespace tidegate::engine
