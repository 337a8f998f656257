#include "cli/chat_options.h"

#include <fstream>
#include <stdlib.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "cli/exit_code.h"

namespace tidegate::cli {
namespace {

std::string Json(const Result<std::string>& made) {
  return made.ok() ? *made : "error: " + made.error().message;
}

TEST(ChatOptions, AParameterHasTheTypeOfItsName) {
  EXPECT_EQ(Json(ParameterJson("num_ctx", {"4096"})), "4096");
  EXPECT_EQ(Json(ParameterJson("seed", {"-1"})), "-1");
  EXPECT_EQ(Json(ParameterJson("temperature", {".5"})), "0.5");
  EXPECT_EQ(Json(ParameterJson("use_mmap", {"false"})), "false");
  EXPECT_EQ(Json(ParameterJson("stop", {"a b", "\n"})), R"(["a b","\n"])");
  EXPECT_TRUE(ParameterAccumulates("stop"));
  EXPECT_FALSE(ParameterAccumulates("seed"));
}

TEST(ChatOptions, ASlipIsNamed) {
  EXPECT_EQ(Json(ParameterJson("num_ctx", {"4.5"})),
            "error: parameter 'num_ctx' must be a whole number, not '4.5'");
  EXPECT_EQ(Json(ParameterJson("top_p", {"much"})),
            "error: parameter 'top_p' must be a number, not 'much'");
  EXPECT_EQ(Json(ParameterJson("top_p", {"nan"})),
            "error: parameter 'top_p' must be a number, not 'nan'");
  EXPECT_EQ(Json(ParameterJson("use_mmap", {"1"})),
            "error: parameter 'use_mmap' must be true or false, not '1'");
  EXPECT_EQ(Json(ParameterJson("seed", {"1", "2"})), "error: parameter 'seed' takes one value");
  EXPECT_EQ(Json(ParameterJson("temprature", {"1"})),
            "error: there is no parameter 'temprature'; did you mean 'temperature'?");
}

TEST(ChatOptions, KeepAliveIsSecondsOrADuration) {
  EXPECT_EQ(Json(KeepAliveJson("300")), "300");
  EXPECT_EQ(Json(KeepAliveJson("-1")), "-1");
  EXPECT_EQ(Json(KeepAliveJson("1h30m")), R"("1h30m")");
  EXPECT_EQ(Json(KeepAliveJson("-1m")), R"("-1m")");
  EXPECT_EQ(Json(KeepAliveJson("1.5h200ms")), R"("1.5h200ms")");
  for (const char* bad : {"", "m", "5 minutes", "1h30", "5x", "1..5h", "."}) {
    const Result<std::string> made = KeepAliveJson(bad);
    ASSERT_FALSE(made.ok()) << bad;
    EXPECT_EQ(ExitCodeOf(made.error()), kExitUsage);
  }
}

TEST(ChatOptions, ThinkingIsOnOffOrALevel) {
  EXPECT_EQ(Json(ThinkJson("true")), "true");
  EXPECT_EQ(Json(ThinkJson("false")), "false");
  EXPECT_EQ(Json(ThinkJson("high")), R"("high")");
  EXPECT_FALSE(ThinkJson("hard").ok());
}

TEST(ChatOptions, AFormatIsAWordASchemaOrAFileWithOne) {
  EXPECT_EQ(Json(FormatJson("json")), R"("json")");
  EXPECT_EQ(Json(FormatJson(R"( {"type": "object"} )")), R"({"type": "object"})");
  std::string path = ::testing::TempDir() + "tidegate_format_XXXXXX";
  const int fd = ::mkstemp(path.data());
  ASSERT_GE(fd, 0);
  ::close(fd);
  std::ofstream(path) << "\xEF\xBB\xBF{\"type\":\"array\"}\n";
  EXPECT_EQ(Json(FormatJson(path)), R"({"type":"array"})");
  std::ofstream(path) << "[1]";
  EXPECT_EQ(ExitCodeOf(FormatJson(path).error()), kExitUsage);
  ::unlink(path.c_str());
  EXPECT_EQ(ExitCodeOf(FormatJson(path).error()), kExitNoInput);
  EXPECT_EQ(ExitCodeOf(FormatJson("{\"type\":").error()), kExitUsage);
}

TEST(ChatOptions, QuotesHoldWordsTogether) {
  EXPECT_EQ(SplitWords("  /set  parameter stop \"a b\" c\"\"d \"\""),
            (std::vector<std::string>{"/set", "parameter", "stop", "a b", "cd", ""}));
  EXPECT_TRUE(SplitWords(" \t ").empty());
}

}  // namespace
}  // namespace tidegate::cli
