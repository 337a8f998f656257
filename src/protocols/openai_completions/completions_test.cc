// What a completions client can ask for, what of it a chat can be asked, and how a chat answers it.
#include <string>

#include <gtest/gtest.h>

#include "protocols/anthropic_messages/codec.h"
#include "protocols/ollama/codec.h"
#include "protocols/openai_chat/codec.h"
#include "protocols/openai_completions/codec.h"
#include "protocols/testing/test_support.h"

namespace tidegate::protocols::openai_completions {
namespace {

constexpr RequestId kId{1, 2};
constexpr std::int64_t kCreated = 1'700'000'000;

struct Asked {
  explicit Asked(std::string_view text)
      : body(text), request(DecodeChat(Codec(), "/v1/completions", body.view())) {}
  const core::Request* operator->() const { return &request.value(); }
  PaddedText body;
  Result<core::Request> request;
};

std::string Sent(std::string_view text, const Protocol& to, UpstreamOptions options = {}) {
  const Asked asked(text);
  if (!asked.request.ok()) return "bad: " + DescribeError(asked.request.error());
  options.model = "m";
  const Result<UpstreamRequest> upstream = to.EncodeRequest(*asked.request, options);
  if (!upstream.ok()) return "refused: " + DescribeError(upstream.error());
  std::string joined = upstream->path + " ";
  for (const std::string_view piece : upstream->body.pieces) joined += piece;
  return joined;
}

std::string Answered(std::string_view text, const std::vector<core::Event>& events) {
  const Asked asked(text);
  const auto encoder = Codec().NewEncoder(*asked.request, kId, kCreated);
  std::string out;
  for (const core::Event& event : events) encoder->Encode(event, out);
  return out;
}

TEST(Completions, WhatIsWrongIsRefusedWithItsPlace) {
  const struct {
    std::string_view body, field, says;
  } refusals[] = {
      {R"({"prompt":"a"})", "model", "is required"},
      {R"({"model":"m"})", "prompt", "is required"},
      {R"({"model":"m","prompt":5})", "prompt", "a string or an array"},
      {R"({"model":"m","prompt":[]})", "prompt", "at least one"},
      {R"({"model":"m","prompt":["a",5]})", "prompt[1]", "expected a string"},
      {R"({"model":"m","prompt":[[]]})", "prompt[0]", "must not be empty"},
      {R"({"model":"m","prompt":[[1,"2"]]})", "prompt[0][1]", "expected an integer"},
      {R"({"model":"m","prompt":[-1]})", "prompt[0]", ""},
      {R"({"model":"m","prompt":"a","logprobs":true})", "logprobs", "expected an integer"},
      {R"({"model":"m","prompt":"a","max_tokens":-1})", "max_tokens", ""},
      {R"({"model":"m","prompt":"a","echo":"yes"})", "echo", "expected a boolean"},
      {R"({"model":"m","prompt":"a","n":3,"best_of":2})", "best_of", "less than n"},
      {R"({"model":"m","prompt":"a","stream_options":{}})", "stream_options", "`stream` is true"},
      {R"({"model":"m","prompt":"a","tidegate":{"privacy":"none"}})", "tidegate.privacy", ""},
  };
  for (const auto& refusal : refusals) {
    const Asked asked(refusal.body);
    ASSERT_FALSE(asked.request.ok()) << refusal.body;
    EXPECT_EQ(asked.request.error().field, refusal.field) << refusal.body;
    EXPECT_NE(asked.request.error().message.find(refusal.says), std::string::npos)
        << asked.request.error().message;
  }
}

TEST(Completions, WhatAChatCannotSayNeedsWhoSpeaksCompletions) {
  const struct {
    std::string_view field, place;
  } fields[] = {{R"("echo":true)", "echo"},
                {R"("best_of":2)", "best_of"},
                {R"("max_tokens":0)", "max_tokens"},
                {R"("guided_regex":"a")", "guided_regex"}};
  for (const auto& [field, place] : fields) {
    const Asked asked(R"({"model":"m","prompt":"a",)" + std::string(field) + "}");
    EXPECT_TRUE(asked->needs.Has(core::Capability::kVendorFields)) << field;
    EXPECT_EQ(asked->vendor_field, place);
  }
  EXPECT_EQ(Asked(R"({"model":"m","prompt":["a","b"]})")->vendor_field, "prompt");
  EXPECT_EQ(Asked(R"({"model":"m","prompt":[1,2]})")->vendor_field, "prompt");
  EXPECT_EQ(Asked(R"({"model":"m","prompt":[[1],[2]]})")->vendor_field, "prompt[0]");
  const Asked plain(R"({"model":"m","prompt":["a"],"echo":false,"suffix":"","best_of":1})");
  EXPECT_TRUE(plain->needs.empty()) << core::Join(plain->needs);
}

std::string SentFrom(std::string_view path, std::string_view text, UpstreamOptions options) {
  const PaddedText body(text);
  const Result<core::Request> request = DecodeChat(ollama::Codec(), path, body.view());
  if (!request.ok()) return "bad: " + DescribeError(request.error());
  options.model = "m";
  const Result<UpstreamRequest> upstream = Codec().EncodeRequest(*request, options);
  if (!upstream.ok()) return "refused: " + DescribeError(upstream.error());
  std::string joined = upstream->path + " ";
  for (const std::string_view piece : upstream->body.pieces) joined += piece;
  return joined;
}

constexpr core::FillInTokens kFillIn{7, 8, 9};

TEST(Completions, ATextIsFilledInByTokensWhereTheModelHasThem) {
  const std::string_view asked = R"({"model":"x","prompt":"a\"","suffix":"b","max_tokens":5})";
  EXPECT_EQ(core::Join(Asked(asked)->needs), "insert");
  EXPECT_EQ(Sent(asked, Codec(), {.model = {}, .fill_in = kFillIn}),
            R"(/completions {"model":"m","prompt":["",7,"a\"",8,"b",9],"max_tokens":5})");
  EXPECT_EQ(Sent(asked, Codec()),
            R"(/completions {"model":"m","prompt":"a\"","suffix":"b","max_tokens":5})")
      << "whoever fills in by itself gets the bytes";
  EXPECT_EQ(Sent(R"({"model":"x","prompt":"a","suffix":"b"})", Codec(),
                 {.model = {}, .force_stream = true, .fill_in = kFillIn}),
            R"(/completions {"model":"m","prompt":["",7,"a",8,"b",9],"stream":true,)"
            R"("stream_options":{"include_usage":true}})");
  EXPECT_EQ(Sent(asked, ollama::Codec()),
            R"(/api/generate {"model":"m","prompt":"a\"","suffix":"b","stream":false,)"
            R"("options":{"num_predict":5},"truncate":false})");
}

