#include "engine/devices_used.h"

#include <gtest/gtest.h>

namespace tidegate::engine {
namespace {

TEST(DevicesUsedTest, ALineThatPutsWeightsOnADeviceNamesIt) {
  EXPECT_EQ(DeviceUsed("load_tensors:        CUDA0 model buffer size =  4403.49 MiB"), "CUDA0");
  EXPECT_EQ(DeviceUsed("load_tensors:      Vulkan1 model buffer size =    12.00 MiB"), "Vulkan1");
  EXPECT_EQ(DeviceUsed("load_tensors:  CUDA0_Split model buffer size =    12.00 MiB"), "CUDA0");
  EXPECT_EQ(DeviceUsed("ROCm0 model buffer size = 1 MiB"), "ROCm0");
}

TEST(DevicesUsedTest, TheHostIsNoDeviceAndOtherLinesSayNothing) {
  for (const char* line :
       {"load_tensors:   CPU_Mapped model buffer size =     5.01 MiB",
        "load_tensors:          CPU model buffer size =     5.01 MiB",
        "load_tensors:    CUDA_Host model buffer size =   137.94 MiB",
        "llama_kv_cache:      CUDA0 KV buffer size =     1.00 MiB",
        " model buffer size =", "load_tensors: offloaded 33/33 layers to GPU", ""}) {
    EXPECT_EQ(DeviceUsed(line), "") << line;
  }
}

}  // namespace
}  // namespace tidegate::engine
