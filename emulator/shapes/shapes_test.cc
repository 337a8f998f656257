// What holds for every shape: it answers, streams, calls tools, refuses and fails in its own way.
#include <ostream>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "emulator/fixture_for_tests.h"

namespace tidegate::emulator {
namespace {

struct Case {
  std::string_view name;
  std::string_view whole_path, stream_path;  // {} = the model
  std::string_view whole_body, stream_body;  // {} = the model
  std::string_view bad_body;
  std::string_view tool_body;    // ends the body behind the last message
  std::string_view fields;       // header lines that are always there
  std::string_view key_field;    // name of the field and what stands before the key
  std::string_view done;         // once in a complete stream, at its end
  std::string_view malformed;    // what a malformed stream ends with
  std::string_view error;        // in the error of a broken stream
  std::string_view type;         // of a stream
  std::string_view tool;         // how a call of the tool begins
  std::string_view limit_field;  // in the head of an answer with a limit; empty = none
  int bad_status = 400, unauthorized = 401;
};

void PrintTo(const Case& shape, std::ostream* out) { *out << shape.name; }

constexpr std::string_view kVersion = "anthropic-version: 2023-06-01\r\n";

const Case kCases[] = {
    {"openai", "/v1/chat/completions", "/v1/chat/completions",
     R"({"model":"{}","messages":[{"role":"user","content":"hello"}])",
     R"({"model":"{}","stream":true,"messages":[{"role":"user","content":"hello"}])",
     R"({"model":"{}","messages":5})",
     R"(,"tool_choice":"required","tools":[{"type":"function","function":{"name":"weather",)"
     R"("parameters":{"type":"object","properties":{"city":{"type":"string"}}}}}])",
     "", "authorization: Bearer ", "[DONE]", "\"delta\":{\n\n", "\"error\":{", "text/event-stream",
     "\"name\":\"weather\"", "x-ratelimit-remaining-requests: 0"},
    {"anthropic", "/v1/messages", "/v1/messages",
     R"({"model":"{}","max_tokens":500,"messages":[{"role":"user","content":"hello"}])",
     R"({"model":"{}","max_tokens":500,"stream":true,"messages":[{"role":"user",)"
     R"("content":"hello"}])",
     R"({"model":"{}","messages":[{"role":"user","content":"hello"}]})",
     R"(,"tool_choice":{"type":"any"},"tools":[{"name":"weather","input_schema":)"
     R"({"type":"object","properties":{"city":{"type":"string"}}}}])",
     kVersion, "x-api-key: ", "event: message_stop", "\"delta\":{\n\n",
     "event: error\ndata: {\"type\":\"error\"", "text/event-stream", "\"name\":\"weather\"",
     "anthropic-ratelimit-requests-remaining: 0"},
    {"responses", "/v1/responses", "/v1/responses", R"({"model":"{}","input":"hello")",
     R"({"model":"{}","stream":true,"input":"hello")", R"({"model":"{}","input":5})",
     R"(,"tool_choice":"required","tools":[{"type":"function","name":"weather","parameters":)"
     R"({"type":"object","properties":{"city":{"type":"string"}}}}])",
     "", "authorization: Bearer ", "event: response.completed", "\"delta\n\n",
     "event: error\ndata: {\"type\":\"error\"", "text/event-stream",
     "\"name\":\"weather\",\"arguments\":", "x-ratelimit-remaining-requests: 0"},
    {"gemini", "/v1beta/models/{}:generateContent",
     "/v1beta/models/{}:streamGenerateContent?alt=sse",
     R"({"contents":[{"role":"user","parts":[{"text":"hello"}]}])",
     R"({"contents":[{"role":"user","parts":[{"text":"hello"}]}])", R"({"contents":5})",
     R"(,"toolConfig":{"functionCallingConfig":{"mode":"ANY"}},"tools":[{"functionDeclarations":)"
     R"([{"name":"weather","parameters":{"type":"OBJECT","properties":{"city":)"
     R"({"type":"STRING"}}}}]}])",
     "", "x-goog-api-key: ", "\"finishReason\":", "\"content\":{\r\n\r\n",
     "\"error\":{\"code\":503", "text/event-stream", "\"functionCall\":{\"name\":\"weather\"", "",
     400, 403},
    {"vertex", "/v1/projects/p/locations/l/publishers/google/models/{}:generateContent",
     "/v1/projects/p/locations/l/publishers/google/models/{}:streamGenerateContent?alt=sse",
     R"({"contents":[{"role":"user","parts":[{"text":"hello"}]}])",
     R"({"contents":[{"role":"user","parts":[{"text":"hello"}]}])", R"({"contents":5})",
     R"(,"toolConfig":{"functionCallingConfig":{"mode":"ANY"}},"tools":[{"functionDeclarations":)"
     R"([{"name":"weather","parameters":{"type":"OBJECT","properties":{"city":)"
     R"({"type":"STRING"}}}}]}])",
     "", "authorization: Bearer ", "\"finishReason\":", "\"content\":{\r\n\r\n",
     "\"error\":{\"code\":503", "text/event-stream", "\"functionCall\":{\"name\":\"weather\"", ""},
    {"ollama", "/api/chat", "/api/chat",
     R"({"model":"{}","stream":false,"messages":[{"role":"user","content":"hello"}])",
     R"({"model":"{}","messages":[{"role":"user","content":"hello"}])",
     R"({"model":"{}","messages":5})",
     R"(,"tools":[{"type":"function","function":{"name":"weather","parameters":)"
     R"({"type":"object","properties":{"city":{"type":"string"}}}}}])",
     "", "authorization: Bearer ", "\"done\":true", "\"message\":{\n", "{\"error\":\"[emulated]",
     "application/x-ndjson", "\"name\":\"weather\",\"arguments\":{\"city\":", ""},
    {"bedrock", "/model/{}/converse", "/model/{}/converse-stream",
     R"({"messages":[{"role":"user","content":[{"text":"hello"}]}])",
     R"({"messages":[{"role":"user","content":[{"text":"hello"}]}])",
     R"({"messages":[{"role":"user","content":"hello"}]})",
     R"(,"toolConfig":{"toolChoice":{"any":{}},"tools":[{"toolSpec":{"name":"weather",)"
     R"("inputSchema":{"json":{"type":"object","properties":{"city":{"type":"string"}}}}}}]})",
     "", "authorization: Bearer ", "metadata", "\"delta\":{", "modelStreamErrorException",
     "application/vnd.amazon.eventstream", "\"name\":\"weather\"", "", 400, 403},
    {"cohere", "/v2/chat", "/v2/chat",
     R"({"model":"{}","messages":[{"role":"user","content":"hello"}])",
     R"({"model":"{}","stream":true,"messages":[{"role":"user","content":"hello"}])",
     R"({"model":"{}","messages":5})",
     R"(,"tool_choice":"REQUIRED","tools":[{"type":"function","function":{"name":"weather",)"
     R"("parameters":{"type":"object","properties":{"city":{"type":"string"}}}}}])",
     "", "authorization: Bearer ", "[DONE]", "\"delta\":{\n\n", "\"finish_reason\":\"ERROR\"",
     "text/event-stream", "\"name\":\"weather\"", ""},
    {"completions", "/v1/completions", "/v1/completions", R"({"model":"{}","prompt":"hello")",
     R"({"model":"{}","stream":true,"prompt":"hello")", R"({"model":"{}","prompt":5})", "", "",
     "authorization: Bearer ", "[DONE]", "\"text\":\n\n", "\"error\":{", "text/event-stream", "",
     "x-ratelimit-remaining-requests: 0"},
};

class ShapesTest : public EmulatorFixture, public ::testing::WithParamInterface<Case> {
 protected:
  void SetUp() override {
    Model limited = FastModel("limited");
    limited.requests_per_minute_max = 1;
    Model keyed = FastModel("keyed");
    keyed.api_key = Secret("sk-right");
    Start({FastModel("fast"), std::move(limited), std::move(keyed)});
  }
  static std::string For(std::string_view model, std::string_view pattern) {
    std::string text(pattern);
    const std::size_t at = text.find("{}");
    if (at != std::string::npos) text.replace(at, 2, model);
    return text;
  }
  RawAnswer Whole(std::string_view model, std::string_view fields = "",
                  std::string_view more = "") {
    const Case& shape = GetParam();
    return Send("POST", For(model, shape.whole_path), fmt::format("{}{}", shape.fields, fields),
                fmt::format("{}{}}}", For(model, shape.whole_body), more));
  }
  RawAnswer Streamed(std::string_view faults, std::string_view more = "") {
    const Case& shape = GetParam();
    return Send("POST", For("fast", shape.stream_path),
                fmt::format("{}x-emulate: {}\r\n", shape.fields, faults),
                fmt::format("{}{}}}", For("fast", shape.stream_body), more));
  }
};

TEST_P(ShapesTest, AWholeAnswerIsJsonAndSaysThatItIsEmulated) {
  const RawAnswer answer = Whole("fast");
  EXPECT_EQ(Status(answer), 200) << answer.bytes;
  EXPECT_TRUE(IsJson(answer.body())) << answer.body();
  EXPECT_EQ(Count(answer.body(), "[emulated fast] The "), 1U) << answer.body();
  EXPECT_NE(answer.head().find("x-emulated: true\r\n"), std::string::npos);
  EXPECT_EQ(Find(Bill(), {"models", "fast", "requests"}), "1");
  EXPECT_NE(Find(Bill(), {"models", "fast", "completion_tokens"}), "0");
}

TEST_P(ShapesTest, AStreamHasItsTypeItsTextAndItsEnd) {
  const RawAnswer answer = Streamed("");
  EXPECT_EQ(Status(answer), 200) << answer.bytes;
  EXPECT_NE(answer.head().find(fmt::format("content-type: {}", GetParam().type)), std::string::npos)
      << answer.head();
  const std::string stream = Stream(answer);
  EXPECT_EQ(Count(stream, "[emulated fast]"), GetParam().name == "responses" ? 5U : 1U) << stream;
  EXPECT_EQ(Count(stream, GetParam().done), 1U) << stream;
  EXPECT_EQ(Count(Stream(Streamed("no_done")), GetParam().done), 0U);
}

TEST_P(ShapesTest, AToolIsCalledWholeAndInAStream) {
  if (GetParam().tool.empty()) GTEST_SKIP() << "this shape has no tools";
  std::string more(GetParam().tool_body);
  std::string whole_body(GetParam().whole_body);
  std::string stream_body(GetParam().stream_body);
  if (GetParam().name == "ollama") {  // which cannot be made to call one
    for (std::string* body : {&whole_body, &stream_body}) {
      body->replace(body->find("hello"), 5, "call the tool weather");
    }
  }
  const Case& shape = GetParam();
  const RawAnswer whole = Send("POST", For("fast", shape.whole_path), shape.fields,
                               For("fast", whole_body) + more + "}");
  EXPECT_EQ(Count(whole.body(), shape.tool), 1U) << whole.bytes;
  EXPECT_TRUE(IsJson(whole.body())) << whole.body();
  for (const std::string_view faults : {"", "whole_tool_calls"}) {
    const std::string stream = Stream(Send("POST", For("fast", shape.stream_path),
                                           fmt::format("{}x-emulate: {}\r\n", shape.fields, faults),
                                           For("fast", stream_body) + more + "}"));
    EXPECT_GE(Count(stream, shape.tool), 1U) << stream;
    EXPECT_GE(Count(stream, "city"), 1U) << stream;
  }
}

TEST_P(ShapesTest, AWrongKeyAndAMissingOneAreRefused) {
  const std::string field(GetParam().key_field);
  EXPECT_EQ(Status(Whole("keyed", field + "sk-right\r\n")), 200);
  const RawAnswer missing = Whole("keyed");
  EXPECT_EQ(Status(missing), GetParam().unauthorized) << missing.bytes;
  EXPECT_TRUE(IsJson(missing.body()));
  const RawAnswer wrong = Whole("keyed", field + "sk-wrong\r\n");
  EXPECT_EQ(Status(wrong), GetParam().name == "gemini" ? 400 : GetParam().unauthorized);
  EXPECT_EQ(Count(Send("GET", "/emulator/journal").body(), "sk-wrong"), 0U);
}

TEST_P(ShapesTest, ABadFieldAndAnUnknownModelAreErrors) {
  const Case& shape = GetParam();
  const RawAnswer bad =
      Send("POST", For("fast", shape.whole_path), shape.fields, For("fast", shape.bad_body));
  EXPECT_EQ(Status(bad), shape.bad_status) << bad.bytes;
  EXPECT_TRUE(IsJson(bad.body())) << bad.body();
  const RawAnswer unknown = Whole("nobody");
  EXPECT_EQ(Status(unknown), 404);
  EXPECT_TRUE(IsJson(unknown.body())) << unknown.body();
  EXPECT_EQ(Status(Send("POST", For("fast", shape.whole_path), shape.fields, "{")), 400);
}

TEST_P(ShapesTest, ARateLimitIs429WithRetryAfterAndTheVendorsOwnFields) {
  const RawAnswer first = Whole("limited");
  EXPECT_EQ(Status(first), 200);
  EXPECT_NE(first.head().find(GetParam().limit_field), std::string::npos) << first.head();
  const RawAnswer second = Whole("limited");
  EXPECT_EQ(Status(second), 429);
  EXPECT_NE(second.head().find("\r\nretry-after: "), std::string::npos);
  EXPECT_TRUE(IsJson(second.body())) << second.body();
}

TEST_P(ShapesTest, AFaultOfStatusHasTheShapesOwnErrorBody) {
  for (const int status : {400, 401, 403, 404, 408, 413, 429, 500, 503, 529}) {
    const RawAnswer answer =
        Whole("fast", fmt::format("x-emulate: status={},retry_after=7\r\n", status));
    EXPECT_EQ(Status(answer), status);
    EXPECT_NE(answer.body().find("this failure was asked for"), std::string::npos);
    EXPECT_NE(answer.head().find("retry-after: 7\r\n"), std::string::npos);
  }
}

TEST_P(ShapesTest, ACutStreamHasNoEnd) {
  const RawAnswer answer = Streamed("cut_after=3,tokens_per_s=0");
  EXPECT_EQ(Count(Stream(answer), "[emulated fast]"), 1U) << answer.bytes;
  EXPECT_FALSE(answer.bytes.ends_with("0\r\n\r\n"));
  EXPECT_EQ(Streamed("cut_after=3,rst").end, StreamEnd::kReset);
  EXPECT_EQ(Find(Bill(), {"models", "fast", "completion_tokens"}), "6");
}

TEST_P(ShapesTest, AnErrorInTheMiddleIsTheShapesOwn) {
  const std::string stream = Stream(Streamed("error_after=2"));
  EXPECT_EQ(Count(stream, GetParam().error), 1U) << stream;
  EXPECT_EQ(Status(Whole("fast", "x-emulate: error_after=2\r\n")), 500);
}

TEST_P(ShapesTest, AMalformedAnswerIsComplete) {
  EXPECT_FALSE(IsJson(Whole("fast", "x-emulate: malformed_json\r\n").body()));
  const RawAnswer answer = Streamed("malformed_json");
  EXPECT_TRUE(answer.bytes.ends_with("0\r\n\r\n"));
  std::string stream = Stream(answer);
  if (GetParam().name == "bedrock") stream.resize(stream.size() - 4);  // the frame's checksum
  EXPECT_TRUE(stream.ends_with(GetParam().malformed)) << stream;
  EXPECT_EQ(Count(stream, GetParam().done), 0U);
}

TEST_P(ShapesTest, AStalledStreamSaysNothingMoreUntilTheClientLeaves) {
  const Case& shape = GetParam();
  {
    RawClient client(port());
    client.Send(Request("POST", For("fast", shape.stream_path),
                        fmt::format("{}x-emulate: stall_after=2\r\n", shape.fields),
                        For("fast", shape.stream_body) + "}"));
    ASSERT_TRUE(client.ReadUntil("[emulated fast]"));
  }
  std::string bill;
  do {
    bill = Bill();
  } while (Find(bill, {"cancelled"}) == "0");
  EXPECT_EQ(Find(bill, {"models", "fast", "completion_tokens"}), "2");
}

INSTANTIATE_TEST_SUITE_P(All, ShapesTest, ::testing::ValuesIn(kCases),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace tidegate::emulator
