#include "engine/devices.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

namespace tidegate::engine {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMiB = 1024 * 1024;

TEST(ParseDeviceListTest, AMachineWithoutGraphicsHasNone) {
  const auto devices = ParseDeviceList("Available devices:\n  (none)\n");  // of 0.7.0
  ASSERT_TRUE(devices.ok());
  EXPECT_TRUE(devices->empty());
  EXPECT_TRUE(ParseDeviceList("Available devices:\n")->empty());  // of older versions
}

TEST(ParseDeviceListTest, ReadsACudaDeviceBehindWhatItsDriverPrints) {
  const auto devices = ParseDeviceList(
      "ggml_cuda_init: found 1 CUDA devices (Total VRAM: 24135 MiB):\n"
      "  Device 0: NVIDIA GeForce RTX 3090, compute capability 8.6, VMM: yes, VRAM: 24135 MiB\n"
      "load_backend: loaded CUDA backend from /usr/lib/libggml-cuda.so\n"
      "Available devices:\n"
      "  CUDA0: NVIDIA GeForce RTX 3090 (24135 MiB, 23678 MiB free)\n");
  ASSERT_TRUE(devices.ok()) << Describe(devices.error());
  ASSERT_EQ(devices->size(), 1U);
  EXPECT_EQ(devices->front().id, "CUDA0");
  EXPECT_EQ(devices->front().description, "NVIDIA GeForce RTX 3090");
  EXPECT_EQ(devices->front().total_bytes, 24'135 * kMiB);
  EXPECT_EQ(devices->front().free_bytes, 23'678 * kMiB);
}

TEST(ParseDeviceListTest, ADescriptionMayHaveBracketsAndColons) {
  const auto devices = ParseDeviceList(
      "ggml_vulkan: Found 1 Vulkan devices:\n"
      "Available devices:\r\n"
      "  Vulkan0: AMD Radeon RX 7900 XTX (RADV NAVI31): x (24560 MiB, 24100 MiB free)\r\n");
  ASSERT_TRUE(devices.ok()) << Describe(devices.error());
  ASSERT_EQ(devices->size(), 1U);
  EXPECT_EQ(devices->front().description, "AMD Radeon RX 7900 XTX (RADV NAVI31): x");
}

TEST(ParseDeviceListTest, KeepsTheOrderOfSeveral) {
  const auto devices = ParseDeviceList(
      "Available devices:\n"
      "  CUDA0: NVIDIA H100 80GB HBM3 (81089 MiB, 80500 MiB free)\n"
      "  CUDA1: NVIDIA L4 (22478 MiB, 30000 MiB free)\n");
  ASSERT_TRUE(devices.ok()) << Describe(devices.error());
  ASSERT_EQ(devices->size(), 2U);
  EXPECT_EQ((*devices)[0].id, "CUDA0");
  EXPECT_EQ((*devices)[1].id, "CUDA1");
  EXPECT_EQ((*devices)[1].free_bytes, 22'478 * kMiB);  // not more than there is
}

TEST(ParseDeviceListTest, WhatIsNoSuchListIsAnError) {
  for (const char* line :
       {"CUDA0 NVIDIA (1 MiB, 1 MiB free)", "CUDA0: NVIDIA", ": x (1 MiB, 1 MiB free)",
        "CUDA0: x (MiB, 1 MiB free)", "CUDA0: x (1 MiB, 1 MiB)", "CUDA0: x (-1 MiB, 1 MiB free)",
        "CUDA0: x (1 GiB, 1 GiB free)", "a b: x (1 MiB, 1 MiB free)",
        "CUDA0: x (99999999999999999999 MiB, 1 MiB free)",
        "CUDA0: x (9999999999999999999 MiB, 1 MiB free)"}) {
    const auto devices = ParseDeviceList(std::string("Available devices:\n  ") + line + "\n");
    ASSERT_FALSE(devices.ok()) << line;
    EXPECT_EQ(devices.error().code, ErrorCode::kProtocol);
  }
  EXPECT_FALSE(ParseDeviceList("").ok());
  EXPECT_FALSE(ParseDeviceList("error: no such option\n").ok());
  EXPECT_FALSE(ParseDeviceList(std::string(kDeviceListBytesMax + 1, ' ')).ok());
  EXPECT_FALSE(ParseDeviceList("Available devices:\n  " +
                               std::string(kDeviceNameBytesMax + 1, 'x') +
                               ": x (1 MiB, 1 MiB free)\n")
                   .ok());
}

TEST(ParseDeviceListTest, MoreThanAMachineCanHaveIsAnError) {
  std::string list = "Available devices:\n";
  for (std::size_t i = 0; i < kDevicesMax; ++i) list += "  X: y (1 MiB, 1 MiB free)\n";
  EXPECT_EQ(ParseDeviceList(list)->size(), kDevicesMax);
  EXPECT_FALSE(ParseDeviceList(list + "  X: y (1 MiB, 1 MiB free)\n").ok());
}

TEST(ListDevicesTest, AsksTheInstalledLlamaServer) {
  const char* without = std::getenv("TIDEGATE_NO_ENGINE");
  if (without != nullptr && std::string(without) == "1") GTEST_SKIP() << "TIDEGATE_NO_ENGINE=1";
  Locator locator(LocatorOptions::FromEnvironment(""));
  const Result<EngineBinary> binary = locator.Locate();
  ASSERT_TRUE(binary.ok()) << Describe(binary.error());
  const auto devices = ListDevices(*binary);
  ASSERT_TRUE(devices.ok()) << Describe(devices.error());
  for (const GraphicsDevice& device : *devices) EXPECT_GT(device.total_bytes, 0U);
}

TEST(ListDevicesTest, AVersionThatCannotOrDoesNotSaySo) {
  EngineBinary binary{"/bin/false", "0.1", {}, true};
  EXPECT_EQ(ListDevices(binary).error().reason, "engine_too_old");
  binary.options = {"--list-devices"};
  EXPECT_EQ(ListDevices(binary).error().reason, "engine_broken");
}

class HostMemoryTest : public testing::Test {
 protected:
  HostMemoryTest() {
    std::string pattern = "/tmp/tidegate-memory-test-XXXXXX";
    root_ = mkdtemp(pattern.data());
    Write("proc/meminfo", "MemTotal:       16000 kB\nMemFree: 10 kB\nMemAvailable:   8000 kB\n");
  }
  ~HostMemoryTest() override { fs::remove_all(root_); }

  void Write(const std::string& path, const std::string& text) {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }
  HostMemory Read() {
    const Result<HostMemory> memory = ReadHostMemory(root_.string());
    EXPECT_TRUE(memory.ok());
    return memory.ok() ? *memory : HostMemory();
  }

  fs::path root_;
};

TEST_F(HostMemoryTest, WithoutAGroupTheKernelsEstimateCounts) {
  const HostMemory memory = Read();
  EXPECT_EQ(memory.total_bytes, 16'000U * 1024);
  EXPECT_EQ(memory.available_bytes, 8'000U * 1024);
  EXPECT_FALSE(memory.limited);
  EXPECT_EQ(memory.limit_bytes, memory.total_bytes);
}

TEST_F(HostMemoryTest, AGroupLeavesItsLimitLessWhatIsUsedAndNotReclaimable) {
  Write("proc/self/cgroup", "0::/user/job\n");
  Write("sys/fs/cgroup/user/job/memory.max", "5000000\n");
  Write("sys/fs/cgroup/user/job/memory.current", "3000000\n");
  Write("sys/fs/cgroup/user/job/memory.stat", "anon 2000000\ninactive_file 500000\n");
  const HostMemory memory = Read();
  EXPECT_EQ(memory.available_bytes, 2'500'000U);
  EXPECT_TRUE(memory.limited);
  EXPECT_EQ(memory.limit_bytes, 5'000'000U);
}

TEST_F(HostMemoryTest, AGroupAboveLimitsItsParts) {
  Write("proc/self/cgroup", "0::/user/job\n");
  Write("sys/fs/cgroup/user/job/memory.max", "max\n");
  Write("sys/fs/cgroup/user/job/memory.current", "1000\n");
  Write("sys/fs/cgroup/user/memory.max", "4000000\n");
  Write("sys/fs/cgroup/user/memory.current", "3500000\n");
  EXPECT_EQ(Read().available_bytes, 500'000U);
}

TEST_F(HostMemoryTest, AFullGroupLeavesNothing) {
  Write("proc/self/cgroup", "0::/\n");
  Write("sys/fs/cgroup/memory.max", "1000\n");
  Write("sys/fs/cgroup/memory.current", "2000\n");
  EXPECT_EQ(Read().available_bytes, 0U);
}

TEST_F(HostMemoryTest, KnowsTheFirstVersionOfGroups) {
  Write("proc/self/cgroup", "5:cpu:/x\n4:hugetlb,memory:/box\n");
  Write("sys/fs/cgroup/memory/box/memory.limit_in_bytes", "3000000\n");
  Write("sys/fs/cgroup/memory/box/memory.usage_in_bytes", "1000000\n");
  EXPECT_EQ(Read().available_bytes, 2'000'000U);
}

TEST_F(HostMemoryTest, AGroupWithoutALimitLimitsNothing) {
  Write("proc/self/cgroup", "0::/free\n");
  Write("sys/fs/cgroup/free/memory.max", "max\n");
  Write("sys/fs/cgroup/free/memory.current", "1000\n");
  EXPECT_FALSE(Read().limited);
}

TEST_F(HostMemoryTest, NonsenseIsAnErrorOrIgnored) {
  Write("proc/self/cgroup", "no colons\n::\n0::" + std::string(3'000, '/') + "\n");
  EXPECT_EQ(Read().available_bytes, 8'000U * 1024);
  Write("proc/meminfo", "MemTotal: lots\n");
  EXPECT_EQ(ReadHostMemory(root_.string()).error().code, ErrorCode::kUnavailable);
}

TEST(HostMemoryHereTest, ThisMachineSays) {
  const Result<HostMemory> memory = ReadHostMemory();
  ASSERT_TRUE(memory.ok()) << Describe(memory.error());
  EXPECT_GT(memory->available_bytes, 0U);
  EXPECT_LE(memory->available_bytes, memory->total_bytes);
}

}  // namespace
}  // namespace tidegate::engine
