#include <string>
#include <string_view>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "emulator/fixture_for_tests.h"

namespace tidegate::emulator {
namespace {

class OllamaTest : public EmulatorFixture {
 protected:
  void SetUp() override {
    Model cloud = FastModel("big-cloud");
    cloud.quirks.remote_host = "https://ollama.com:443";
    Start({FastModel("fast"), std::move(cloud)});
  }
  RawAnswer Post(std::string_view path, std::string_view members) {
    return Send("POST", path, "", fmt::format("{{{}}}", members));
  }
};

constexpr std::string_view kAsk =
    R"("model":"fast:latest","messages":[{"role":"user","content":"hello"}])";

TEST_F(OllamaTest, AStreamIsLinesOfJsonOfWhichTheLastHasTheNumbers) {
  const std::string stream = Stream(Post("/api/chat", kAsk));
  std::string_view left = stream;
  std::string last;
  std::size_t lines = 0;
  for (; !left.empty(); ++lines) {
    const std::size_t end = left.find('\n');
    ASSERT_NE(end, std::string_view::npos);
    last = left.substr(0, end);
    EXPECT_TRUE(IsJson(last)) << last;
    left.remove_prefix(end + 1);
  }
  EXPECT_GT(lines, 2U);
  EXPECT_EQ(Find(last, {"done"}), "true");
  EXPECT_EQ(FindText(last, {"done_reason"}), "stop");
  EXPECT_EQ(Find(last, {"prompt_eval_count"}), "9");
  EXPECT_EQ(FindText(last, {"message", "content"}), "");
  EXPECT_GT(std::stoll(Find(last, {"total_duration"})), 0);
}

TEST_F(OllamaTest, ThinkingStandsApartAndArgumentsAreObjects) {
  const RawAnswer answer =
      Post("/api/chat",
           R"("model":"fast","stream":false,"think":true,"messages":[{"role":"user","content":)"
           R"("call the tool weather"}],"tools":[{"type":"function","function":{"name":"weather",)"
           R"("parameters":{"type":"object","properties":{"city":{"type":"string"}}}}}])");
  EXPECT_TRUE(FindText(answer.body(), {"message", "thinking"}).starts_with("[emulated fast]"));
  EXPECT_EQ(Find(answer.body(), {"message", "tool_calls", "0", "function", "arguments"}),
            R"({"city":"[emulated fast]"})");
  const RawAnswer text = Post(
      "/api/chat", R"("model":"fast","messages":[{"role":"assistant","tool_calls":[{"function":)"
                   R"({"name":"weather","arguments":"{}"}}]}])");
  EXPECT_EQ(Status(text), 400) << text.bytes;
}

TEST_F(OllamaTest, ATextIsGenerated) {
  const RawAnswer answer =
      Post("/api/generate",
           R"("model":"fast","prompt":"hello","stream":false,"options":{"num_predict":5})");
  EXPECT_TRUE(FindText(answer.body(), {"response"}).starts_with("[emulated fast]"));
  EXPECT_EQ(FindText(answer.body(), {"done_reason"}), "length");
  EXPECT_EQ(Find(answer.body(), {"eval_count"}), "5");
}

TEST_F(OllamaTest, WithoutAMessageAModelIsLoadedOrUnloaded) {
  EXPECT_EQ(FindText(Post("/api/chat", R"("model":"fast")").body(), {"done_reason"}), "load");
  EXPECT_EQ(
      FindText(Post("/api/generate", R"("model":"fast","keep_alive":0)").body(), {"done_reason"}),
      "unload");
  EXPECT_EQ(Find(Bill(), {"nanodollars"}), "0");
}

TEST_F(OllamaTest, ACloudModelNamesItsHost) {
  const RawAnswer answer =
      Post("/api/chat",
           R"("model":"big-cloud","stream":false,"messages":[{"role":"user","content":"hi"}])");
  EXPECT_EQ(FindText(answer.body(), {"remote_host"}), "https://ollama.com:443");
  const std::string tags = Send("GET", "/api/tags").body();
  EXPECT_EQ(FindText(tags, {"models", "0", "name"}), "fast:latest");
  EXPECT_EQ(FindText(tags, {"models", "1", "remote_host"}), "https://ollama.com:443");
  EXPECT_EQ(Count(Send("GET", "/api/ps").body(), "big-cloud"), 0U);
  EXPECT_EQ(FindText(Post("/api/show", R"("model":"big-cloud")").body(), {"remote_host"}),
            "https://ollama.com:443");
}

TEST_F(OllamaTest, TextsAreEmbeddedAndTheVersionIsTold) {
  const RawAnswer answer = Post("/api/embed", R"("model":"fast","input":["a","b"],"dimensions":3)");
  EXPECT_EQ(Count(Find(answer.body(), {"embeddings", "1"}), ","), 2U) << answer.body();
  EXPECT_EQ(FindText(Send("GET", "/api/version").body(), {"version"}), "0.12.6");
  EXPECT_EQ(FindText(Post("/api/show", R"("model":"nobody")").body(), {"error"}),
            "model 'nobody' not found");
}

}  // namespace
}  // namespace tidegate::emulator
