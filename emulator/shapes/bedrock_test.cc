#include <string>
#include <string_view>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "emulator/fixture_for_tests.h"
#include "protocols/aws_event_stream/message.h"
#include "protocols/aws_event_stream/splitter.h"
#include "protocols/aws_sigv4/signer.h"

namespace tidegate::emulator {
namespace {

namespace stream = protocols::aws_event_stream;
namespace sigv4 = protocols::aws_sigv4;

constexpr std::string_view kBody = R"({"messages":[{"role":"user","content":[{"text":"hello"}]}]})";
constexpr std::string_view kThinks =
    R"("additionalModelRequestFields":{"thinking":{"type":"enabled","budget_tokens":1024}})";

class BedrockTest : public EmulatorFixture {
 protected:
  void SetUp() override {
    Model aws = FastModel("vendor.model-v1:0");
    aws.aws_access_key_id = "AKIDEXAMPLE";
    aws.aws_secret_access_key = Secret("wJalrXUtnFEMI");
    Model caching = FastModel("caching");
    caching.cache_tokens_min = 1;
    Start({FastModel("fast"), std::move(aws), std::move(caching)});
  }
  RawAnswer Converse(std::string_view members, std::string_view faults = "",
                     std::string_view model = "fast", std::string_view verb = "converse") {
    return Send("POST", fmt::format("/model/{}/{}", model, verb),
                fmt::format("x-emulate: {}\r\n", faults), fmt::format("{{{}}}", members));
  }
  // ":event-type payload" of each message, one a line.
  static std::string Events(const RawAnswer& answer) {
    const std::string bytes = Stream(answer);
    stream::Splitter splitter;
    std::vector<std::string_view> frames;
    EXPECT_TRUE(splitter.Feed(bytes, frames).ok());
    std::vector<stream::Header> headers;
    std::string events;
    for (const std::string_view frame : frames) {
      const Result<stream::Message> message = stream::ParseMessage(frame, headers);
      EXPECT_TRUE(message.ok());
      events +=
          fmt::format("{} {}{} {}\n", message->Text(":message-type"), message->Text(":event-type"),
                      message->Text(":exception-type"), message->payload);
    }
    return events;
  }
  RawAnswer Signed(std::string_view secret, std::string_view sent_body) {
    const std::string_view path = "/model/vendor.model-v1%3A0/converse";
    const auto signer = sigv4::Signer::Make({"AKIDEXAMPLE", Secret(std::string(secret)), Secret()},
                                            "us-east-1", "bedrock");
    EXPECT_TRUE(signer.ok());
    const sigv4::HeaderField fields[] = {{"host", "localhost"}};
    const std::string_view body[] = {kBody};
    sigv4::SigningKeys keys;
    const Secret lines =
        signer->Sign({"POST", path, "", fields, body}, SystemClock().WallNanos(), keys);
    return Send("POST", path, lines.Reveal(), sent_body);
  }
};

constexpr std::string_view kAsk = R"("messages":[{"role":"user","content":[{"text":"hello"}]}])";

TEST_F(BedrockTest, AStreamIsMessagesOfTheBinaryFraming) {
  const std::string events = Events(Converse(kAsk, "tokens=3", "fast", "converse-stream"));
  EXPECT_TRUE(
      events.starts_with("event messageStart {\"role\":\"assistant\"}\n"
                         "event contentBlockDelta {\"contentBlockIndex\":0,\"delta\":"
                         "{\"text\":\"[emulated fast]"))
      << events;
  EXPECT_NE(events.find("event contentBlockStop {\"contentBlockIndex\":0}\n"
                        "event messageStop {\"stopReason\":\"end_turn\"}\n"
                        "event metadata {\"usage\":{\"inputTokens\":9,\"outputTokens\":3,"),
            std::string::npos)
      << events;
}

TEST_F(BedrockTest, AFailureInAStreamIsAnExceptionMessage) {
  EXPECT_NE(Events(Converse(kAsk, "error_after=2", "fast", "converse-stream"))
                .find("exception modelStreamErrorException {\"message\":\"[emulated]"),
            std::string::npos);
}

TEST_F(BedrockTest, TokensAreCountedWithoutAnAnswerOrABill) {
  const std::string counted = fmt::format(R"("input":{{"converse":{{{}}}}})", kAsk);
  EXPECT_EQ(Converse(counted, "", "fast", "count-tokens").body(), R"({"inputTokens":9})");
  EXPECT_EQ(Find(Bill(), {"nanodollars"}), "0");
  const std::string more =
      fmt::format(R"("input":{{"converse":{{{},"inferenceConfig":{{}}}}}})", kAsk);
  EXPECT_EQ(Status(Converse(more, "", "fast", "count-tokens")), 400);
}

TEST_F(BedrockTest, ASignatureIsVerified) {
  EXPECT_EQ(Status(Signed("wJalrXUtnFEMI", kBody)), 200);
  const RawAnswer wrong = Signed("another", kBody);
  EXPECT_EQ(Status(wrong), 403);
  EXPECT_NE(wrong.head().find("x-amzn-errortype: InvalidSignatureException\r\n"),
            std::string::npos);
  std::string other(kBody);
  other.replace(other.find("hello"), 5, "howdy");
  EXPECT_EQ(Status(Signed("wJalrXUtnFEMI", other)), 403);
  EXPECT_EQ(Status(Send("POST", "/model/vendor.model-v1%3A0/converse", "", kBody)), 403);
}

TEST_F(BedrockTest, ExceptionsHaveTheirNameInTheHead) {
  for (const auto& [status, name] :
       {std::pair{429, "ThrottlingException"}, std::pair{400, "ValidationException"},
        std::pair{503, "ServiceUnavailableException"}, std::pair{500, "InternalServerException"},
        std::pair{408, "ModelTimeoutException"}}) {
    const RawAnswer answer = Converse(kAsk, fmt::format("status={}", status));
    EXPECT_NE(answer.head().find(fmt::format("x-amzn-errortype: {}\r\n", name)), std::string::npos)
        << answer.head();
  }
}

TEST_F(BedrockTest, AThoughtIsTakenBackWithItsSignature) {
  const RawAnswer answer = Converse(fmt::format("{},{}", kAsk, kThinks));
  const std::string message = Find(answer.body(), {"output", "message"});
  const auto turn = [&](std::string_view back) {
    return fmt::format(R"("messages":[{{"role":"user","content":[{{"text":"hello"}}]}},{},)"
                       R"({{"role":"user","content":[{{"text":"and?"}}]}}])",
                       back);
  };
  EXPECT_EQ(Status(Converse(turn(message))), 200) << message;
  std::string altered = message;
  altered.replace(altered.find("The "), 4, "A ");
  EXPECT_EQ(Status(Converse(turn(altered))), 400);
  const std::string events =
      Events(Converse(fmt::format("{},{}", kAsk, kThinks), "", "fast", "converse-stream"));
  EXPECT_EQ(Count(events, FindText(message, {"content", "0", "reasoningContent", "reasoningText",
                                             "signature"})),
            1U)
      << events;
}

TEST_F(BedrockTest, ToolsNeedTheirResultsAndTheirConfiguration) {
  const std::string call =
      R"("messages":[{"role":"user","content":[{"text":"hi"}]},{"role":"assistant","content":)"
      R"([{"toolUse":{"toolUseId":"t1","name":"weather","input":{}}}]},{"role":"user","content":)";
  const std::string tools =
      R"(,"toolConfig":{"tools":[{"toolSpec":{"name":"weather","inputSchema":{"json":{}}}}]})";
  const std::string result =
      R"([{"toolResult":{"toolUseId":"t1","content":[{"text":"sunny"}]}}]}])";
  const RawAnswer right = Converse(call + result + tools);
  EXPECT_EQ(FindText(right.body(), {"output", "message", "content", "0", "text"}),
            "[emulated fast] Received 1 tool result of 5 bytes for t1.");
  EXPECT_NE(Converse(call + result).body().find("toolConfig field must be defined"),
            std::string::npos);
  EXPECT_NE(Converse(call + R"([{"text":"well?"}]}])" + tools)
                .body()
                .find("Expected toolResult blocks for the following Ids: t1"),
            std::string::npos);
}

TEST_F(BedrockTest, CachePointsAreWrittenAndRead) {
  const std::string members = fmt::format(
      R"({},"system":[{{"text":"a long system prompt"}},{{"cachePoint":{{"type":"default"}}}}])",
      kAsk);
  EXPECT_EQ(Find(Converse(members, "", "caching").body(), {"usage", "cacheWriteInputTokens"}),
            "12");
  EXPECT_EQ(Find(Converse(members, "", "caching").body(), {"usage", "cacheReadInputTokens"}), "12");
}

}  // namespace
}  // namespace tidegate::emulator
