// Counting the tokens of a chat: how each protocol is asked, by whatever client, and answers.
#include "protocols/token_counter.h"

#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "protocols/anthropic_messages/codec.h"
#include "protocols/bedrock_converse/codec.h"
#include "protocols/cohere_chat/codec.h"
#include "protocols/gemini/codec.h"
#include "protocols/openai_chat/codec.h"
#include "protocols/openai_responses/codec.h"
#include "protocols/testing/test_support.h"

namespace tidegate::protocols {
namespace {

constexpr std::string_view kGeminiPath = "/v1beta/models/x:countTokens";
constexpr std::string_view kBedrockPath = "/model/x/count-tokens";
constexpr std::string_view kAnthropicPath = "/v1/messages/count_tokens";

// What a target gets for a client's body.
std::string Sent(const Protocol& client, std::string_view path, std::string_view text,
                 const Protocol& target) {
  const PaddedText body(text);
  const Result<core::Request> request = DecodeChat(client, path, body.view());
  if (!request.ok()) return "bad: " + DescribeError(request.error());
  const Result<UpstreamRequest> upstream =
      target.EncodeRequest(*request, {.model = "m", .count_only = true});
  if (!upstream.ok()) return "refused: " + DescribeError(upstream.error());
  std::string sent = upstream->path + " ";
  for (const std::string_view piece : upstream->body.pieces) sent += piece;
  return sent;
}

TEST(TokenCounter, EachProtocolThatCountsHasItsPath) {
  const struct {
    const Protocol& protocol;
    std::string_view path, name;
  } counters[] = {
      {anthropic_messages::Codec(), kAnthropicPath, "anthropic_count_tokens"},
      {openai_responses::Codec(), "/v1/responses/input_tokens", "openai_input_tokens"},
      {openai_chat::Codec(), "/v1/chat/completions/input_tokens", "openai_chat_input_tokens"},
      {gemini::Codec(), kGeminiPath, "gemini_count_tokens"},
      {bedrock_converse::Codec(), kBedrockPath, "bedrock_count_tokens"}};
  for (const auto& [protocol, path, name] : counters) {
    const NoFields fields;
    const std::optional<Route> route = protocol.Match({"POST", path, "", &fields});
    ASSERT_TRUE(route.has_value()) << path;
    EXPECT_EQ(route->operation, Operation::kCountTokens);
    EXPECT_TRUE(protocol.OwnsPath(path));
    EXPECT_EQ(protocol.token_counter()->name(), name);
  }
  EXPECT_EQ(cohere_chat::Codec().token_counter(), nullptr);
  const core::CapabilitySet counts = core::CapabilitySet().With(core::Capability::kCountTokens);
  EXPECT_FALSE(
      CompleteCapabilities(cohere_chat::Codec(), counts).Has(core::Capability::kCountTokens));
  EXPECT_TRUE(CompleteCapabilities(gemini::Codec(), counts).Has(core::Capability::kCountTokens));
}

TEST(TokenCounter, TheSameProtocolGetsTheSameBytes) {
  EXPECT_EQ(Sent(anthropic_messages::Codec(), kAnthropicPath,
                 R"({ "model":"x","messages":[{"role":"user","content":"a"}],)"
                 R"("tidegate":{"privacy":"open"},"thinking":{"type":"disabled"}})",
                 anthropic_messages::Codec()),
            R"(/messages/count_tokens { "model":"m","messages":[{"role":"user","content":"a"}],)"
            R"("thinking":{"type":"disabled"}})");
  EXPECT_EQ(Sent(openai_responses::Codec(), "/v1/responses/input_tokens",
                 R"({"model":"x","input":"a"})", openai_responses::Codec()),
            R"(/responses/input_tokens {"model":"m","input":"a"})");
}

TEST(TokenCounter, GoogleGetsAWholeRequestThatNamesItsModel) {
  const Protocol& google = gemini::Codec();
  EXPECT_EQ(
      Sent(google, kGeminiPath,
           R"( {"tidegate":{"privacy":"open"},"contents":[{"parts":[{"text":"a"}]}]} )", google),
      R"(/models/m:countTokens {"generateContentRequest":{"model":"models/m",)"
      R"("contents":[{"parts":[{"text":"a"}]}]} })");
  EXPECT_EQ(Sent(google, kGeminiPath,
                 R"({"generateContentRequest":{"model":"models/x","contents":)"
                 R"([{"parts":[{"text":"a"}]}]},"tidegate":{"privacy":"open"}})",
                 google),
            R"(/models/m:countTokens {"generateContentRequest":{"model":"models/m","contents":)"
            R"([{"parts":[{"text":"a"}]}]}})");
  EXPECT_EQ(
      Sent(anthropic_messages::Codec(), kAnthropicPath,
           R"({"model":"x","system":"s","messages":[{"role":"user","content":"a"}]})", google),
      R"(/models/m:countTokens {"generateContentRequest":{"model":"models/m",)"
      R"("systemInstruction":{"parts":[{"text":"s"}]},)"
      R"("contents":[{"role":"user","parts":[{"text":"a"}]}]}})");
}

TEST(TokenCounter, AWrappedRequestThatIsWrittenAnewLosesNothing) {
  const PaddedText body(
      R"({"generateContentRequest":{"safetySettings":[{"category":"C","threshold":"BLOCK_NONE"}],)"
      R"("contents":[{"parts":[{"text":"a"}]},{"role":"model","parts":[)"
      R"({"functionCall":{"id":"1","name":"f","args":{}}}]}]}})");
  const Result<core::Request> request = DecodeChat(gemini::Codec(), kGeminiPath, body.view());
  ASSERT_TRUE(request.ok()) << request.error().message;
  Dialect dialect;
  dialect.call_ids = false;
  const Result<UpstreamRequest> upstream = gemini::Codec().EncodeRequest(
      *request, {.model = "m", .dialect = &dialect, .count_only = true});
  ASSERT_TRUE(upstream.ok()) << upstream.error().message;
  const std::string_view sent = upstream->body.pieces.at(0);
  EXPECT_EQ(sent.find(R"("id")"), std::string_view::npos) << sent;
  EXPECT_NE(sent.find(R"("safetySettings":[{"category":"C","threshold":"BLOCK_NONE"}])"),
            std::string_view::npos)
      << sent;
}

TEST(TokenCounter, AwsGetsAConversationInItsEnvelope) {
  const Protocol& aws = bedrock_converse::Codec();
  EXPECT_EQ(Sent(aws, kBedrockPath,
                 R"({"tidegate":{"privacy":"open"},"input":{"converse":{"messages":)"
                 R"([ {"role":"user","content":[{"text":"a"}]}]}}})",
                 aws),
            R"(/model/m/count-tokens {"input":{"converse":{"messages":)"
            R"([ {"role":"user","content":[{"text":"a"}]}]}}})");
  EXPECT_EQ(Sent(gemini::Codec(), kGeminiPath,
                 R"({"generateContentRequest":{"contents":[{"parts":[{"text":"a"}]}],)"
                 R"("systemInstruction":{"parts":[{"text":"s"}]},)"
                 R"("generationConfig":{"temperature":1.5,"maxOutputTokens":9}}})",
                 aws),
            R"(/model/m/count-tokens {"input":{"converse":{"system":[{"text":"s"}],)"
            R"("messages":[{"role":"user","content":[{"text":"a"}]}]}}})");
  EXPECT_EQ(Sent(aws, kBedrockPath,
                 R"({"input":{"converse":{"messages":[{"role":"user","content":[{"text":"a"}]}],)"
                 R"("inferenceConfig":{"maxTokens":5}}}})",
                 anthropic_messages::Codec()),
            R"(/messages/count_tokens {"model":"m","messages":[{"role":"user",)"
            R"("content":[{"type":"text","text":"a"}]}]})");
}

TEST(TokenCounter, WhatOnlyAnAnswerDependsOnIsNotSent) {
  const std::string messages =
      Sent(gemini::Codec(), kGeminiPath,
           R"({"generateContentRequest":{"contents":[{"parts":[{"text":"a"}]}],)"
           R"("generationConfig":{"temperature":0.5,"maxOutputTokens":9,"stopSequences":["b"]}}})",
           anthropic_messages::Codec());
  EXPECT_EQ(messages, R"(/messages/count_tokens {"model":"m","messages":[{"role":"user",)"
                      R"("content":[{"type":"text","text":"a"}]}]})");
  const std::string responses = Sent(anthropic_messages::Codec(), kAnthropicPath,
                                     R"({"model":"x","messages":[{"role":"user","content":"a"}]})",
                                     openai_responses::Codec());
  EXPECT_EQ(responses.find("store"), std::string::npos) << responses;
  EXPECT_EQ(responses.find("max_output_tokens"), std::string::npos) << responses;
}

TEST(TokenCounter, WhatIsWrongIsRefusedWithItsPlace) {
  const auto field = [](const Protocol& client, std::string_view path, std::string_view text) {
    const PaddedText body(text);
    const Result<core::Request> request = DecodeChat(client, path, body.view());
    return request.ok() ? "none" : request.error().field;
  };
  EXPECT_EQ(field(anthropic_messages::Codec(), kAnthropicPath, R"({"model":"x"})"), "messages");
  EXPECT_EQ(field(anthropic_messages::Codec(), kAnthropicPath,
                  R"({"model":"x","messages":[{"role":"user","content":"a"}],"max_tokens":0})"),
            "max_tokens");
  EXPECT_EQ(field(gemini::Codec(), kGeminiPath, R"({})"), "contents");
  EXPECT_EQ(field(gemini::Codec(), kGeminiPath, R"({"generateContentRequest":{}})"),
            "generateContentRequest.contents");
  EXPECT_EQ(field(gemini::Codec(), kGeminiPath,
                  R"({"contents":[],"generateContentRequest":{"contents":[]}})"),
            "contents");
  EXPECT_EQ(field(gemini::Codec(), kGeminiPath,
                  R"({"generateContentRequest":{"contents":[{"parts":[{"text":"a"}]}],)"
                  R"("tidegate":{}},"tidegate":{}})"),
            "tidegate");
  EXPECT_EQ(field(gemini::Codec(), kGeminiPath,
                  R"({"generateContentRequest":{"contents":[{"parts":[{"text":"a"}]}]},"x":1})"),
            "x");
  const Protocol& aws = bedrock_converse::Codec();
  EXPECT_EQ(field(aws, kBedrockPath, "{}"), "input");
  EXPECT_EQ(field(aws, kBedrockPath, R"({"input":{}})"), "input");
  EXPECT_EQ(field(aws, kBedrockPath, R"({"input":{"invokeModel":{"body":"e30="}}})"),
            "input.invokeModel");
  EXPECT_EQ(field(aws, kBedrockPath, R"({"input":{"converse":{}}})"), "input.converse.messages");
  EXPECT_EQ(field(aws, kBedrockPath, R"({"input":{"converse":{}},"modelId":"x"})"), "modelId");
  EXPECT_EQ(field(aws, kBedrockPath,
                  R"({"input":{"converse":{"messages":[{"role":"user","content":[{"text":"a"}]}],)"
                  R"("tidegate":{}}},"tidegate":{}})"),
            "tidegate");
}

TEST(TokenCounter, AnAnswerIsANumberOrNone) {
  const TokenCounter& counter = *anthropic_messages::Codec().token_counter();
  const auto decode = [&](std::string_view text) {
    const PaddedText body(text);
    const Result<std::int64_t> tokens = counter.DecodeCount(body.view());
    return tokens.ok() ? std::to_string(*tokens) : DescribeError(tokens.error());
  };
  EXPECT_EQ(decode(counter.EncodeCount(17)), "17");
  EXPECT_EQ(openai_chat::Codec().token_counter()->EncodeCount(3),
            R"({"object":"response.input_tokens","input_tokens":3})");
  EXPECT_EQ(gemini::Codec().token_counter()->EncodeCount(3), R"({"totalTokens":3})");
  for (const std::string_view none : {"", "[]", "{}", R"({"input_tokens":-1})",
                                      R"({"input_tokens":"7"})", R"({"input_tokens":1e30})"}) {
    EXPECT_NE(decode(none).find("protocol retry=other_target source=upstream"), std::string::npos)
        << none << ": " << decode(none);
  }
  EXPECT_NE(decode(R"({"error":{"type":"overloaded_error","message":"busy"}})").find("busy"),
            std::string::npos);
}

}  // namespace
}  // namespace tidegate::protocols
