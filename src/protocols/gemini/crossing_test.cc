// What crosses between this protocol and the others, and comes back.
#include <algorithm>
#include <string>

#include <gtest/gtest.h>

#include "json/reader.h"
#include "protocols/anthropic_messages/codec.h"
#include "protocols/gemini/codec.h"
#include "protocols/openai_chat/codec.h"
#include "protocols/testing/test_support.h"

namespace tidegate::protocols::gemini {
namespace {

const Protocol& kGemini = Codec();
const Protocol& kChat = openai_chat::Codec();
const Protocol& kMessages = anthropic_messages::Codec();

std::string_view PathOf(const Protocol& codec) {
  if (&codec == &kGemini) return "/v1beta/models/x:generateContent";
  return &codec == &kChat ? "/v1/chat/completions" : "/v1/messages";
}

// The body that `to` would be sent, or the error.
std::string Sent(const Protocol& from, std::string_view text, const Protocol& to,
                 std::string_view model = "gemini-3-pro") {
  const PaddedText body(text);
  const Result<core::Request> request = DecodeChat(from, PathOf(from), body.view());
  if (!request.ok()) return "refused: " + DescribeError(request.error());
  const UpstreamOptions options{.model = model, .passes_unknown_fields = true};
  const Result<UpstreamRequest> upstream = to.EncodeRequest(*request, options);
  if (!upstream.ok()) return "refused: " + DescribeError(upstream.error());
  std::string joined;
  for (const std::string_view piece : upstream->body.pieces) joined += piece;
  return joined;
}

// What a client of `to` gets of an answer that came in `from`, a byte at a time.
std::string Answered(const Protocol& from, std::string_view answer, bool streamed,
                     const Protocol& to, bool stream_out, int form = 0) {
  core::Request request;
  request.model = "asked";
  request.stream = stream_out;
  request.stream_usage = true;
  request.form = form;
  const std::unique_ptr<ResponseDecoder> decoder = from.NewDecoder(streamed);
  const std::unique_ptr<ResponseEncoder> encoder = to.NewEncoder(request, RequestId{1, 2}, 3);
  std::vector<core::Event> events;
  std::string out;
  const auto encode = [&] {
    for (const core::Event& event : events) encoder->Encode(event, out);
    events.clear();
  };
  for (const char c : answer) {
    EXPECT_TRUE(decoder->Feed(std::string_view(&c, 1), events).ok());
    encode();
  }
  EXPECT_TRUE(decoder->Finish(events).ok());
  encode();
  return out;
}

bool Holds(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST(GeminiCrossing, AChatWithToolsReachesGoogleWhole) {
  EXPECT_EQ(
      Sent(kChat,
           R"({"model":"x","max_tokens":50,"messages":[{"role":"system","content":"S"},)"
           R"({"role":"user","content":[{"type":"text","text":"look"},{"type":"image_url",)"
           R"("image_url":{"url":"data:image/png;base64,QQ=="}},{"type":"image_url",)"
           R"("image_url":{"url":"https://e.example/a.JPG?x"}}]},)"
           R"({"role":"assistant","content":"ok","tool_calls":[{"id":"c.1","type":"function",)"
           R"("function":{"name":"f","arguments":"{\"n\": 9223372036854775807, \"x\": 1.0}"}},)"
           R"({"id":"c2","type":"function","function":{"name":"g","arguments":""}}]},)"
           R"({"role":"tool","tool_call_id":"c.1","content":"r1"},)"
           R"({"role":"tool","tool_call_id":"c2","content":"{\"t\": 1.0}"},)"
           R"({"role":"user","content":"go"}],"tools":[{"type":"function","function":)"
           R"({"name":"f","description":"d","parameters":{"type":"object"}}}],)"
           R"("tool_choice":{"type":"function","function":{"name":"f"}},"temperature":0.5,)"
           R"("stop":"END","user":"u","seed":5,"reasoning_effort":"low",)"
           R"("response_format":{"type":"json_schema","json_schema":{"name":"n","schema":)"
           R"({"type":"object","additionalProperties":false}}}})",
           kGemini),
      R"({"systemInstruction":{"parts":[{"text":"S"}]},"contents":[{"role":"user","parts":[)"
      R"({"text":"look"},{"inlineData":{"mimeType":"image/png","data":"QQ=="}},{"fileData":)"
      R"({"mimeType":"image/jpeg","fileUri":"https://e.example/a.JPG?x"}}]},{"role":"model",)"
      R"("parts":[{"text":"ok"},{"functionCall":{"id":"c.1","name":"f","args":)"
      R"({"n": 9223372036854775807, "x": 1.0}},"thoughtSignature":)"
      R"("skip_thought_signature_validator"},{"functionCall":{"id":"c2","name":"g","args":{}}}]},)"
      R"({"role":"user","parts":[{"functionResponse":{"id":"c.1","name":"f","response":)"
      R"({"output":"r1"}}},{"functionResponse":{"id":"c2","name":"g","response":{"t": 1.0}}},)"
      R"({"text":"go"}]}],"tools":[{"functionDeclarations":[{"name":"f","description":"d",)"
      R"("parametersJsonSchema":{"type":"object"}}]}],"toolConfig":{"functionCallingConfig":)"
      R"({"mode":"ANY","allowedFunctionNames":["f"]}},"generationConfig":{"maxOutputTokens":50,)"
      R"("temperature":0.5,"stopSequences":["END"],"seed":5,"responseMimeType":)"
      R"("application/json","responseJsonSchema":{"type":"object","additionalProperties":false},)"
      R"("thinkingConfig":{"includeThoughts":true,"thinkingLevel":"LOW"}}})");
}

