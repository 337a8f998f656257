#include "cli/chat.h"

#include <gtest/gtest.h>

namespace tidegate::cli {
namespace {

TEST(Chat, ABodyHoldsTheMessagesAndOnlyWhatWasAskedFor) {
  EXPECT_EQ(
      ChatBody({.model = "auto", .messages = {{"user", "say \"hi\""}}}),
      R"({"model":"auto","stream":true,"messages":[{"role":"user","content":"say \"hi\""}]})");
  ChatRequest request{.model = "m",
                      .messages = {{"system", "s"}, {"user", "u", {"aGk=", "eW8="}}},
                      .options_json = {{"num_ctx", "4096"}, {"stop", "[\"a\"]"}},
                      .format_json = "\"json\"",
                      .think_json = "\"high\"",
                      .keep_alive_json = "\"5m\""};
  request.wishes.privacy = "masked";
  request.wishes.prefer = "cost";
  request.wishes.place = {"device", "edge"};
  request.wishes.max_cost_usd = "0.02";
  request.wishes.deadline_ms = 900;
  request.wishes.dry_run = true;
  EXPECT_EQ(ChatBody(request),
            R"({"model":"m","stream":true,"messages":[{"role":"system","content":"s"},)"
            R"({"role":"user","content":"u","images":["aGk=","eW8="]}],)"
            R"("options":{"num_ctx":4096,"stop":["a"]},"format":"json","think":"high",)"
            R"("keep_alive":"5m","tidegate":{"privacy":"masked","prefer":"cost",)"
            R"("place":["device","edge"],"max_cost_usd":0.02,"deadline_ms":900,"dry_run":true}})");
}

TEST(Chat, ALineYieldsItsTextItsThoughtsAndAtTheEndItsCounts) {
  json::Reader reader;
  const Result<ChatDelta> text = ReadChatLine(
      reader, R"({"model":"m","created_at":"x","message":{"role":"assistant","content":"he",)"
              R"("thinking":"hm","tool_calls":[{"function":{"name":"f","arguments":{}}}]},)"
              R"("done":false})");
  ASSERT_TRUE(text.ok());
  EXPECT_EQ(text->text, "he");
  EXPECT_EQ(text->thinking, "hm");
  EXPECT_EQ(text->calls, std::vector<std::string>{"f"});
  EXPECT_EQ(text->model, "m");
  EXPECT_FALSE(text->done);
  const Result<ChatDelta> last = ReadChatLine(
      reader, R"({"model":"m","message":{"role":"assistant","content":""},"done":true,)"
              R"("done_reason":"stop","total_duration":9,"load_duration":1,"prompt_eval_count":7,)"
              R"("prompt_eval_duration":2,"eval_count":3,"eval_duration":6})");
  ASSERT_TRUE(last.ok());
  EXPECT_TRUE(last->done);
  EXPECT_TRUE(last->metrics.counted);
  EXPECT_EQ(last->metrics.prompt_tokens, 7);
  EXPECT_EQ(last->metrics.answer_tokens, 3);
  EXPECT_EQ(last->metrics.total_ns, 9);
  EXPECT_EQ(last->metrics.load_ns, 1);
  EXPECT_EQ(last->metrics.prompt_ns, 2);
  EXPECT_EQ(last->metrics.answer_ns, 6);
  const Result<ChatDelta> silent = ReadChatLine(reader, R"({"done":true})");
  ASSERT_TRUE(silent.ok());
  EXPECT_FALSE(silent->metrics.counted);
}

TEST(Chat, AnErrorInsideTheStreamIsAnErrorWithTheCodeThatItNames) {
  json::Reader reader;
  const Result<ChatDelta> plain = ReadChatLine(reader, R"({"error":"the upstream went away"})");
  ASSERT_FALSE(plain.ok());
  EXPECT_EQ(plain.error().message, "the answer broke off: the upstream went away");
  EXPECT_EQ(plain.error().code, ErrorCode::kProtocol);
  const Result<ChatDelta> coded =
      ReadChatLine(reader, R"({"error":"slow down","code":"rate_limited"})");
  ASSERT_FALSE(coded.ok());
  EXPECT_EQ(coded.error().code, ErrorCode::kRateLimited);
}

TEST(Chat, WhatIsNoLineOfAChatIsAProtocolErrorAndNeverIgnored) {
  json::Reader reader;
  for (const char* bad :
       {"", "not json", "[]", "{}", R"({"message":3})", R"({"message":{"content":5}})",
        R"({"done":"yes"})", R"({"done":true,"eval_count":"many"})"}) {
    const Result<ChatDelta> delta = ReadChatLine(reader, bad);
    ASSERT_FALSE(delta.ok()) << bad;
    EXPECT_EQ(delta.error().code, ErrorCode::kProtocol) << bad;
  }
}

}  // namespace
}  // namespace tidegate::cli
