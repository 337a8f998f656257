#include "process/memory.h"

#include <fstream>
#include <string>

#include <gtest/gtest.h>

namespace tidegate::process {
namespace {

long FileBackedKib() {
  std::ifstream status("/proc/self/status");
  std::string name;
  long kib = 0;
  while (status >> name) {
    if (name == "RssFile:" && status >> kib) return kib;
  }
  return 0;
}

TEST(Memory, TheCodeOfStartupIsNoLongerResidentAndStillRuns) {
  const long before = FileBackedKib();
  ASSERT_GT(before, 0);
  ReturnStartupMemory();
  EXPECT_LT(FileBackedKib(), before) << "and this call ran code that was dropped";
}

}  // namespace
}  // namespace tidegate::process