TEST(GeminiCrossing, AConversationWithToolsReachesAChatWhole) {
  EXPECT_EQ(
      Sent(kGemini,
           R"({"system_instruction":{"parts":[{"text":"S"}]},"contents":[{"role":"user","parts":[)"
           R"({"text":"a"}]},{"role":"model","parts":[{"text":"o"}]},{"role":"model","parts":[)"
           R"({"text":"k"}]},{"role":"model","parts":[{"functionCall":{"name":"f","args":)"
           R"({"n" : 1.0}}}]},{"role":"user","parts":[{"functionResponse":{"name":"f","response":)"
           R"({"output":"r"}}}]}],"tools":[{"functionDeclarations":[{"name":"f","parameters":)"
           R"({"type":"OBJECT","properties":{"n":{"type":"NUMBER","nullable":true}}}}]}],)"
           R"("toolConfig":{"functionCallingConfig":{"mode":"any"}},"generationConfig":)"
           R"({"maxOutputTokens":50,"stopSequences":["E"],"thinkingConfig":)"
           R"({"thinkingBudget":4096}}})",
           kChat),
      R"({"model":"gemini-3-pro","messages":[{"role":"system","content":"S"},{"role":"user",)"
      R"("content":"a"},{"role":"assistant","content":"ok","tool_calls":[{"id":"call_0",)"
      R"("type":"function","function":{"name":"f","arguments":"{\"n\" : 1.0}"}}]},{"role":"tool",)"
      R"("tool_call_id":"call_0","content":"r"}],"tools":[{"type":"function","function":)"
      R"({"name":"f","parameters":{"type":"object","properties":{"n":{"type":["number","null"]}}})"
      R"(}}],"tool_choice":"required","stop":["E"],"reasoning_effort":"medium","max_tokens":50})");
}

constexpr std::string_view kSignedStream =
    "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"why\",\"thought\":true,"
    "\"thoughtSignature\":\"dA==\"}]},\"index\":0}],\"modelVersion\":\"gemini-3\"}\n\n"
    "data: {\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{\"name\":\"f\",\"args\":"
    "{\"x\":1.0}},\"thoughtSignature\":\"Yw==\"},{\"functionCall\":{\"name\":\"g\"}}]},"
    "\"finishReason\":\"STOP\",\"index\":0}],\"usageMetadata\":{\"promptTokenCount\":4,"
    "\"candidatesTokenCount\":5}}\n\n";

TEST(GeminiCrossing, SignaturesCrossAMessagesClientAndComeBackToTheirParts) {
  const std::string message = Answered(kGemini, kSignedStream, true, kMessages, false);
  const std::size_t begin = message.find("\"content\":") + 10;
  const std::string content = message.substr(begin, message.find(",\"stop_reason\"") - begin);
  const std::string back =
      Sent(kMessages,
           R"({"model":"x","max_tokens":9,"messages":[{"role":"user","content":"q"},)"
           R"({"role":"assistant","content":)" +
               content + "}]}",
           kGemini);
  EXPECT_TRUE(Holds(back, R"({"text":"why","thought":true,"thoughtSignature":"dA=="})")) << back;
  EXPECT_TRUE(Holds(back, R"("name":"f","args":{"x":1.0}},"thoughtSignature":"Yw=="})")) << back;
  EXPECT_TRUE(Holds(back, R"("name":"g","args":{}}}]})")) << back;
  EXPECT_FALSE(Holds(back, "skip_thought")) << back;
}

