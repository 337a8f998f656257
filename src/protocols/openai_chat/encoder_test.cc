#include "protocols/openai_chat/encoder.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "protocols/testing/test_support.h"

namespace tidegate::protocols::openai_chat {
namespace {

EncoderOptions Options(bool include_usage = false) {
  return {.id = RequestId{1, 2}, .created_s = 5, .model = "m", .include_usage = include_usage};
}

std::string Encode(ResponseEncoder& encoder, const std::vector<core::Event>& events) {
  std::string out;
  for (const core::Event& event : events) encoder.Encode(event, out);
  return out;
}

std::size_t Count(const std::string& text, std::string_view part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos;
       at = text.find(part, at + part.size()))
    ++count;
  return count;
}

TEST(StreamEncoder, NothingFollowsAnErrorAndNoDoneIsSaid) {
  const Error error{ErrorCode::kUnavailable, ErrorSource::kUpstream, Retry::kOtherTarget, "boom"};
  const std::string out = Encode(*NewStreamEncoder(Options(true)),
                                 {core::TextEvent{0, "a"}, core::ErrorEvent{error},
                                  core::TextEvent{0, "b"}, core::UsageEvent{}, core::DoneEvent{}});
  EXPECT_EQ(Count(out, "\"content\":\"a\""), 1U);
  EXPECT_EQ(Count(out, "\"content\":\"b\""), 0U);
  EXPECT_EQ(Count(out, "[DONE]"), 0U);
  EXPECT_TRUE(out.ends_with("\"code\":\"unavailable\"}}\n\n"));
}

TEST(StreamEncoder, UsageComesOnceBeforeTheEndAndOnlyWhenAskedFor) {
  const core::UsageEvent first{{.input_tokens = 9, .output_tokens = 1}};
  const core::UsageEvent last{{.input_tokens = 9, .output_tokens = 4}};
  const std::vector<core::Event> events = {core::TextEvent{0, "a"}, first, core::FinishEvent{},
                                           last, core::DoneEvent{}};
  const std::string asked = Encode(*NewStreamEncoder(Options(true)), events);
  EXPECT_EQ(Count(asked, "\"prompt_tokens\":9"), 1U);
  EXPECT_EQ(Count(asked, "\"completion_tokens\":4"), 1U);
  EXPECT_LT(asked.find("\"finish_reason\":\"stop\""), asked.find("\"choices\":[],\"usage\""));
  EXPECT_LT(asked.find("\"choices\":[],\"usage\""), asked.find("data: [DONE]"));
  EXPECT_EQ(Count(Encode(*NewStreamEncoder(Options(false)), events), "usage"), 0U);
}

TEST(StreamEncoder, AChoiceWhoseUpstreamGaveNoReasonIsFinishedBeforeTheEnd) {
  const std::string text =
      Encode(*NewStreamEncoder(Options()), {core::TextEvent{0, "a"}, core::DoneEvent{}});
  EXPECT_EQ(Count(text, "\"finish_reason\":\"stop\""), 1U);
  const std::string call = Encode(*NewStreamEncoder(Options()),
                                  {core::ToolCallEvent{0, 0, "c", "f", "{}"}, core::DoneEvent{}});
  EXPECT_EQ(Count(call, "\"finish_reason\":\"tool_calls\""), 1U);
}

TEST(StreamEncoder, ATokenCostsNoAllocationBeyondTheBuffer) {
  const std::unique_ptr<ResponseEncoder> encoder = NewStreamEncoder(Options());
  std::string out;
  out.reserve(4096);
  encoder->Encode(core::TextEvent{0, "first"}, out);
  out.clear();
  const char* const buffer = out.data();
  encoder->Encode(core::TextEvent{0, "a \"quoted\" token\n"}, out);
  EXPECT_EQ(out.data(), buffer);
  EXPECT_EQ(Count(out, R"("content":"a \"quoted\" token\n")"), 1U);
}

TEST(StreamEncoder, LogprobsWaitForTheTextTheyBelongTo) {
  const std::unique_ptr<ResponseEncoder> encoder = NewStreamEncoder(Options());
  std::string out = Encode(*encoder, {core::TextEvent{0, "first"}});
  out.clear();
  encoder->Encode(
      core::LogprobsEvent{.choice = 0, .content = "{\"token\":\"a\"}", .refusal = false}, out);
  EXPECT_TRUE(out.empty());
  encoder->Encode(core::TextEvent{0, "a"}, out);
  EXPECT_EQ(Count(out, R"("logprobs":{"content":[{"token":"a"}],"refusal":null})"), 1U);
  out.clear();
  encoder->Encode(core::TextEvent{0, "b"}, out);
  EXPECT_EQ(Count(out, R"("logprobs":null)"), 1U);
}

TEST(WholeEncoder, NothingIsWrittenBeforeTheEndAndNothingAfterAnError) {
  const std::unique_ptr<ResponseEncoder> encoder = NewWholeEncoder(Options());
  EXPECT_EQ(Encode(*encoder, {core::TextEvent{0, "a"}, core::FinishEvent{}}), "");
  EXPECT_NE(Encode(*encoder, {core::DoneEvent{}}), "");
  const Error error{ErrorCode::kUnavailable, ErrorSource::kUpstream, Retry::kOtherTarget, "boom"};
  EXPECT_EQ(Encode(*NewWholeEncoder(Options()),
                   {core::TextEvent{0, "a"}, core::ErrorEvent{error}, core::DoneEvent{}}),
            "");
}

TEST(WholeEncoder, ChoicesAndCallsStandInTheirOrderWhateverOrderTheyCameIn) {
  const std::string out =
      Encode(*NewWholeEncoder(Options()),
             {core::TextEvent{1, "two"}, core::ToolCallEvent{0, 1, "b", "g", "2"},
              core::ToolCallEvent{0, 0, "", "f", "1"}, core::ToolCallEvent{0, 1, "", "", "3"},
              core::DoneEvent{}});
  const std::string id = RequestId{1, 2}.ToString();
  EXPECT_EQ(out,
            R"({"id":"chatcmpl-)" + id +
                R"(","object":"chat.completion","created":5,"model":"m","choices":[{"index":0,)"
                R"("message":{"role":"assistant",)"
                R"("content":null,"refusal":null,"tool_calls":[{"id":"call_)" +
                id +
                R"(_0_0","type":"function","function":{"name":"f","arguments":"1"}},{"id":"b",)"
                R"("type":"function",)"
                R"("function":{"name":"g","arguments":"23"}}]},"logprobs":null,)"
                R"("finish_reason":"tool_calls"},)"
                R"({"index":1,"message":{"role":"assistant","content":"two","refusal":null},)"
                R"("logprobs":null,"finish_reason":"stop"}]})");
}

}  // namespace
}  // namespace tidegate::protocols::openai_chat
