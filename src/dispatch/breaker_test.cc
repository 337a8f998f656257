#include "dispatch/breaker.h"

#include <gtest/gtest.h>

#include "dispatch/limits.h"

namespace tidegate::dispatch {
namespace {

const Error kDown = Unavailable(ErrorSource::kUpstream, "down");

TEST(BreakerTest, ItOpensAfterFailuresInARowAndClosesByItself) {
  Breaker breaker;
  std::int64_t now = 1'000;
  for (int i = 1; i < kBreakerFailures; ++i) {
    EXPECT_FALSE(breaker.Failed(now, kDown));
    EXPECT_TRUE(breaker.Closed(now));
  }
  EXPECT_TRUE(breaker.Failed(now, kDown));
  EXPECT_FALSE(breaker.Closed(now));
  EXPECT_EQ(breaker.OpenFor(now), kBreakerOpen);
  now += kBreakerOpen;
  EXPECT_TRUE(breaker.Closed(now)) << "one request may probe";
  EXPECT_TRUE(breaker.Failed(now, kDown));
  EXPECT_EQ(breaker.OpenFor(now), 2 * kBreakerOpen) << "a failed probe doubles the wait";
}

TEST(BreakerTest, TheWaitIsBounded) {
  Breaker breaker;
  for (int i = 0; i < 100; ++i) breaker.Failed(0, kDown);
  EXPECT_EQ(breaker.OpenFor(0), kBreakerOpenMax);
}

TEST(BreakerTest, ASuccessForgetsEverything) {
  Breaker breaker;
  for (int i = 0; i < kBreakerFailures; ++i) breaker.Failed(0, kDown);
  breaker.Succeeded();
  EXPECT_TRUE(breaker.Closed(0));
  EXPECT_FALSE(breaker.Failed(0, kDown));
}

TEST(BreakerTest, WhatTheCallerDidDoesNotCount) {
  Breaker breaker;
  Error bad_request = InvalidArgument("model", "wrong");
  bad_request.source = ErrorSource::kUpstream;
  Error gone{ErrorCode::kCancelled, ErrorSource::kCaller, Retry::kNever, "gone"};
  Error limited{ErrorCode::kRateLimited, ErrorSource::kUpstream, Retry::kOtherTarget, "slow down"};
  Error full = Unavailable(ErrorSource::kEngine, "64 requests already wait");
  full.reason = "engine_queue_full";
  Error crashed = Unavailable(ErrorSource::kEngine, "it was killed, and starts again");
  crashed.reason = "engine_crashed";
  for (int i = 0; i < 100; ++i) {
    EXPECT_FALSE(breaker.Failed(0, full));
    EXPECT_FALSE(breaker.Failed(0, crashed));
    EXPECT_FALSE(breaker.Failed(0, bad_request));
    EXPECT_FALSE(breaker.Failed(0, gone));
    EXPECT_FALSE(breaker.Failed(0, limited));
  }
  EXPECT_TRUE(breaker.Closed(0));
}

}  // namespace
}  // namespace tidegate::dispatch