TEST(GeminiCrossing, ASignatureOfACallCrossesAChatClientAndComesBack) {
  for (const bool stream_out : {true, false}) {
    const std::string chat = Answered(kGemini, kSignedStream, true, kChat, stream_out);
    EXPECT_TRUE(Holds(chat, R"("extra_content":{"google":{"thought_signature":"Yw=="}})")) << chat;
    EXPECT_TRUE(Holds(chat, "tool_calls\"}")) << "the finish reason: " << chat;
  }
  const std::string back =
      Sent(kChat,
           R"({"model":"x","messages":[{"role":"user","content":"q"},{"role":"assistant",)"
           R"("tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"},)"
           R"("extra_content":{"google":{"thought_signature":"Yw=="}}}]},{"role":"tool",)"
           R"("tool_call_id":"a","content":"r"}]})",
           kGemini);
  EXPECT_TRUE(Holds(back, R"("thoughtSignature":"Yw==")")) << back;
}

constexpr std::string_view kThinking =
    R"({"id":"m","type":"message","role":"assistant","model":"c","content":[{"type":"thinking",)"
    R"("thinking":"why","signature":"sig=="},{"type":"redacted_thinking","data":"hid=="},)"
    R"({"type":"text","text":"4"}],"stop_reason":"end_turn","usage":{"input_tokens":3,)"
    R"("cache_read_input_tokens":2,"output_tokens":5}})";

TEST(GeminiCrossing, AnotherProvidersThoughtsCrossAGeminiClientAndComeBack) {
  for (const bool stream_out : {true, false}) {
    const std::string answer = Answered(kMessages, kThinking, false, kGemini, stream_out);
    // A client keeps all parts of all chunks.
    std::string parts;
    for (std::size_t at = 0; (at = answer.find("\"parts\":[", at)) != std::string::npos;) {
      at += 9;
      const std::size_t end = answer.find("],\"role\"", at);
      parts += (parts.empty() ? "" : ",") + answer.substr(at, end - at);
    }
    const std::string next = R"({"contents":[{"role":"user","parts":[{"text":"2+2"}]},)"
                             R"({"role":"model","parts":[)" +
                             parts + R"(]},{"role":"user","parts":[{"text":"3+3"}]}],)" +
                             R"("generationConfig":{"maxOutputTokens":9}})";
    const std::string back = Sent(kGemini, next, kMessages);
    EXPECT_TRUE(Holds(back, R"([{"type":"thinking","thinking":"why","signature":"sig=="},)"
                            R"({"type":"redacted_thinking","data":"hid=="},)"
                            R"({"type":"text","text":"4"}])"))
        << back;
    const std::string google = Sent(kGemini, next, kGemini);
    EXPECT_TRUE(Holds(google, R"({"role":"model","parts":[{"text":"4"}]})")) << google;
    EXPECT_FALSE(Holds(google, "why") || Holds(google, "VEdBVEUx")) << "dropped whole: " << google;
    // Clients that keep bytes write them anew in the other alphabet, some without padding.
    std::string other = next;
    std::replace(other.begin(), other.end(), '+', '-');
    std::erase(other, '=');
    EXPECT_TRUE(Holds(Sent(kGemini, other, kMessages), R"("signature":"sig==")"));
  }
}

