#include "gateway/inventory.h"

#include <gtest/gtest.h>

#include "dispatch/limits.h"
#include "gateway/call.h"

namespace tidegate::gateway {
namespace {

std::shared_ptr<Inventory> TwoModels() {
  std::vector<core::Deployment> deployments(2);
  deployments[0].ref = {"a", "m"};
  deployments[1].ref = {"b", "m"};
  return std::make_shared<Inventory>(std::move(deployments), std::vector<Route>(2), nullptr);
}

TEST(InventoryTest, AnOpenBreakerMakesItsDeploymentUnavailableAndSaysForHowLong) {
  const auto inventory = TwoModels();
  constexpr std::int64_t kNow = 1'000;
  const Error down = Unavailable(ErrorSource::kUpstream, "down");
  for (int i = 0; i < dispatch::kBreakerFailures; ++i) inventory->breaker(1).Failed(kNow, down);
  std::vector<core::LiveState> live;
  inventory->ReadLive(kNow, live);
  ASSERT_EQ(live.size(), 2U);
  EXPECT_TRUE(live[0].available);
  EXPECT_FALSE(live[1].available);
  EXPECT_NE(live[1].unavailable_why.find(" s"), std::string::npos);
  inventory->ReadLive(kNow + dispatch::kBreakerOpen, live);
  EXPECT_TRUE(live[1].available);
}

TEST(InventoryTest, WhatWasLearnedSurvivesANewListOfModels) {
  const auto before = TwoModels();
  constexpr std::int64_t kNow = 1'000;
  const Error down = Unavailable(ErrorSource::kUpstream, "down");
  for (int i = 0; i < dispatch::kBreakerFailures; ++i) before->breaker(1).Failed(kNow, down);
  before->estimator().Observe(1,
                              {.ttft_us = 5'000, .generation_us = 1'000'000, .output_tokens = 100});
  std::vector<core::Deployment> deployments(2);
  deployments[0].ref = {"new", "m"};
  deployments[1].ref = {"b", "m"};  // stands elsewhere now
  std::swap(deployments[0], deployments[1]);
  Inventory after(std::move(deployments), std::vector<Route>(2), nullptr, before.get());
  std::vector<core::LiveState> live;
  after.ReadLive(kNow, live);
  EXPECT_FALSE(live[0].available);
  EXPECT_EQ(live[0].samples, 1);
  EXPECT_TRUE(live[1].available);
  EXPECT_EQ(live[1].samples, 0);
  before->breaker(1).Succeeded();  // an attempt that began before
  after.ReadLive(kNow, live);
  EXPECT_TRUE(live[0].available);
}

TEST(InventoryTest, AViewIsRenewedWhenItIsOldOrInvalidated) {
  const auto inventory = TwoModels();
  LiveView view;
  EXPECT_EQ(view.At(*inventory, 1'000)[0].samples, 0);
  inventory->estimator().Observe(
      0, {.ttft_us = 5'000, .generation_us = 1'000'000, .output_tokens = 100});
  EXPECT_EQ(view.At(*inventory, 2'000)[0].samples, 0) << "still the same view";
  view.Invalidate();
  EXPECT_EQ(view.At(*inventory, 3'000)[0].samples, 1);
}

TEST(CostTest, CachedTokensHaveTheirOwnPrice) {
  core::Prices prices;
  prices.input = Price{2'000'000};
  prices.output = Price{10'000'000};
  prices.cached_read = Price{1'000'000};
  prices.cached_write = Price{3'000'000};
  prices.per_request = Money{7};
  core::Usage usage;
  usage.input_tokens = 100;
  usage.cached_read_tokens = 30;
  usage.cached_write_tokens = 20;
  usage.output_tokens = 5;
  EXPECT_EQ(CostOf(usage, prices).nanodollars, 50 * 2 + 30 * 1 + 20 * 3 + 5 * 10 + 7);
  EXPECT_EQ(CostOf(usage, prices, 3).nanodollars, 50 * 2 + 30 * 1 + 20 * 3 + 5 * 10 + 3 * 7);
}

TEST(CostTest, MoreCachedThanSentIsNotBelieved) {
  core::Prices prices;
  prices.input = Price{2'000'000};
  prices.cached_read = Price{1'000'000};
  prices.cached_write = Price{1'000'000};
  core::Usage usage;
  usage.input_tokens = 10;
  usage.cached_read_tokens = 1'000;
  usage.cached_write_tokens = 1'000;
  EXPECT_EQ(CostOf(usage, prices).nanodollars, 10);
}

}  // namespace
}  // namespace tidegate::gateway
