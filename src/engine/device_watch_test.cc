#include "engine/device_watch.h"

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