constexpr std::string_view kMixedCalls =
    "data: "
    "{\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"I.\"}}]}"
    "\n\n"
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"a\","
    "\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"x\\\":\"}}]}}]}\n\n"
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":1,\"id\":\"b\","
    "\"function\":{\"name\":\"g\",\"arguments\":\"{}\"}}]}}]}\n\n"
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{"
    "\"arguments\":\"1.0}\"}}]}}]}\n\n"
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\n"
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":7,"
    "\"completion_tokens_details\":{\"reasoning_tokens\":3},\"prompt_tokens_details\":{"
    "\"cached_tokens\":4}}}\n\ndata: [DONE]\n\n";

TEST(GeminiCrossing, CallsThatCameInPiecesAreWholeInEveryForm) {
  constexpr std::string_view kCalls =
      R"({"functionCall":{"id":"a","name":"f","args":{"x":1.0}},"thoughtSignature":)"
      R"("skip_thought_signature_validator"},{"functionCall":{"id":"b","name":"g","args":{}}}],)"
      R"("role":"model"},"finishReason":"STOP")";
  constexpr std::string_view kUsage =
      R"("usageMetadata":{"promptTokenCount":9,"cachedContentTokenCount":4,)"
      R"("candidatesTokenCount":4,"thoughtsTokenCount":3,"totalTokenCount":16})";
  for (const bool stream_out : {true, false}) {
    const std::string out = Answered(kChat, kMixedCalls, true, kGemini, stream_out);
    EXPECT_TRUE(Holds(out, kCalls)) << out;
    EXPECT_TRUE(Holds(out, kUsage)) << out;
  }
  const std::string array = Answered(kChat, kMixedCalls, true, kGemini, true, 1);
  json::Reader reader;
  const Result<json::Value> root = reader.ParseCopy(array, 1U << 20U);
  ASSERT_TRUE(root.ok()) << array;
  EXPECT_EQ(root->Array()->Count(), 2U);
}

TEST(GeminiCrossing, ArgumentsThatAreNoObjectAreAMalformedCall) {
  constexpr std::string_view kBroken =
      R"({"id":"c","model":"m","choices":[{"index":0,"message":{"role":"assistant",)"
      R"("tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":)"
      R"("{\"x\":"}}]},"finish_reason":"tool_calls"}]})";
  const std::string out = Answered(kChat, kBroken, false, kGemini, false);
  EXPECT_TRUE(Holds(out,
                    "\"finishReason\":\"MALFORMED_FUNCTION_CALL\",\"finishMessage\":"
                    "\"Malformed function call: f({\\\"x\\\":)\""))
      << out;
}

TEST(GeminiCrossing, LogprobsKeepTheirNumbersBothWays) {
  constexpr std::string_view kAnswer =
      R"({"candidates":[{"content":{"parts":[{"text":"Y"}]},"finishReason":"STOP",)"
      R"("logprobsResult":{"topCandidates":[{"candidates":[{"token":"Y","logProbability":-0.25},)"
      R"({"token":"N","logProbability":-1.5}]}],"chosenCandidates":[{"token":"Y",)"
      R"("logProbability":-0.25}]}}]})";
  const std::string chat = Answered(kGemini, kAnswer, false, kChat, false);
  EXPECT_TRUE(Holds(chat, R"("logprobs":{"content":[{"token":"Y","logprob":-0.25,"bytes":[89],)"
                          R"("top_logprobs":[{"token":"Y","logprob":-0.25,"bytes":[89]},)"
                          R"({"token":"N","logprob":-1.5,"bytes":[78]}]}])"))
      << chat;
  const std::string back = Answered(kChat, chat, false, kGemini, false);
  EXPECT_TRUE(Holds(back, R"("logprobsResult":{"chosenCandidates":[{"token":"Y","logProbability":)"
                          R"(-0.25}],"topCandidates":[{"candidates":[{"token":"Y",)"
                          R"("logProbability":-0.25},{"token":"N","logProbability":-1.5}]}]})"))
      << back;
}

TEST(GeminiCrossing, WhatGoogleCannotBeToldMakesItIneligible) {
  EXPECT_FALSE(kGemini.Expressible().Has(core::Capability::kLogitBias));
  EXPECT_FALSE(kGemini.Expressible().Has(core::Capability::kParallelTools));
  const std::string empty =
      Sent(kChat, R"({"model":"x","messages":[{"role":"system","content":"S"}]})", kGemini);
  EXPECT_TRUE(empty.starts_with("refused: invalid_argument retry=other_target")) << empty;
  const std::string file =
      Sent(kChat,
           R"({"model":"x","messages":[{"role":"user","content":[{"type":"file","file":)"
           R"({"file_id":"f1"}}]}]})",
           kGemini);
  EXPECT_TRUE(Holds(file, "field=messages[0]")) << file;
}

TEST(GeminiCrossing, AnOlderGenerationNeedsNoStandInForASignature) {
  constexpr std::string_view kHistory =
      R"({"model":"x","messages":[{"role":"user","content":"q"},{"role":"assistant",)"
      R"("tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}]},)"
      R"({"role":"tool","tool_call_id":"a","content":"r"}]})";
  EXPECT_FALSE(Holds(Sent(kChat, kHistory, kGemini, "gemini-2.5-flash"), "thoughtSignature"));
  EXPECT_TRUE(Holds(Sent(kChat, kHistory, kGemini, "gemini-3-flash"), "skip_thought"));
}

}  // namespace
}  // namespace tidegate::protocols::gemini
