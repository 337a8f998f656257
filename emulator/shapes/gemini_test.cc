#include <string>
#include <string_view>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "emulator/fixture_for_tests.h"

namespace tidegate::emulator {
namespace {

constexpr std::string_view kAsk = R"("contents":[{"role":"user","parts":[{"text":"hello"}]}])";
constexpr std::string_view kThinks =
    R"("generationConfig":{"thinkingConfig":{"includeThoughts":true,"thinkingBudget":128}})";
constexpr std::string_view kTools = R"("tools":[{"functionDeclarations":[{"name":"weather"}]}])";

class GeminiTest : public EmulatorFixture {
 protected:
  void SetUp() override {
    Model strict = FastModel("strict");
    strict.quirks.thought_signatures_required = true;
    Model keyed = FastModel("keyed");
    keyed.api_key = Secret("right");
    Start({FastModel("fast"), std::move(strict), std::move(keyed)});
  }
  RawAnswer Call(std::string_view method, std::string_view members, std::string_view model = "fast",
                 std::string_view faults = "") {
    return Send("POST", fmt::format("/v1beta/models/{}:{}", model, method),
                fmt::format("x-emulate: {}\r\n", faults), fmt::format("{{{}}}", members));
  }
  static std::string Message(const RawAnswer& answer) {
    return FindText(answer.body(), {"error", "message"});
  }
};

TEST_F(GeminiTest, AnAnswerHasItsCandidatesUsageAndVersion) {
  const RawAnswer answer = Call("generateContent", kAsk);
  EXPECT_EQ(FindText(answer.body(), {"candidates", "0", "finishReason"}), "STOP");
  EXPECT_EQ(FindText(answer.body(), {"candidates", "0", "content", "role"}), "model");
  EXPECT_EQ(Find(answer.body(), {"usageMetadata", "promptTokenCount"}), "9");
  EXPECT_EQ(FindText(answer.body(), {"modelVersion"}), "fast");
  EXPECT_TRUE(FindText(answer.body(), {"responseId"}).starts_with("emulated"));
}

TEST_F(GeminiTest, AStreamWithoutEventsIsOneJsonArray) {
  const RawAnswer answer = Call("streamGenerateContent", kAsk);
  EXPECT_NE(answer.head().find("content-type: application/json"), std::string::npos);
  const std::string stream = Stream(answer);
  EXPECT_TRUE(IsJson(stream)) << stream;
  EXPECT_TRUE(stream.starts_with("[{")) << stream;
  EXPECT_EQ(Count(stream, "\"finishReason\":\"STOP\""), 1U);
  EXPECT_FALSE(IsJson(Stream(Call("streamGenerateContent", kAsk, "fast", "no_done"))));
  EXPECT_TRUE(IsJson(Stream(Call("streamGenerateContent", kAsk, "fast", "error_after=2"))));
}

TEST_F(GeminiTest, ThoughtsAreMarkedAndCountedByThemselves) {
  const RawAnswer answer = Call("generateContent", fmt::format("{},{}", kAsk, kThinks));
  EXPECT_EQ(Find(answer.body(), {"candidates", "0", "content", "parts", "0", "thought"}), "true");
  EXPECT_EQ(Find(answer.body(), {"usageMetadata", "thoughtsTokenCount"}), "24");
  const std::string content = Find(answer.body(), {"candidates", "0", "content"});
  const auto turn = [&](std::string_view back) {
    return fmt::format(R"("contents":[{{"role":"user","parts":[{{"text":"hello"}}]}},{},)"
                       R"({{"role":"user","parts":[{{"text":"and?"}}]}}])",
                       back);
  };
  EXPECT_EQ(Status(Call("generateContent", turn(content))), 200);
  std::string altered = content;
  altered[altered.find("thoughtSignature") + 25] ^= 1;
  EXPECT_EQ(Message(Call("generateContent", turn(altered))), "Corrupted thought signature.");
}

TEST_F(GeminiTest, ACallsSignatureIsVerifiedAndMayBeRequired) {
  const RawAnswer answer =
      Call("generateContent",
           fmt::format(R"({},{},"toolConfig":{{"functionCallingConfig":{{"mode":"ANY"}}}})", kAsk,
                       kTools),
           "strict");
  const std::string part = Find(answer.body(), {"candidates", "0", "content", "parts", "0"});
  const auto turn = [&](std::string_view call) {
    return fmt::format(
        R"({},"contents":[{{"role":"user","parts":[{{"text":"hello"}}]}},)"
        R"({{"role":"model","parts":[{}]}},{{"role":"user","parts":[{{"functionResponse":)"
        R"({{"name":"weather","response":{{"sky":"clear"}}}}}}]}}])",
        kTools, call);
  };
  const RawAnswer right = Call("generateContent", turn(part), "strict");
  EXPECT_EQ(Status(right), 200) << part << right.bytes;
  EXPECT_EQ(FindText(right.body(), {"candidates", "0", "content", "parts", "0", "text"}),
            "[emulated strict] Received 1 tool result of 15 bytes for weather.");
  const std::string_view bare = R"({"functionCall":{"name":"weather","args":{}}})";
  EXPECT_NE(Message(Call("generateContent", turn(bare), "strict")).find("thought_signature"),
            std::string::npos);
  EXPECT_EQ(Status(Call("generateContent", turn(bare))), 200);  // where nothing requires it
  std::string moved = part;
  moved.replace(moved.find("weather"), 7, "wealth");
  EXPECT_EQ(Status(Call("generateContent", turn(moved), "strict")), 400);
}

TEST_F(GeminiTest, CallsNeedTheirResponses) {
  const std::string members =
      fmt::format(R"({},"contents":[{{"role":"user","parts":[{{"text":"hello"}}]}},)"
                  R"({{"role":"model","parts":[{{"functionCall":{{"name":"weather"}}}}]}},)"
                  R"({{"role":"user","parts":[{{"text":"well?"}}]}}])",
                  kTools);
  EXPECT_NE(Message(Call("generateContent", members)).find("number of function response parts"),
            std::string::npos);
}

TEST_F(GeminiTest, TheKeyMayStandInTheQueryAndStaysOutOfTheJournal) {
  const std::string body = fmt::format("{{{}}}", kAsk);
  const std::string path = "/v1beta/models/keyed:generateContent";
  EXPECT_EQ(Status(Send("POST", path + "?key=right", "", body)), 200);
  const RawAnswer wrong = Send("POST", path + "?key=wrong-one", "", body);
  EXPECT_EQ(Status(wrong), 400);
  EXPECT_EQ(FindText(wrong.body(), {"error", "details", "0", "reason"}), "API_KEY_INVALID");
  EXPECT_EQ(Count(Send("GET", "/emulator/journal").body(), "wrong-one"), 0U);
}

TEST_F(GeminiTest, ErrorsAreGooglesOwn) {
  const RawAnswer unknown = Call("generateContent", fmt::format(R"({},"foo":1)", kAsk));
  EXPECT_EQ(FindText(unknown.body(), {"error", "status"}), "INVALID_ARGUMENT");
  EXPECT_NE(Message(unknown).find("Unknown name \"foo\""), std::string::npos);
  const RawAnswer limited = Call("generateContent", kAsk, "fast", "status=429,retry_after=9");
  EXPECT_EQ(FindText(limited.body(), {"error", "status"}), "RESOURCE_EXHAUSTED");
  EXPECT_EQ(Count(limited.body(), R"("retryDelay":"9s")"), 1U);
  EXPECT_EQ(Status(Call("generateContent", R"("contents":[])")), 400);
  // Both spellings of a field are one.
  EXPECT_EQ(FindText(Call("generateContent",
                          fmt::format(R"({},"generation_config":{{"max_output_tokens":2}})", kAsk))
                         .body(),
                     {"candidates", "0", "finishReason"}),
            "MAX_TOKENS");
}

TEST_F(GeminiTest, TokensAreCountedAndTextsEmbedded) {
  EXPECT_EQ(Find(Call("countTokens", kAsk).body(), {"totalTokens"}), "9");
  const RawAnswer one =
      Call("embedContent", R"("content":{"parts":[{"text":"hello"}]},"outputDimensionality":4)");
  EXPECT_EQ(Count(Find(one.body(), {"embedding", "values"}), ","), 3U) << one.body();
  const RawAnswer two = Call(
      "batchEmbedContents",
      R"("requests":[{"content":{"parts":[{"text":"a"}]}},{"content":{"parts":[{"text":"b"}]}}])");
  EXPECT_EQ(Count(two.body(), "\"values\""), 2U) << two.body();
  EXPECT_EQ(FindText(Send("GET", "/v1beta/models").body(), {"models", "0", "name"}), "models/fast");
}

}  // namespace
}  // namespace tidegate::emulator
