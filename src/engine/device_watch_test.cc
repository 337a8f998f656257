#include "engine/device_watch.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

namespace tidegate::engine {
namespace {

namespace fs = std::filesystem;

class DeviceWatchTest : public testing::Test {
 protected:
  DeviceWatchTest() {
    std::string pattern = "/tmp/tidegate-watch-test-XXXXXX";
    folder_ = mkdtemp(pattern.data());
  }
  ~DeviceWatchTest() override { fs::remove_all(folder_); }

  // A llama-server that prints `list` for --list-devices.
  void Install(const std::string& version, const std::string& list) {
    std::ofstream(folder_ / "new") << "#!/bin/sh\ncase $1 in\n--version) echo 'version: " << version
                                   << " (fake)' ;;\n--help) echo '--list-devices' ;;\n"
                                   << "*) " << list << " ;;\nesac\n";
    fs::permissions(folder_ / "new", fs::perms::owner_all);
    fs::rename(folder_ / "new", folder_ / "llama-server");
  }

  fs::path folder_;
};

TEST_F(DeviceWatchTest, AsksEachEngineOnceAndOneThatComesLaterToo) {
  Locator locator({(folder_ / "llama-server").string(), "", ""});
  DeviceWatch watch(locator);
  EXPECT_FALSE(watch.Look().has_value());  // there is none
  Install("1", "printf 'Available devices:\\n  CUDA0: Big (24135 MiB, 23678 MiB free)\\n'");
  const std::optional<DeviceNews> news = watch.Look();
  ASSERT_TRUE(news.has_value());
  EXPECT_EQ(news->why_not, "");
  ASSERT_EQ(news->devices.size(), 1U);
  EXPECT_EQ(news->devices[0].id, "CUDA0");
  EXPECT_FALSE(watch.Look().has_value());
  Install("22", "printf 'Available devices:\\n  (none)\\n'");
  const std::optional<DeviceNews> later = watch.Look();
  ASSERT_TRUE(later.has_value());
  EXPECT_TRUE(later->devices.empty());
}

constexpr const char* kBig =
    "printf 'Available devices:\\n  CUDA0: Big (24135 MiB, 23678 MiB free)\\n'";
constexpr const char* kBigInUse =
    "printf 'Available devices:\\n  CUDA0: Big (24135 MiB, 5000 MiB free)\\n'";

TEST_F(DeviceWatchTest, AQuestionThatFailedIsAskedAgainAtGrowingIntervals) {
  FakeClock clock;
  Locator locator({(folder_ / "llama-server").string(), "", ""});
  DeviceWatch watch(locator, clock);
  Install("1", "exit 3");
  std::int64_t pause = kDeviceRetryNanosFirst;
  for (int tries = 0; tries < 10; ++tries) {
    const std::optional<DeviceNews> news = watch.Look();
    ASSERT_TRUE(news.has_value()) << tries;
    EXPECT_NE(news->why_not, "");
    clock.Advance(pause - 1);
    EXPECT_FALSE(watch.Look().has_value()) << tries;
    clock.Advance(1);
    pause = std::min(2 * pause, kDeviceRetryNanosMax);
  }
  Install("1", kBig);  // a driver that was not up yet, say
  const std::optional<DeviceNews> news = watch.Look();
  ASSERT_TRUE(news.has_value());
  EXPECT_EQ(news->why_not, "");
  EXPECT_EQ(news->devices.size(), 1U);
  clock.Advance(kDeviceRetryNanosMax);
  EXPECT_FALSE(watch.Look().has_value());
}

TEST_F(DeviceWatchTest, AsksAgainAfterAFailureAndWhenTheLastProcessOfOursHasGone) {
  FakeClock clock;
  Locator locator({(folder_ / "llama-server").string(), "", ""});
  DeviceWatch watch(locator, clock);
  DeviceUse use;
  const auto now = [&use] { return use; };
  Install("1", kBig);
  ASSERT_TRUE(watch.Look(now).has_value());
  clock.Advance(kDevicePauseNanos);
  EXPECT_FALSE(watch.Look(now).has_value());
  use.held = true;
  EXPECT_FALSE(watch.Look(now).has_value());
  Install("1", kBigInUse);
  use.failures = 1;
  const std::optional<DeviceNews> held = watch.Look(now);
  ASSERT_TRUE(held.has_value());
  EXPECT_EQ(held->devices[0].free_bytes >> 20U, 23'678U);  // some of what is used is ours
  EXPECT_FALSE(watch.Look(now).has_value());
  use.held = false;
  EXPECT_FALSE(watch.Look(now).has_value());  // so soon
  clock.Advance(kDevicePauseNanos);
  const std::optional<DeviceNews> gone = watch.Look(now);
  ASSERT_TRUE(gone.has_value());
  EXPECT_EQ(gone->devices[0].free_bytes >> 20U, 5'000U);
  clock.Advance(kDevicePauseNanos);
  EXPECT_FALSE(watch.Look(now).has_value());
}

TEST_F(DeviceWatchTest, AnOldAnswerIsAskedForAgainBeforeAStart) {
  FakeClock clock;
  Locator locator({(folder_ / "llama-server").string(), "", ""});
  DeviceWatch watch(locator, clock);
  Install("1", kBig);
  const std::optional<DeviceNews> first = watch.Look();
  ASSERT_TRUE(first.has_value());
  Install("1", kBigInUse);  // by another program
  clock.Advance(kDeviceNewsNanosOld - 1);
  EXPECT_FALSE(watch.Look(nullptr, true).has_value());
  clock.Advance(1);
  DeviceUse use{.held = true, .starting = 1};
  const auto now = [&use] { return use; };
  EXPECT_FALSE(watch.Look(now, true).has_value());
  use = {.held = false, .starting = 2};  // the other one may be loading
  EXPECT_FALSE(watch.Look(now, true).has_value());
  use.starting = 1;
  const std::optional<DeviceNews> news = watch.Look(now, true);
  ASSERT_TRUE(news.has_value());
  EXPECT_EQ(news->devices[0].free_bytes >> 20U, 5'000U);
  EXPECT_FALSE(SameDevices(first->devices, news->devices));
  EXPECT_TRUE(SameDevices(news->devices, news->devices));
  std::vector<GraphicsDevice> wavering = news->devices;
  wavering[0].free_bytes -= kDeviceSlackBytes;
  EXPECT_TRUE(SameDevices(news->devices, wavering));
  wavering.clear();
  EXPECT_FALSE(SameDevices(news->devices, wavering));
}

TEST_F(DeviceWatchTest, WhatIsKnownStaysWhenAskingAgainFails) {
  FakeClock clock;
  Locator locator({(folder_ / "llama-server").string(), "", ""});
  DeviceWatch watch(locator, clock);
  Install("1", kBig);
  ASSERT_TRUE(watch.Look().has_value());
  Install("1", "exit 3");
  clock.Advance(kDevicePauseNanos);
  const std::optional<DeviceNews> news =
      watch.Look([] { return DeviceUse{.held = false, .failures = 1}; });
  ASSERT_TRUE(news.has_value());
  EXPECT_NE(news->why_not, "");
  EXPECT_EQ(news->devices.size(), 1U);
}

TEST_F(DeviceWatchTest, AsksWithTheVariablesThatChooseDevices) {
  Install("1", "printf \"Available devices:\\n  $SHOWN: Big (24135 MiB, 23678 MiB free)\\n\"");
  LocatorOptions options{(folder_ / "llama-server").string(), "", "", {"SHOWN=CUDA7"}};
  Locator locator(options);
  DeviceWatch watch(locator);
  const std::optional<DeviceNews> news = watch.Look();
  ASSERT_TRUE(news.has_value());
  ASSERT_EQ(news->devices.size(), 1U) << news->why_not;
  EXPECT_EQ(news->devices[0].id, "CUDA7");
}

TEST_F(DeviceWatchTest, SaysWhyTheyAreNotKnown) {
  Locator locator({(folder_ / "llama-server").string(), "", ""});
  DeviceWatch watch(locator);
  Install("1", "exit 3");
  const std::optional<DeviceNews> news = watch.Look();
  ASSERT_TRUE(news.has_value());
  EXPECT_NE(news->why_not.find("cannot list its devices"), std::string::npos) << news->why_not;
}

}  // namespace
}  // namespace tidegate::engine
