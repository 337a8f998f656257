#include <string>
#include <string_view>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "emulator/fixture_for_tests.h"

namespace tidegate::emulator {
namespace {

constexpr std::string_view kPath = "/v1/responses";
constexpr std::string_view kThinks =
    R"("reasoning":{"effort":"low","summary":"auto"},"include":["reasoning.encrypted_content"])";

class ResponsesTest : public EmulatorFixture {
 protected:
  void SetUp() override {
    Model keyed = FastModel("keyed");
    keyed.api_key = Secret("sk-right");
    Start({FastModel("fast"), std::move(keyed)});
  }
  RawAnswer Ask(std::string_view input, std::string_view more = R"("store":true)",
                std::string_view faults = "") {
    return Send("POST", kPath, fmt::format("x-emulate: {}\r\n", faults),
                fmt::format(R"({{"model":"fast","input":{},{}}})", input, more));
  }
  static std::string Code(const RawAnswer& answer) {
    return FindText(answer.body(), {"error", "code"});
  }
  static std::string Message(const RawAnswer& answer) {
    return FindText(answer.body(), {"error", "message"});
  }
};

TEST_F(ResponsesTest, AResponseHasItsItemsAndRepeatsItsRequest) {
  const RawAnswer answer =
      Ask(R"("hello")", R"("metadata":{"k":"v"},"instructions":"be brief","max_output_tokens":16)");
  EXPECT_EQ(FindText(answer.body(), {"object"}), "response");
  EXPECT_EQ(FindText(answer.body(), {"status"}), "incomplete");
  EXPECT_EQ(FindText(answer.body(), {"incomplete_details", "reason"}), "max_output_tokens");
  EXPECT_EQ(FindText(answer.body(), {"output", "0", "content", "0", "type"}), "output_text");
  EXPECT_EQ(Find(answer.body(), {"metadata"}), R"({"k":"v"})");
  EXPECT_EQ(FindText(answer.body(), {"instructions"}), "be brief");
  EXPECT_EQ(Find(answer.body(), {"usage", "output_tokens"}), "16");
}

TEST_F(ResponsesTest, EventsAreNumberedWithoutAGap) {
  const std::string stream = Stream(Ask(R"("hello")", fmt::format(R"({},"stream":true)", kThinks)));
  const std::size_t events = Count(stream, "event: ");
  for (std::size_t i = 0; i < events; ++i) {
    EXPECT_EQ(Count(stream, fmt::format(R"("sequence_number":{},)", i)), 1U) << i << "\n" << stream;
  }
  std::size_t at = 0;
  for (const std::string_view type :
       {"response.created", "response.in_progress", "response.output_item.added",
        "response.reasoning_summary_part.added", "response.reasoning_summary_text.delta",
        "response.reasoning_summary_text.done", "response.reasoning_summary_part.done",
        "response.output_item.done", "response.output_item.added", "response.content_part.added",
        "response.output_text.delta", "response.output_text.done", "response.content_part.done",
        "response.output_item.done", "response.completed"}) {
    at = stream.find(fmt::format("event: {}\n", type), at);
    ASSERT_NE(at, std::string::npos) << type << "\n" << stream;
  }
}

TEST_F(ResponsesTest, AFunctionCallStreamsItsArguments) {
  const std::string stream = Stream(
      Ask(R"("hello")",
          R"("stream":true,"tool_choice":"required","tools":[{"type":"function","name":"weather",)"
          R"("parameters":{"type":"object","properties":{"city":{"type":"string"}}}}])"));
  EXPECT_GE(Count(stream, "event: response.function_call_arguments.delta\n"), 1U) << stream;
  EXPECT_EQ(Count(stream, "event: response.function_call_arguments.done\n"), 1U);
  EXPECT_EQ(Count(stream, R"("arguments":"{\"city\":\"[emulated fast]\"}")"), 3U) << stream;
}

TEST_F(ResponsesTest, EncryptedReasoningIsTakenBackOnlyAsItWas) {
  const RawAnswer answer = Ask(R"("hello")", fmt::format(R"({},"store":false)", kThinks));
  const std::string reasoning = Find(answer.body(), {"output", "0"});
  const std::string message = Find(answer.body(), {"output", "1"});
  const auto input = [&](std::string_view first) {
    return fmt::format(
        R"([{{"role":"user","content":"hello"}},{},{},{{"role":"user","content":"and?"}}])", first,
        message);
  };
  EXPECT_EQ(Status(Ask(input(reasoning))), 200) << reasoning;
  std::string altered = reasoning;
  altered[altered.find("encrypted_content") + 30] ^= 1;
  EXPECT_EQ(Code(Ask(input(altered))), "invalid_encrypted_content");
  std::string renamed = reasoning;
  renamed.replace(renamed.find("\"rs_"), 4, "\"rs_x");
  EXPECT_EQ(Code(Ask(input(renamed))), "invalid_encrypted_content");
  const std::string id = FindText(reasoning, {"id"});
  const std::string bare = fmt::format(R"({{"type":"reasoning","id":"{}","summary":[]}})", id);
  EXPECT_EQ(Status(Ask(input(bare))), 404);  // it was not stored
  EXPECT_NE(Message(Ask("[" + reasoning + "]")).find("without its required following item"),
            std::string::npos);
}

TEST_F(ResponsesTest, AStoredResponseCanBeReadGoneOnFromAndDeleted) {
  const RawAnswer first = Ask(R"("hello")");
  const std::string id = FindText(first.body(), {"id"});
  const std::string path = fmt::format("{}/{}", kPath, id);
  EXPECT_EQ(Send("GET", path).body(), first.body());
  const std::string items = Send("GET", path + "/input_items").body();
  EXPECT_EQ(FindText(items, {"data", "0", "content", "0", "text"}), "hello");
  const RawAnswer second = Ask(R"("and?")", fmt::format(R"("previous_response_id":"{}")", id));
  EXPECT_EQ(Status(second), 200);
  EXPECT_GT(std::stoi(Find(second.body(), {"usage", "input_tokens"})),
            std::stoi(Find(first.body(), {"usage", "output_tokens"})));
  EXPECT_EQ(Find(Send("DELETE", path).body(), {"deleted"}), "true");
  EXPECT_EQ(Status(Send("GET", path)), 404);
  EXPECT_EQ(Code(Ask(R"("and?")", fmt::format(R"("previous_response_id":"{}")", id))),
            "previous_response_not_found");
}

TEST_F(ResponsesTest, WhatIsNotToBeStoredOrFailedIsNotThere) {
  for (const auto& [more, faults] :
       {std::pair{R"("store":false)", ""}, std::pair{R"("stream":true)", "error_after=2"}}) {
    const std::string answer = Ask(R"("hello")", more, faults).bytes;
    const std::size_t at = answer.find("resp_");
    const std::string id = answer.substr(at, answer.find('"', at) - at);
    EXPECT_EQ(Status(Send("GET", fmt::format("{}/{}", kPath, id))), 404) << id;
  }
}

TEST_F(ResponsesTest, AStoredResponseIsReadOnlyWithItsModelsKey) {
  const std::string key = "authorization: Bearer sk-right\r\n";
  const RawAnswer answer = Send("POST", kPath, key, R"({"model":"keyed","input":"hello"})");
  const std::string path = fmt::format("{}/{}", kPath, FindText(answer.body(), {"id"}));
  EXPECT_EQ(Status(Send("GET", path)), 401);
  EXPECT_EQ(Status(Send("GET", path, key)), 200);
}

TEST_F(ResponsesTest, CallsAndOutputsMustMatch) {
  const std::string call =
      R"({"type":"function_call","call_id":"call_1","name":"weather","arguments":"{}"})";
  const std::string output =
      R"({"type":"function_call_output","call_id":"call_1","output":"sunny"})";
  EXPECT_EQ(Status(Ask(fmt::format("[{},{}]", call, output))), 200);
  EXPECT_EQ(Message(Ask(fmt::format("[{}]", call))),
            "No tool output found for function call call_1.");
  EXPECT_EQ(Message(Ask(fmt::format("[{}]", output))),
            "No tool call found for function call output with call_id call_1.");
  EXPECT_EQ(Code(Ask(R"("hello")", R"("foo":1)")), "unknown_parameter");
  EXPECT_EQ(Status(Ask(R"("hello")", R"("background":true)")), 400);
}

}  // namespace
}  // namespace tidegate::emulator
