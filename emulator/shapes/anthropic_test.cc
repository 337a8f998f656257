#include <string>
#include <string_view>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "emulator/fixture_for_tests.h"

namespace tidegate::emulator {
namespace {

constexpr std::string_view kMessages = "/v1/messages";
constexpr std::string_view kVersion = "anthropic-version: 2023-06-01\r\n";
constexpr std::string_view kThinking = R"("thinking":{"type":"enabled","budget_tokens":1024})";
constexpr std::string_view kTools =
    R"("tools":[{"name":"weather","input_schema":{"type":"object"}}])";

class AnthropicTest : public EmulatorFixture {
 protected:
  void SetUp() override {
    Model caching = FastModel("caching");
    caching.cache_tokens_min = 1;
    caching.cache_write_price = Price{7'000'000'000};
    Model small = FastModel("small");
    small.context_tokens_max = 9;
    Start({FastModel("fast"), std::move(caching), std::move(small)});
  }
  RawAnswer Ask(std::string_view messages, std::string_view more = R"("top_k":5)",
                std::string_view faults = "", std::string_view model = "fast") {
    return Send("POST", kMessages, fmt::format("{}x-emulate: {}\r\n", kVersion, faults),
                fmt::format(R"({{"model":"{}","max_tokens":2000,"messages":[{}],{}}})", model,
                            messages, more));
  }
  static std::string User(std::string_view text) {
    return fmt::format(R"({{"role":"user","content":"{}"}})", text);
  }
  static std::string Message(const RawAnswer& answer) {
    return FindText(answer.body(), {"error", "message"});
  }
};

TEST_F(AnthropicTest, AStreamHasItsEventsInTheirOrder) {
  const std::string stream = Stream(Ask(User("hi"), R"("stream":true)", "tokens=3"));
  std::string events;
  for (std::size_t at = stream.find("event: "); at != std::string::npos;
       at = stream.find("event: ", at + 1)) {
    events += stream.substr(at + 7, stream.find('\n', at) - at - 7) + " ";
  }
  EXPECT_EQ(events,
            "message_start content_block_start ping content_block_delta content_block_stop "
            "message_delta message_stop ");
  EXPECT_EQ(Count(stream, R"("usage":{"input_tokens":8,)"), 2U) << stream;
  EXPECT_EQ(Count(stream, R"("delta":{"stop_reason":"end_turn","stop_sequence":null})"), 1U);
}

TEST_F(AnthropicTest, AThoughtIsTakenBackWithItsSignature) {
  const RawAnswer answer = Ask(User("hi"), kThinking);
  EXPECT_EQ(FindText(answer.body(), {"content", "0", "type"}), "thinking");
  const std::string content = Find(answer.body(), {"content"});
  const auto turn = [&](std::string_view blocks, std::string_view asked = "hi") {
    return fmt::format(R"({},{{"role":"assistant","content":{}}},{})", User(asked), blocks,
                       User("and?"));
  };
  EXPECT_EQ(Status(Ask(turn(content), kThinking)), 200);
  std::string altered = content;
  altered.replace(altered.find("The "), 4, "A ");
  EXPECT_EQ(Message(Ask(turn(altered), kThinking)),
            "messages.1.content.0: Invalid `signature` in `thinking` block");
  EXPECT_EQ(Status(Ask(turn(content, "another question"), kThinking)), 400);  // moved
  const std::string text = Find(answer.body(), {"content", "1"});
  const std::string thought = Find(answer.body(), {"content", "0"});
  EXPECT_EQ(Status(Ask(turn(fmt::format("[{},{}]", text, thought)), kThinking)), 400);
  EXPECT_EQ(Message(Ask(turn(R"([{"type":"thinking","thinking":"hm"},{"type":"text","text":"x"}])"),
                        kThinking)),
            "messages.1.content.0.signature: is required");
  EXPECT_EQ(Status(Ask(fmt::format(R"({{"role":"user","content":[{}]}})", thought))), 400);
}

TEST_F(AnthropicTest, AStreamedThoughtHasTheSignatureOfTheWholeOne) {
  const std::string signature =
      FindText(Ask(User("hi"), kThinking).body(), {"content", "0", "signature"});
  const std::string stream = Stream(Ask(User("hi"), fmt::format(R"({},"stream":true)", kThinking)));
  EXPECT_EQ(Count(stream, fmt::format(R"("type":"signature_delta","signature":"{}")", signature)),
            1U)
      << stream;
  EXPECT_LT(stream.find("thinking_delta"), stream.find("signature_delta"));
  EXPECT_LT(stream.find("signature_delta"), stream.find("text_delta"));
}

TEST_F(AnthropicTest, ARedactedThoughtIsTakenBackAsItIs) {
  const RawAnswer answer = Ask(User("hi"), kThinking, "redacted_thinking");
  EXPECT_EQ(FindText(answer.body(), {"content", "0", "type"}), "redacted_thinking");
  const std::string stream =
      Stream(Ask(User("hi"), fmt::format(R"({},"stream":true)", kThinking), "redacted_thinking"));
  EXPECT_EQ(Count(stream, FindText(answer.body(), {"content", "0", "data"})), 1U);
  EXPECT_EQ(Count(stream, "thinking_delta"), 0U);
  const std::string turn = fmt::format(R"({},{{"role":"assistant","content":{}}},{})", User("hi"),
                                       Find(answer.body(), {"content"}), User("and?"));
  EXPECT_EQ(Status(Ask(turn, kThinking)), 200);
  std::string altered = turn;
  altered[altered.find("\"data\":\"") + 20] ^= 1;
  EXPECT_EQ(Status(Ask(altered, kThinking)), 400);
}

TEST_F(AnthropicTest, EveryToolUseNeedsItsResultRightAfter) {
  const std::string call =
      R"({"role":"user","content":"hi"},{"role":"assistant","content":[{"type":"tool_use",)"
      R"("id":"toolu_1","name":"weather","input":{}}]})";
  const auto result = [&](std::string_view id) {
    return fmt::format(R"({{"role":"user","content":[{{"type":"tool_result","tool_use_id":"{}",)"
                       R"("content":"sunny"}}]}})",
                       id);
  };
  const RawAnswer right = Ask(call + "," + result("toolu_1"), kTools);
  EXPECT_EQ(FindText(right.body(), {"content", "0", "text"}),
            "[emulated fast] Received 1 tool result of 5 bytes for toolu_1.");
  EXPECT_NE(Message(Ask(call + "," + User("well?"), kTools))
                .find("`tool_use` ids were found without `tool_result` blocks immediately after: "
                      "toolu_1."),
            std::string::npos);
  EXPECT_NE(Message(Ask(call + "," + result("toolu_2"), kTools)).find("unexpected `tool_use_id`"),
            std::string::npos);
  EXPECT_NE(Message(Ask(call, kTools)).find("without `tool_result`"), std::string::npos);
  // When thinking is on, the turn that is answered must begin with a thought.
  EXPECT_NE(Message(Ask(call + "," + result("toolu_1"), fmt::format("{},{}", kTools, kThinking)))
                .find("must start with a thinking block"),
            std::string::npos);
}

TEST_F(AnthropicTest, CachesAreWrittenAndReadWhereTheCallerMarksThem) {
  const std::string marked = R"("system":[{"type":"text","text":"a long system prompt",)"
                             R"("cache_control":{"type":"ephemeral","ttl":"1h"}}])";
  const RawAnswer first = Ask(User("hi"), marked, "", "caching");
  EXPECT_EQ(Find(first.body(), {"usage", "cache_creation_input_tokens"}), "12");  // 3 + 4 + 5
  EXPECT_EQ(Find(first.body(), {"usage", "cache_creation", "ephemeral_1h_input_tokens"}), "12");
  EXPECT_EQ(Find(first.body(), {"usage", "cache_read_input_tokens"}), "0");
  EXPECT_EQ(Find(first.body(), {"usage", "input_tokens"}), "5");
  const RawAnswer second = Ask(User("ho"), marked, "", "caching");
  EXPECT_EQ(Find(second.body(), {"usage", "cache_creation_input_tokens"}), "0");
  EXPECT_EQ(Find(second.body(), {"usage", "cache_read_input_tokens"}), "12");
  const RawAnswer unmarked = Ask(User("hi"), R"("system":"a long system prompt")", "", "caching");
  EXPECT_EQ(Find(unmarked.body(), {"usage", "cache_read_input_tokens"}), "0");
  EXPECT_EQ(Find(Bill(), {"models", "caching", "cache_written_tokens"}), "12");
}

TEST_F(AnthropicTest, TheLimitsOfTheProtocolAreKept) {
  EXPECT_EQ(Status(Send("POST", kMessages, "", R"({"model":"fast"})")), 400);  // no version
  EXPECT_EQ(Message(Ask(User("hi"), R"("foo":1)")), "foo: Extra inputs are not permitted");
  EXPECT_EQ(Message(Ask(User("hi"), R"("thinking":{"type":"enabled","budget_tokens":2000})")),
            "max_tokens: `max_tokens` must be greater than `thinking.budget_tokens`.");
  EXPECT_EQ(Message(Ask(User("hi"), fmt::format(R"({},"temperature":0.5)", kThinking))),
            "temperature: `temperature` may only be set to 1 when thinking is enabled");
  EXPECT_EQ(Message(Ask(User("hello there"), R"("top_k":5)", "", "small")),
            "messages: prompt is too long: 10 tokens > 9 maximum");
  const RawAnswer overloaded = Ask(User("hi"), R"("top_k":5)", "status=529");
  EXPECT_EQ(FindText(overloaded.body(), {"error", "type"}), "overloaded_error");
  EXPECT_NE(overloaded.head().find("\r\nrequest-id: req_"), std::string::npos);
}

TEST_F(AnthropicTest, TheStrictVersionTakesLess) {
  const auto ask = [&](std::string_view version, std::string_view content, std::string_view more) {
    return Status(Send(
        "POST", kMessages, fmt::format("anthropic-version: {}\r\n", version),
        fmt::format(R"({{"model":"fast","max_tokens":50,"messages":[{}]{}}})", content, more)));
  };
  const std::string cited =
      R"({"role":"user","content":[{"type":"text","text":"a","citations":[{}]}]})";
  const std::string document = User("a") + R"(,{"role":"assistant","content":)" +
                               R"([{"type":"document","source":{}}]},)" + User("b");
  for (const auto& [content, more] :
       {std::pair<std::string, std::string>{User("a"), R"(,"temperature":1)"},
        {User("a"), R"(,"top_p":0.5)"},
        {cited, ""},
        {document, ""}}) {
    EXPECT_EQ(ask("2023-06-01", content, more), 200) << content << more;
    EXPECT_EQ(ask("2026-10-21", content, more), 400) << content << more;
  }
  EXPECT_EQ(ask("2026-10-21", User("a"), ""), 200);
  EXPECT_EQ(ask("2026-10-22", User("a"), ""), 400);  // no such version
}

TEST_F(AnthropicTest, SystemMessagesMayStandBetweenTheOthers) {
  EXPECT_EQ(Status(Ask(User("hi") + R"(,{"role":"system","content":"be brief"})")), 200);
}

TEST_F(AnthropicTest, TokensAreCountedWithoutAnAnswerOrABill) {
  const std::string_view path = "/v1/messages/count_tokens";
  const RawAnswer counted =
      Send("POST", path, kVersion,
           R"({"model":"fast","messages":[{"role":"user","content":"12345678"}]})");
  EXPECT_EQ(counted.body(), R"({"input_tokens":9})");
  EXPECT_EQ(Find(Bill(), {"nanodollars"}), "0");
  EXPECT_EQ(
      Status(Send("POST", path, kVersion, R"({"model":"fast","max_tokens":5,"messages":[]})")),
      400);
}

TEST_F(AnthropicTest, AStopSequenceIsNamed) {
  const RawAnswer answer = Ask(User("hi"), R"("stop_sequences":["."])");
  EXPECT_EQ(FindText(answer.body(), {"stop_reason"}), "stop_sequence");
  EXPECT_EQ(FindText(answer.body(), {"stop_sequence"}), ".");
}

TEST_F(AnthropicTest, ModelsAreListedInItsOwnShape) {
  const std::string list = Send("GET", "/v1/models", kVersion).body();
  EXPECT_EQ(FindText(list, {"data", "0", "type"}), "model");
  EXPECT_EQ(FindText(Send("GET", "/v1/models/small", kVersion).body(), {"id"}), "small");
  EXPECT_EQ(Status(Send("GET", "/v1/models/nobody", kVersion)), 404);
}

}  // namespace
}  // namespace tidegate::emulator