TEST(Completions, ATextOfAnotherProtocolIsSaidInThem) {
  EXPECT_EQ(SentFrom("/api/generate",
                     R"({"model":"x","prompt":"a","raw":true,"format":"json","logprobs":true,)"
                     R"("top_logprobs":2,"options":{"num_predict":3,"temperature":0,"top_k":4,)"
                     R"("min_p":0.5,"stop":["z"]}})",
                     {}),
            R"(/completions {"model":"m","prompt":"a","temperature":0,"stop":["z"],"logprobs":2,)"
            R"("top_k":4,"min_p":0.5,"json_schema":{"type":"object"},"max_tokens":3,"stream":true,)"
            R"("stream_options":{"include_usage":true}})");
  EXPECT_EQ(SentFrom("/api/generate", R"({"model":"x","prompt":"a","suffix":"b","stream":false})",
                     {.model = {}, .fill_in = kFillIn}),
            R"(/completions {"model":"m","prompt":["",7,"a",8,"b",9]})");
}

TEST(Completions, WhatATextHasNoPlaceForIsRefusedWithItsField) {
  for (const auto& [more, field] :
       {std::pair(R"("images":["iVBORw0KGgo="])", "images"), {R"("think":true)", "think"}}) {
    const std::string sent = SentFrom(
        "/api/generate", R"({"model":"x","prompt":"a","raw":true,)" + std::string(more) + "}", {});
    EXPECT_TRUE(sent.starts_with("refused: ")) << sent;
    EXPECT_NE(sent.find(field), std::string::npos) << sent;
  }
  EXPECT_TRUE(SentFrom("/api/generate", R"({"model":"x","prompt":"a"})", {}).starts_with("refused"))
      << "a prompt that a template is put around is a chat";
}

TEST(Completions, EverythingThatIsWrittenCounts) {
  EXPECT_EQ(Asked(R"({"model":"m","prompt":["a","b","c"],"n":2,"best_of":4})")->choices, 12);
  EXPECT_EQ(Asked(R"({"model":"m","prompt":"a","n":2})")->choices, 2);
}

TEST(Completions, WhoSpeaksThemGetsTheBytes) {
  EXPECT_EQ(
      Sent(R"({ "model":"x","prompt":[[1,2]],"echo":true,"tidegate":{"privacy":"open"}})", Codec()),
      R"(/completions { "model":"m","prompt":[[1,2]],"echo":true})");
  Dialect of_chats;
  of_chats.max_completion_tokens = true;
  EXPECT_EQ(Sent(R"({"model":"x","prompt":"a","max_tokens":5})", Codec(),
                 {.model = {}, .dialect = &of_chats, .output_tokens_limit = 3}),
            R"(/completions {"model":"m","prompt":"a","max_tokens":3})");
  EXPECT_EQ(Sent(R"({"model":"x","prompt":"a","max_tokens":0})", Codec(),
                 {.model = {}, .output_tokens_limit = 3}),
            R"(/completions {"model":"m","prompt":"a","max_tokens":0})");
  EXPECT_EQ(Sent(R"({"model":"x","prompt":"a"})", Codec(), {.model = {}, .force_stream = true}),
            R"(/completions {"stream":true,"stream_options":{"include_usage":true},)"
            R"("model":"m","prompt":"a"})");
}

