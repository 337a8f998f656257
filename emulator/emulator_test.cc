#include "emulator/emulator.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "emulator/fixture_for_tests.h"

namespace tidegate::emulator {
namespace {

constexpr std::string_view kChat = "/v1/chat/completions";

class EmulatorTest : public EmulatorFixture {
 protected:
  void SetUp() override {
    Model limited = FastModel("limited");
    limited.requests_per_minute_max = 1;
    Model keyed = FastModel("keyed");
    keyed.api_key = Secret("sk-right");
    Model caching = FastModel("caching");
    caching.cache_tokens_min = 1;
    Model instant = FastModel("instant");
    instant.load_mock.emplace();
    Start({FastModel("fast"), std::move(limited), std::move(keyed), std::move(caching),
           std::move(instant)});
  }

  static std::string Body(std::string_view model, bool stream, std::string_view more = "") {
    return fmt::format(R"({{"model":"{}","messages":[{{"role":"user","content":"hello"}}],)"
                       R"("max_tokens":10,"stream":{}{}}})",
                       model, stream, more);
  }
  RawAnswer Chat(std::string_view faults, bool stream, std::string_view more = "") {
    return Send("POST", kChat, fmt::format("x-emulate: {}\r\n", faults),
                Body("fast", stream, more));
  }
};

TEST_F(EmulatorTest, EveryAnswerSaysThatItIsEmulated) {
  const RawAnswer answer = Chat("", false);
  EXPECT_TRUE(answer.bytes.starts_with("HTTP/1.1 200 OK\r\n")) << answer.bytes;
  EXPECT_NE(answer.head().find("x-emulated: true\r\n"), std::string::npos);
  EXPECT_EQ(Find(answer.body(), {"system_fingerprint"}), "\"emulated\"");
  EXPECT_NE(answer.body().find("[emulated fast] "), std::string::npos);
  EXPECT_EQ(Find(answer.body(), {"usage", "completion_tokens"}), "10");
}

TEST_F(EmulatorTest, AStreamEndsWithUsageOnlyWhenItIsDueAndWithDone) {
  const std::string_view ask = R"(,"stream_options":{"include_usage":true})";
  const std::string usage = "\"usage\":{\"prompt_tokens\"";
  EXPECT_EQ(Count(Chat("", true).bytes, usage), 0U);
  EXPECT_EQ(Count(Chat("", true, ask).bytes, usage), 1U);
  EXPECT_EQ(Count(Chat("usage=always", true).bytes, usage), 1U);
  EXPECT_EQ(Count(Chat("usage=never", true, ask).bytes, usage), 0U);
  const RawAnswer answer = Chat("no_done", true);
  EXPECT_EQ(Count(answer.bytes, "[DONE]"), 0U);
  EXPECT_TRUE(answer.bytes.ends_with("\r\n0\r\n\r\n"));
  EXPECT_EQ(Count(Chat("", true).bytes, "data: [DONE]\n\n"), 1U);
}

TEST_F(EmulatorTest, AnErrorStatusComesWithItsBodyAndRetryAfter) {
  for (const int status : {401, 403, 404, 408, 409, 422, 429, 500, 502, 503, 504, 529}) {
    const RawAnswer answer = Chat(fmt::format("status={},retry_after=7", status), true);
    EXPECT_TRUE(answer.bytes.starts_with(fmt::format("HTTP/1.1 {} ", status))) << answer.head();
    EXPECT_NE(answer.head().find("retry-after: 7\r\n"), std::string::npos);
    EXPECT_NE(Find(answer.body(), {"error", "message"}).find(std::to_string(status)),
              std::string::npos);
  }
  EXPECT_EQ(Find(Bill(), {"nanodollars"}), "0");
}

TEST_F(EmulatorTest, AnErrorRateFailsTheSameRequestsAfterAReset) {
  const auto pattern = [&] {
    std::string failed;
    for (int i = 0; i < 20; ++i) {
      failed += Chat("error_rate=0.5", false).bytes.starts_with("HTTP/1.1 500") ? 'x' : '.';
    }
    return failed;
  };
  const std::string first = pattern();
  EXPECT_NE(first.find('x'), std::string::npos);
  EXPECT_NE(first.find('.'), std::string::npos);
  Send("POST", "/emulator/reset");
  EXPECT_EQ(pattern(), first);
}

TEST_F(EmulatorTest, ACutStreamStopsAfterItsTokensByFinOrByReset) {
  const RawAnswer fin = Chat("cut_after=3,tokens_per_s=0", true);
  EXPECT_EQ(fin.end, StreamEnd::kFin);
  EXPECT_EQ(Count(fin.bytes, "\"delta\":{\"content\":\"[emulated fast] "), 1U) << fin.bytes;
  EXPECT_EQ(Count(fin.bytes, "finish_reason\":\""), 0U);
  EXPECT_FALSE(fin.bytes.ends_with("0\r\n\r\n"));
  const RawAnswer reset = Chat("cut_after=3,rst", true);
  EXPECT_EQ(reset.end, StreamEnd::kReset);
  EXPECT_NE(reset.bytes.find("[emulated fast]"), std::string::npos);
  // 3 tokens of each of the two answers are billed, and the prompt of 9 tokens.
  EXPECT_EQ(Find(Bill(), {"models", "fast", "completion_tokens"}), "6");
}

TEST_F(EmulatorTest, ConnectionsEndWithoutAByteOrBehindTheHead) {
  const RawAnswer dropped = Chat("drop", false);
  EXPECT_TRUE(dropped.connected);
  EXPECT_EQ(dropped.bytes, "");
  EXPECT_EQ(dropped.end, StreamEnd::kFin);
  EXPECT_EQ(Find(Bill(), {"nanodollars"}), "0");
  const RawAnswer reset = Chat("drop,rst", false);
  EXPECT_EQ(reset.bytes, "");
  EXPECT_EQ(reset.end, StreamEnd::kReset);
  const RawAnswer head = Chat("drop_after_head", true);
  EXPECT_TRUE(head.bytes.ends_with("\r\n\r\n")) << head.bytes;
  EXPECT_EQ(head.body(), "");
  EXPECT_EQ(head.bytes.find("x-emulate-wire"), std::string::npos);
}

TEST_F(EmulatorTest, AWrongContentLengthIsTooLongOrTooShort) {
  const std::size_t true_size = Chat("", false).body().size();
  const RawAnswer longer = Chat("content_length=7", false);
  EXPECT_NE(longer.head().find(fmt::format("content-length: {}\r\n", true_size + 7)),
            std::string::npos)
      << longer.head();
  EXPECT_EQ(longer.body().size(), true_size);
  const RawAnswer shorter = Chat("content_length=-5", false);
  EXPECT_NE(shorter.head().find(fmt::format("content-length: {}\r\n", true_size - 5)),
            std::string::npos);
  EXPECT_EQ(shorter.body().size(), true_size);
}

TEST_F(EmulatorTest, ATruncatedChunkPromisesMoreThanComes) {
  const RawAnswer answer = Chat("truncated_chunk", true);
  const std::size_t chunk = answer.bytes.rfind("\r\n400\r\n");
  ASSERT_NE(chunk, std::string::npos);
  EXPECT_LT(answer.bytes.size() - chunk, 0x400U);
  EXPECT_EQ(answer.end, StreamEnd::kFin);
}

TEST_F(EmulatorTest, BytesSentOneByOneAreTheSameBytes) {
  const RawAnswer answer = Chat("byte_by_byte", false);
  EXPECT_TRUE(answer.bytes.starts_with("HTTP/1.1 200 OK\r\n"));
  EXPECT_TRUE(IsJson(answer.body())) << answer.body();
}

TEST_F(EmulatorTest, MalformedJsonComesInACompleteHttpAnswer) {
  const RawAnswer whole = Chat("malformed_json", false);
  EXPECT_NE(whole.head().find(fmt::format("content-length: {}\r\n", whole.body().size())),
            std::string::npos);
  EXPECT_FALSE(IsJson(whole.body()));
  const RawAnswer stream = Chat("malformed_json", true);
  EXPECT_NE(stream.bytes.find("\"delta\":{\n\n"), std::string::npos);
  EXPECT_TRUE(stream.bytes.ends_with("0\r\n\r\n"));
}

TEST_F(EmulatorTest, AnErrorEventEndsAStreamInTheMiddle) {
  const RawAnswer answer = Chat("error_after=2", true);
  EXPECT_TRUE(answer.bytes.starts_with("HTTP/1.1 200"));
  EXPECT_NE(answer.bytes.find("data: {\"error\":{"), std::string::npos);
  EXPECT_EQ(Count(answer.bytes, "[DONE]"), 0U);
}

TEST_F(EmulatorTest, UsageCanBeMissingNegativeOrHugeWhileTheBillStaysTrue) {
  EXPECT_EQ(Count(Chat("no_usage", false).body(), "\"usage\""), 0U);
  EXPECT_EQ(Find(Chat("negative_usage", false).body(), {"usage", "completion_tokens"}), "-17");
  EXPECT_EQ(Find(Chat("huge_usage", false).body(), {"usage", "prompt_tokens"}),
            "9000000000000000000");
  EXPECT_EQ(Find(Bill(), {"models", "fast", "completion_tokens"}), "30");
}

TEST_F(EmulatorTest, AStalledStreamGivesItsTokensAndThenNothingUntilTheClientLeaves) {
  {
    RawClient client(port());
    client.Send(Request("POST", kChat, "x-emulate: stall_after=2\r\n", Body("fast", true)));
    ASSERT_TRUE(client.ReadUntil("[emulated fast]"));
    EXPECT_EQ(Count(client.bytes(), "[DONE]"), 0U);
  }
  // The server notices by itself; asking again is the only way to see it without a sleep.
  std::string journal;
  do {
    journal = Send("GET", "/emulator/journal").body();
  } while (journal.find("\"ending\":\"open\"") != std::string::npos);
  EXPECT_NE(journal.find("\"ending\":\"cancelled\""), std::string::npos) << journal;
  EXPECT_EQ(Find(Bill(), {"models", "fast", "completion_tokens"}), "2");
}

TEST_F(EmulatorTest, AClientThatLeavesIsBilledOnlyForTheTokensMade) {
  {
    RawClient client(port());
    // Ten tokens would take nine seconds.
    client.Send(Request("POST", kChat, "x-emulate: tokens_per_s=1\r\n", Body("fast", true)));
    ASSERT_TRUE(client.ReadUntil("[emulated fast]"));
  }
  std::string bill;
  do {
    bill = Bill();
  } while (Find(bill, {"cancelled"}) == "0");
  EXPECT_LT(std::stoi(Find(bill, {"models", "fast", "completion_tokens"})), 10) << bill;
}

TEST_F(EmulatorTest, TheEmulatorEndsWhileAStreamIsOpen) {
  RawClient client(port());
  client.Send(Request("POST", kChat, "x-emulate: stall_after=2\r\n", Body("fast", true)));
  ASSERT_TRUE(client.ReadUntil("[emulated fast]"));
  emulator_.reset();
  EXPECT_EQ(Count(client.ReadToEnd().bytes, "[DONE]"), 0U);
}

TEST_F(EmulatorTest, ToolCallsComeInPiecesOrWhole) {
  const std::string_view tools =
      R"(,"tool_choice":"required","tools":[{"type":"function","function":{"name":"weather",)"
      R"("parameters":{"type":"object","properties":{"city":{"type":"string"}}}}}])";
  const RawAnswer pieces = Chat("", true, tools);
  EXPECT_EQ(Count(pieces.bytes, "\"name\":\"weather\",\"arguments\":\"\""), 1U) << pieces.bytes;
  EXPECT_GE(Count(pieces.bytes, "\"function\":{\"arguments\":"), 1U);
  const RawAnswer whole = Chat("whole_tool_calls", true, tools);
  EXPECT_EQ(Count(whole.bytes, R"("arguments":"{\"city\":\"[emulated fast]\"}")"), 1U);
  EXPECT_EQ(Count(whole.bytes, "\"tool_calls\":[{"), 1U);
  EXPECT_EQ(Count(whole.bytes, "\"finish_reason\":\"tool_calls\""), 1U);
}

TEST_F(EmulatorTest, RefusalAndReasoningHaveTheirOwnDeltas) {
  EXPECT_NE(Chat("refusal", true).bytes.find("\"delta\":{\"refusal\":\"[emulated fast]"),
            std::string::npos);
  EXPECT_NE(Chat("reasoning=4", true).bytes.find("\"delta\":{\"reasoning_content\":\"[emulated"),
            std::string::npos);
}

TEST_F(EmulatorTest, ARateLimitAnswers429WithItsHeaders) {
  const RawAnswer first = Send("POST", kChat, "", Body("limited", false));
  EXPECT_NE(first.head().find("x-ratelimit-remaining-requests: 0\r\n"), std::string::npos);
  const RawAnswer second = Send("POST", kChat, "", Body("limited", false));
  EXPECT_TRUE(second.bytes.starts_with("HTTP/1.1 429 ")) << second.head();
  EXPECT_NE(second.head().find("\r\nretry-after: "), std::string::npos);
  EXPECT_EQ(Find(second.body(), {"error", "code"}), "\"rate_limit_exceeded\"");
}

TEST_F(EmulatorTest, AKeyIsRequiredAndTheJournalKeepsOnlyItsHash) {
  const RawAnswer wrong =
      Send("POST", kChat, "authorization: Bearer sk-wrong\r\n", Body("keyed", false));
  EXPECT_TRUE(wrong.bytes.starts_with("HTTP/1.1 401 "));
  const RawAnswer right =
      Send("POST", kChat, "authorization: Bearer sk-right\r\n", Body("keyed", false));
  EXPECT_TRUE(right.bytes.starts_with("HTTP/1.1 200 "));
  const std::string journal = Send("GET", "/emulator/journal").body();
  EXPECT_EQ(Count(journal, "sk-right"), 0U);
  EXPECT_EQ(Count(journal, HashCredential("Bearer sk-right")), 1U);
  EXPECT_EQ(Count(journal, R"(\"model\":\"keyed\")"), 2U);  // the bodies
  const std::string later = Send("GET", "/emulator/journal?since=1").body();
  EXPECT_EQ(Find(later, {"next"}), "2");
  EXPECT_EQ(Count(later, "\"number\":"), 1U);
}

TEST_F(EmulatorTest, TheBillIsTheSumOfTokensTimesPricesWithCachedOnesCheaper) {
  // 9 prompt tokens at $5, 10 completion tokens at $15 a million.
  Send("POST", kChat, "", Body("caching", false));
  EXPECT_EQ(Find(Bill(), {"nanodollars"}), std::to_string(9 * 5'000 + 10 * 15'000));
  const RawAnswer again = Send("POST", kChat, "", Body("caching", false));
  EXPECT_EQ(Find(again.body(), {"usage", "prompt_tokens_details", "cached_tokens"}), "9");
  EXPECT_EQ(Find(Bill(), {"nanodollars"}), std::to_string(9 * 6'000 + 20 * 15'000));
  Send("POST", "/emulator/reset");
  EXPECT_EQ(Find(Bill(), {"nanodollars"}), "0");
}

TEST_F(EmulatorTest, FaultsOfTheAdminCallHoldUntilTheReset) {
  Send("POST", "/emulator/faults", "", R"({"model":"fast","faults":"status=503"})");
  EXPECT_TRUE(Chat("", false).bytes.starts_with("HTTP/1.1 503 "));
  Send("POST", "/emulator/reset");
  EXPECT_TRUE(Chat("", false).bytes.starts_with("HTTP/1.1 200 "));
  EXPECT_TRUE(Send("POST", "/emulator/faults", "", R"({"faults":"typo"})")
                  .bytes.starts_with("HTTP/1.1 400 "));
}

TEST_F(EmulatorTest, WhileDownEveryRequestIsResetAndAdminCallsGoOn) {
  Send("POST", "/emulator/down", "", R"({"down":true})");
  const RawAnswer down = Chat("", false);
  EXPECT_EQ(down.bytes, "");
  EXPECT_EQ(down.end, StreamEnd::kReset);
  Send("POST", "/emulator/down", "", R"({"down":false})");
  EXPECT_TRUE(Chat("", false).bytes.starts_with("HTTP/1.1 200 "));
}

TEST_F(EmulatorTest, TheNextConnectionsCanBeResetAtAccept) {
  Send("POST", "/emulator/down", "", R"({"reset_next":1})");
  RawClient client(port());
  EXPECT_EQ(client.ReadToEnd().end, StreamEnd::kReset);  // without a request
  EXPECT_TRUE(Chat("", false).bytes.starts_with("HTTP/1.1 200 "));
}

TEST_F(EmulatorTest, ConnectionsAreRefusedForAWhileAndThenTakenOnTheSamePort) {
  Send("POST", "/emulator/down", "", R"({"refuse_ms":100})");
  bool refused = false;
  bool taken = false;
  while (!refused || !taken) {
    RawClient client(port());
    refused = refused || !client.connected();
    taken = refused && client.connected();
  }
  EXPECT_TRUE(Chat("", false).bytes.starts_with("HTTP/1.1 200 "));
}

TEST_F(EmulatorTest, TheLoadMockAnswersExactlySoManyBytesOfValidJson) {
  const RawAnswer answer = Send("POST", kChat, "", R"({"model": "instant", "messages": []})");
  EXPECT_NE(answer.head().find("content-length: 1400\r\n"), std::string::npos);
  EXPECT_EQ(answer.body().size(), 1400U);
  EXPECT_NE(answer.body().find("[emulated instant]"), std::string::npos);
  EXPECT_EQ(Find(answer.body(), {"usage", "prompt_tokens"}), "475");
  const RawAnswer stream = Send("POST", kChat, "", R"({"model":"instant","stream":true})");
  EXPECT_EQ(Count(stream.bytes, "data: "), 45U);  // role, 42 with text, finish, [DONE]
  EXPECT_EQ(Count(stream.bytes, "\"delta\":{\"content\":"), 42U);
  EXPECT_EQ(Find(Bill(), {"models", "instant", "requests"}), "2");
}

TEST_F(EmulatorTest, ModelsAreListedWithTheirPrices) {
  const std::string models = Send("GET", "/v1/models").body();
  EXPECT_EQ(Find(models, {"object"}), "\"list\"");
  EXPECT_EQ(Count(models, "\"input_usd_per_mtok\":5"), 5U);
}

TEST_F(EmulatorTest, AnUnknownModelOrPathIs404AndNonsenseIs400) {
  EXPECT_TRUE(Send("POST", kChat, "", Body("nobody", false)).bytes.starts_with("HTTP/1.1 404 "));
  EXPECT_TRUE(Send("GET", "/v2").bytes.starts_with("HTTP/1.1 404 "));
  EXPECT_TRUE(Send("POST", kChat, "", "{").bytes.starts_with("HTTP/1.1 400 "));
  EXPECT_TRUE(Chat("typo", false).bytes.starts_with("HTTP/1.1 400 "));
}

}  // namespace
}  // namespace tidegate::emulator
