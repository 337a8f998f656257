#include "obs/log.h"

#include <gtest/gtest.h>

namespace tidegate::obs {
namespace {

TEST(LogTest, LinesBelowTheLevelAreNotWritten) {
  ConfigureLog({Level::kWarning, false});
  EXPECT_FALSE(LogEnabled(Level::kInfo));
  EXPECT_TRUE(LogEnabled(Level::kError));
  testing::internal::CaptureStderr();
  Log(Level::kInfo, "quiet {}", 1);
  Log(Level::kWarning, "loud {}", 2);
  const std::string written = testing::internal::GetCapturedStderr();
  EXPECT_EQ(written.find("quiet"), std::string::npos);
  EXPECT_NE(written.find("loud 2"), std::string::npos);
}

TEST(LogTest, AJsonLineEscapesWhatItCarries) {
  ConfigureLog({Level::kInfo, true});
  testing::internal::CaptureStderr();
  Log(Level::kInfo, "a \"quoted\" \\ word\nand a line");
  const std::string written = testing::internal::GetCapturedStderr();
  EXPECT_NE(written.find(R"("message":"a \"quoted\" \\ word\u000aand a line")"), std::string::npos)
      << written;
}

}  // namespace
}  // namespace tidegate::obs