TEST(Completions, APromptIsTheUsersOnlyMessage) {
  EXPECT_EQ(
      Sent(R"({"model":"x","prompt":"Once \"upon\"","max_tokens":9,"stop":"\n","logprobs":2})",
           openai_chat::Codec()),
      R"(/chat/completions {"model":"m","messages":[{"role":"user","content":"Once \"upon\""}],)"
      R"("stop":["\n"],"logprobs":true,"top_logprobs":2,"max_tokens":9})");
  const std::string messages =
      Sent(R"({"model":"x","prompt":"a","max_tokens":9})", anthropic_messages::Codec());
  EXPECT_NE(messages.find(R"("content":[{"type":"text","text":"a"}])"), std::string::npos)
      << messages;
}

TEST(Completions, AChatIsNotSaidInThem) {
  const PaddedText body(R"({"model":"m","messages":[{"role":"user","content":"a"}]})");
  const Result<core::Request> chat =
      DecodeChat(openai_chat::Codec(), "/v1/chat/completions", body.view());
  ASSERT_TRUE(chat.ok());
  const Result<UpstreamRequest> sent = Codec().EncodeRequest(*chat, {.model = "m"});
  ASSERT_FALSE(sent.ok());
  EXPECT_EQ(sent.error().retry, Retry::kOtherTarget);
}

TEST(Completions, AChatsAnswerIsATextWithTheReasonItEnded) {
  std::vector<core::Event> events;
  events.emplace_back(core::StartEvent{"i", "up", 0, {}});
  events.emplace_back(core::ReasoningEvent{0, "hm"});
  events.emplace_back(core::LogprobsEvent{
      .choice = 0,
      .content = R"({"token":"Hé","logprob":-0.5,"top_logprobs":[{"token":"Hé","logprob":-0.5},)"
                 R"({"token":"A","logprob":-2}]})"});
  events.emplace_back(core::TextEvent{0, "Hé"});
  events.emplace_back(core::LogprobsEvent{.choice = 0, .content = R"({"token":"y","logprob":-1})"});
  events.emplace_back(core::TextEvent{0, "y"});
  events.emplace_back(core::FinishEvent{0, core::FinishReason::kLength, {}});
  core::Usage usage;
  usage.input_tokens = 3;
  usage.output_tokens = 2;
  events.emplace_back(core::UsageEvent{usage});
  events.emplace_back(core::DoneEvent{});
  const std::string head = R"({"id":"cmpl-)" + kId.ToString() +
                           R"(","object":"text_completion","created":1700000000,"model":"up",)";
  EXPECT_EQ(
      Answered(R"({"model":"x","prompt":"a","logprobs":1})", events),
      head +
          R"("choices":[{"text":"Héy","index":0,"logprobs":{"tokens":["Hé","y"],)"
          R"("token_logprobs":[-0.5,-1],"top_logprobs":[{"Hé":-0.5,"A":-2},null],)"
          R"("text_offset":[0,2]},"finish_reason":"length"}],"usage":{"prompt_tokens":3,)"
          R"("completion_tokens":2,"total_tokens":5,"prompt_tokens_details":{"cached_tokens":0},)"
          R"("completion_tokens_details":{"reasoning_tokens":0}}})");
  const std::string stream = Answered(
      R"({"model":"x","prompt":"a","stream":true,"stream_options":{"include_usage":true}})",
      events);
  EXPECT_NE(stream.find(head + R"("choices":[{"text":"y","index":0,"logprobs":{"tokens":["y"],)"
                               R"("token_logprobs":[-1],"top_logprobs":[null],"text_offset":[2]},)"
                               R"("finish_reason":null}],"usage":null})"),
            std::string::npos)
      << stream;
  EXPECT_TRUE(stream.ends_with("data: [DONE]\n\n")) << stream;
  EXPECT_EQ(stream.find("hm"), std::string::npos);
}

TEST(Completions, LogprobsOfTheirOwnShapeKeepIt) {
  std::vector<core::Event> events;
  events.emplace_back(core::LogprobsEvent{
      .choice = 0,
      .content = R"({"tokens":["a","b"],"token_logprobs":[null,-2.5],"top_logprobs":[null,)"
                 R"({"b":-2.5}],"text_offset":[7,8]})"});
  events.emplace_back(core::TextEvent{0, "ab"});
  events.emplace_back(core::DoneEvent{});
  const std::string whole = Answered(R"({"model":"x","prompt":"a","logprobs":1})", events);
  EXPECT_NE(whole.find(R"("logprobs":{"tokens":["a","b"],"token_logprobs":[null,-2.5],)"
                       R"("top_logprobs":[null,{"b":-2.5}],"text_offset":[0,1]})"),
            std::string::npos)
      << whole;
}

}  // namespace
}  // namespace tidegate::protocols::openai_completions
