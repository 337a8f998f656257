#include "cli/chat.h"

#include <gtest/gtest.h>

namespace tidegate::cli {
namespace {

TEST(Chat, ABodyHoldsTheMessagesAndOnlyTheWishesThatWereMade) {
  EXPECT_EQ(ChatBody("auto", {{"user", "say \"hi\""}}, {}),
            R"({"model":"auto","stream":true,"stream_options":{"include_usage":true},)"
            R"("messages":[{"role":"user","content":"say \"hi\""}],"tidegate":{}})");
  ChatWishes wishes;
  wishes.privacy = "masked";
  wishes.prefer = "cost";
  wishes.place = {"device", "edge"};
  wishes.max_cost_usd = "0.02";
  wishes.deadline_ms = 900;
  wishes.dry_run = true;
  const std::string body = ChatBody("m", {{"system", "s"}, {"user", "u"}}, wishes);
  EXPECT_NE(body.find(R"("tidegate":{"privacy":"masked","prefer":"cost","place":["device","edge"],)"
                      R"("max_cost_usd":0.02,"deadline_ms":900,"dry_run":true})"),
            std::string::npos)
      << body;
}

TEST(Chat, AnEventYieldsItsTextItsUsageAndItsEnd) {
  json::Reader reader;
  const Result<ChatDelta> text = ReadChatEvent(
      reader, R"({"model":"m","choices":[{"delta":{"content":"he","reasoning_content":"hm"}}]})");
  ASSERT_TRUE(text.ok());
  EXPECT_EQ(text->text, "he");
  EXPECT_EQ(text->reasoning, "hm");
  EXPECT_EQ(text->model, "m");
  EXPECT_FALSE(text->has_usage);
  EXPECT_FALSE(text->done);
  const Result<ChatDelta> usage =
      ReadChatEvent(reader, R"({"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":3}})");
  ASSERT_TRUE(usage.ok());
  EXPECT_TRUE(usage->has_usage);
  EXPECT_EQ(usage->input_tokens, 7);
  EXPECT_EQ(usage->output_tokens, 3);
  const Result<ChatDelta> end = ReadChatEvent(reader, "[DONE]");
  ASSERT_TRUE(end.ok());
  EXPECT_TRUE(end->done);
}

TEST(Chat, AnErrorInsideTheStreamIsAnError) {
  json::Reader reader;
  const Result<ChatDelta> delta =
      ReadChatEvent(reader, R"({"error":{"message":"the upstream went away","code":502}})");
  ASSERT_FALSE(delta.ok());
  EXPECT_EQ(delta.error().message, "the answer broke off: the upstream went away");
}

TEST(Chat, WhatIsNoChunkIsAProtocolErrorAndNeverIgnored) {
  json::Reader reader;
  for (const char* bad :
       {"", "not json", "[]", R"({"choices":3})", R"({"choices":[{"delta":{"content":5}}]})"}) {
    const Result<ChatDelta> delta = ReadChatEvent(reader, bad);
    ASSERT_FALSE(delta.ok()) << bad;
    EXPECT_EQ(delta.error().code, ErrorCode::kProtocol) << bad;
  }
}

}  // namespace
}  // namespace tidegate::cli
