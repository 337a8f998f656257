// What requests say, beyond what the transcripts show.
#include <string>

#include <gtest/gtest.h>

#include "core/capability.h"
#include "protocols/gemini/codec.h"
#include "protocols/gemini/request_encoder.h"
#include "protocols/testing/test_support.h"

namespace tidegate::protocols::gemini {
namespace {

constexpr std::string_view kPath = "/v1beta/models/m:generateContent";

// A request that keeps its body alive.
struct Asked {
  explicit Asked(std::string_view text, std::string_view path = kPath)
      : body(text), request(DecodeChat(Codec(), path, body.view())) {}
  PaddedText body;
  Result<core::Request> request;
};

std::string Refusal(std::string_view text, std::string_view path = kPath) {
  const Asked asked(text, path);
  if (asked.request.ok()) return "accepted";
  return asked.request.error().field + ": " + asked.request.error().message;
}

std::string WithConfig(std::string_view config) {
  return R"({"contents":[{"parts":[{"text":"a"}]}],"generationConfig":{)" + std::string(config) +
         "}}";
}

std::string WithParts(std::string_view parts, std::string_view role = "user") {
  return R"({"contents":[{"role":")" + std::string(role) + R"(","parts":[)" + std::string(parts) +
         "]}]}";
}

// The body for an upstream, or the error.
std::string Sent(const Asked& asked, const UpstreamOptions& options) {
  if (!asked.request.ok()) return "refused: " + DescribeError(asked.request.error());
  const Result<UpstreamRequest> upstream = Codec().EncodeRequest(*asked.request, options);
  if (!upstream.ok()) return "refused: " + DescribeError(upstream.error());
  std::string joined;
  for (const std::string_view piece : upstream->body.pieces) joined += piece;
  return joined;
}

TEST(GeminiRequest, RefusesWhatIsWrongWithItsPlace) {
  struct Case {
    std::string body, field;
  };
  const std::string deep = WithParts(R"({"thought":true,"text":"x"})");
  const Case cases[] = {
      {"[]", ""},
      {"{}", "contents"},
      {R"({"contents":"a"})", "contents"},
      {R"({"contents":[{}]})", "contents[0].parts"},
      {R"({"contents":[],"contents":[]})", "contents"},
      {WithParts(R"({"text":"a"})", "assistant"), "contents[0].role"},
      {WithParts(R"({"text":"a","inlineData":{}})"), "contents[0].parts[0]"},
      {WithParts(R"({"text":1})"), "contents[0].parts[0].text"},
      {deep, "contents[0].parts[0].thought"},
      {WithParts(R"({"functionCall":{"name":"f"}})"), "contents[0].parts[0].functionCall"},
      {WithParts(R"({"functionCall":{"name":"f","args":[]}})", "model"),
       "contents[0].parts[0].functionCall.args"},
      {WithParts(R"({"functionCall":{"id":"a","name":"f"}},{"functionCall":{"id":"a","name":"g"}})",
                 "model"),
       "contents[0].parts[1].functionCall.id"},
      {WithParts(R"({"functionResponse":{"name":"f","response":{}}})"),
       "contents[0].parts[0].functionResponse.name"},
      {WithParts(R"({"inlineData":{"mimeType":"image/png"}})"),
       "contents[0].parts[0].inlineData.data"},
      {WithParts(R"({"fileData":{"mimeType":"image/png","fileUri":"file:///etc/passwd"}})"),
       "contents[0].parts[0].fileData.fileUri"},
      {WithParts(R"({"text":"a","thoughtSignature":"VEdBVEUxAA=="})", "model"),
       "contents[0].parts[0].thoughtSignature"},
      {WithConfig(R"("temperature":2.5)"), "generationConfig.temperature"},
      {WithConfig(R"("topP":-1)"), "generationConfig.topP"},
      {WithConfig(R"("candidateCount":9)"), "generationConfig.candidateCount"},
      {WithConfig(R"("maxOutputTokens":"many")"), "generationConfig.maxOutputTokens"},
      {WithConfig(R"("maxOutputTokens":0)"), "generationConfig.maxOutputTokens"},
      {WithConfig(R"("maxOutputTokens":1,"max_output_tokens":2)"),
       "generationConfig.max_output_tokens"},
      {WithConfig(R"("responseSchema":{"type":"OBJECT"})"), "generationConfig.responseSchema"},
      {WithConfig(R"("responseMimeType":"application/json","responseSchema":{},)"
                  R"("responseJsonSchema":{})"),
       "generationConfig.responseSchema"},
      {WithConfig(R"("logprobs":2)"), "generationConfig.logprobs"},
      {WithConfig(R"("thinkingConfig":{"thinkingBudget":1,"thinkingLevel":"LOW"})"),
       "generationConfig.thinkingConfig.thinkingLevel"},
      {WithConfig(R"("thinkingConfig":{"thinkingLevel":"DEEP"})"),
       "generationConfig.thinkingConfig.thinkingLevel"},
      {R"({"contents":[{"parts":[{"text":"a"}]}],"tools":[{"functionDeclarations":[{}]}]})",
       "tools[0].functionDeclarations[0].name"},
      {R"({"contents":[{"parts":[{"text":"a"}]}],"toolConfig":{"functionCallingConfig":)"
       R"({"mode":"ANY"}}})",
       "toolConfig.functionCallingConfig.mode"},
      {R"({"contents":[{"parts":[{"text":"a"}]}],"tools":[{"functionDeclarations":)"
       R"([{"name":"f"}]}],"toolConfig":{"functionCallingConfig":{"mode":"ANY",)"
       R"("allowedFunctionNames":["g"]}}})",
       "toolConfig.functionCallingConfig.allowedFunctionNames[0]"},
      {R"({"contents":[{"parts":[{"text":"a"}]}],"tidegate":{"privacy":"none"}})",
       "tidegate.privacy"}};
  for (const Case& each : cases) {
    const std::string refusal = Refusal(each.body);
    EXPECT_TRUE(refusal.starts_with(each.field + ": ")) << each.body << "\n" << refusal;
  }
  const std::string plain = WithParts(R"({"text":"a"})");
  EXPECT_TRUE(Refusal(plain, "/v1beta/models/m:generateContent?alt=proto").starts_with("alt: "));
  const std::string long_name = "/v1beta/models/" + std::string(257, 'm') + ":generateContent";
  EXPECT_TRUE(Refusal(plain, long_name).starts_with("model: "));
}

TEST(GeminiRequest, WhatOnlyGoogleKnowsNeedsGoogle) {
  struct Case {
    std::string body, field;
  };
  const Case cases[] = {
      {WithConfig(R"("responseModalities":["TEXT","IMAGE"])"),
       "generationConfig.responseModalities[1]"},
      {WithConfig(R"("speechConfig":{})"), "generationConfig.speechConfig"},
      {WithConfig(R"("responseMimeType":"text/x.enum","responseSchema":{"type":"STRING"})"),
       "generationConfig.responseMimeType"},
      {R"({"contents":[{"parts":[{"text":"a"}]}],"cachedContent":"cachedContents/x"})",
       "cachedContent"},
      {R"({"contents":[{"parts":[{"text":"a"}]}],"tools":[{"google_search":{}}]})",
       "tools[0].google_search"},
      {R"({"contents":[{"parts":[{"text":"a"}]}],"safetySettings":[{"threshold":"BLOCK_NONE"},)"
       R"({"threshold":"BLOCK_ONLY_HIGH"}]})",
       "safetySettings[1].threshold"},
      {R"({"contents":[{"parts":[{"text":"a"}]}],"tools":[{"functionDeclarations":)"
       R"([{"name":"f"},{"name":"g"},{"name":"h"}]}],"toolConfig":{"functionCallingConfig":)"
       R"({"mode":"ANY","allowedFunctionNames":["f","g"]}}})",
       "toolConfig.functionCallingConfig.allowedFunctionNames"},
      {WithParts(R"({"fileData":{"mimeType":"image/png","fileUri":"gs://b/a.png"}})"),
       "contents[0].parts[0].fileData.fileUri"},
      {WithParts(R"({"text":"a","videoMetadata":{}})"), "contents[0].parts[0].videoMetadata"},
      {WithParts(R"({"inlineData":{"mimeType":"image/png","data":"QQ=="}})", "model"),
       "contents[0].parts[0]"}};
  for (const Case& each : cases) {
    const Asked asked(each.body);
    ASSERT_TRUE(asked.request.ok()) << each.body << DescribeError(asked.request.error());
    EXPECT_TRUE(asked.request->needs.Has(core::Capability::kVendorFields)) << each.body;
    EXPECT_EQ(asked.request->vendor_field, each.field);
  }
  const Asked hints(
      R"({"contents":[{"parts":[{"text":"a"}]}],"labels":{"a":"b"},"serviceTier":"x","store":true,)"
      R"("safetySettings":[{"category":"C","threshold":"OFF"}],"generationConfig":)"
      R"({"mediaResolution":"MEDIA_RESOLUTION_LOW","responseModalities":["TEXT"]}})");
  ASSERT_TRUE(hints.request.ok());
  EXPECT_TRUE(hints.request->needs.empty()) << core::Join(hints.request->needs);
}

TEST(GeminiRequest, ChunksOfAStreamThatComeBackAreOneMessage) {
  const Asked asked(
      R"({"contents":[{"role":"user","parts":[{"text":"q"}]},)"
      R"({"role":"model","parts":[{"text":"Hel"}]},{"role":"model","parts":[{"text":"lo"}]},)"
      R"({"role":"model","parts":[{"text":"!","thoughtSignature":"cw=="}]},)"
      R"({"role":"model","parts":[{"text":"","thoughtSignature":"ZQ=="}]},)"
      R"({"role":"model","parts":[{"text":""}]},{"role":"user","parts":[{"text":"r"}]}]})");
  ASSERT_TRUE(asked.request.ok());
  ASSERT_EQ(asked.request->messages.size(), 3U);
  const std::vector<core::Part>& parts = asked.request->messages[1].parts;
  ASSERT_EQ(parts.size(), 3U);
  EXPECT_EQ(parts[0].text, "Hello");
  EXPECT_TRUE(parts[0].state.empty());
  EXPECT_EQ(parts[1].text, "!");
  EXPECT_EQ(parts[1].state.bytes, "cw==");
  EXPECT_EQ(parts[1].state.kind, core::StateKind::kOfPart);
  EXPECT_EQ(parts[2].kind, core::PartKind::kReasoning);  // of nothing that others could be sent
  EXPECT_EQ(parts[2].state.bytes, "ZQ==");
}

TEST(GeminiRequest, CallsWithoutIdsGetTheSameOnesEachTime) {
  const Asked asked(R"({"contents":[{"role":"model","parts":[{"functionCall":{"name":"f"}},)"
                    R"({"functionCall":{"id":"call_2","name":"f","args":{"a":1}}},)"
                    R"({"functionCall":{"name":"g"}}]},{"role":"user","parts":[)"
                    R"({"functionResponse":{"name":"g","response":{"output":"1"}}},)"
                    R"({"functionResponse":{"id":"call_2","name":"f","response":{"error":"2"}}},)"
                    R"({"functionResponse":{"name":"f","response":{"output":3}}}]}]})");
  ASSERT_TRUE(asked.request.ok()) << DescribeError(asked.request.error());
  const std::vector<core::Part>& calls = asked.request->messages[0].parts;
  EXPECT_EQ(calls[0].id, "call_0");
  EXPECT_EQ(calls[1].id, "call_2");
  EXPECT_EQ(calls[2].id, "call_2_");  // the name was taken
  const std::vector<core::Part>& results = asked.request->messages[1].parts;
  EXPECT_EQ(results[0].id, "call_2_");
  EXPECT_EQ(results[0].content[0].text, "1");
  EXPECT_EQ(results[1].id, "call_2");
  EXPECT_TRUE(results[1].is_error);
  EXPECT_EQ(results[2].id, "call_0");
  EXPECT_EQ(results[2].content[0].text, R"({"output":3})");  // a number is no text
}

TEST(GeminiRequest, VertexIsSentNoIds) {
  const Asked asked(
      R"({"contents":[{"role":"user","parts":[{"text":"q"}]},{"role":"model","parts":)"
      R"([{"functionCall":{"id":"a","name":"f"},"thoughtSignature":"cw=="}]},{"role":"user",)"
      R"("parts":[{"functionResponse":{"id":"a","name":"f","response":{"x":1}}}]}],)"
      R"("safetySettings":[{"threshold":"BLOCK_NONE"}]})");
  Dialect without_ids;
  without_ids.call_ids = false;
  const UpstreamOptions vertex{.model = "gemini-3-pro", .dialect = &without_ids};
  EXPECT_EQ(Sent(asked, vertex),
            R"({"contents":[{"role":"user","parts":[{"text":"q"}]},{"role":"model","parts":)"
            R"([{"functionCall":{"name":"f","args":{}},"thoughtSignature":"cw=="}]},)"
            R"({"role":"user","parts":[{"functionResponse":{"name":"f","response":{"x":1}}}]}],)"
            R"("safetySettings":[{"threshold":"BLOCK_NONE"}]})");
  EXPECT_EQ(Sent(asked, {.model = "gemini-3-pro"}), asked.body.view());
  const Asked vendor(
      R"({"contents":[{"role":"model","parts":[{"functionCall":{"id":"a","name":"f"}}]},)"
      R"({"role":"user","parts":[{"text":"q"}]}],"cachedContent":"x"})");
  EXPECT_TRUE(Sent(vendor, vertex).starts_with("refused: invalid_argument retry=other_target"));
}

TEST(GeminiRequest, ThoughtsAreMeasuredAsTheModelsGenerationDoes) {
  const auto thinking = [](std::string_view config, std::string_view model) {
    const Asked asked(WithConfig("\"thinkingConfig\":{" + std::string(config) + "}"));
    const Result<std::string> body =
        WriteGenerateRequest(*asked.request, UpstreamOptions{.model = model});
    const std::size_t at = body->find("\"thinkingConfig\":");
    return at == std::string::npos ? "" : body->substr(at + 17, body->find('}', at) - at - 16);
  };
  EXPECT_EQ(thinking(R"("thinkingLevel":"LOW")", "gemini-3-pro"), R"({"thinkingLevel":"LOW"})");
  EXPECT_EQ(thinking(R"("thinkingLevel":"LOW")", "gemini-2.5-pro"), R"({"thinkingBudget":2048})");
  EXPECT_EQ(thinking(R"("thinkingBudget":9000)", "gemini-3-pro"), R"({"thinkingLevel":"HIGH"})");
  EXPECT_EQ(thinking(R"("thinkingBudget":9000,"includeThoughts":true)", "gemini-2.5-flash"),
            R"({"includeThoughts":true,"thinkingBudget":9000})");
  EXPECT_EQ(thinking(R"("thinkingBudget":0)", "gemini-2.5-flash"), R"({"thinkingBudget":0})");
  EXPECT_EQ(thinking(R"("thinkingBudget":0)", "gemini-2.5-pro"), R"({"thinkingBudget":128})");
  EXPECT_EQ(thinking(R"("thinkingBudget":0)", "gemini-3-flash"), R"({"thinkingLevel":"MINIMAL"})");
  EXPECT_EQ(thinking(R"("thinkingBudget":-1)", "gemini-3-flash"), "");
  EXPECT_EQ(thinking(R"("includeThoughts":true)", "gemini-3-flash"), R"({"includeThoughts":true})");
}

TEST(GeminiRequest, ALimitIsPutWhereItBelongs) {
  const UpstreamOptions limit{.model = "m", .output_tokens_limit = 7};
  const auto sent = [&](std::string_view config) {
    const std::string head = R"({"contents":[{"parts":[{"text":"a"}]}])";
    const Asked asked(head + std::string(config) + "}");
    return Sent(asked, limit).substr(head.size());
  };
  EXPECT_EQ(sent(R"(,"generationConfig":{"maxOutputTokens": 9 ,"topK":1})"),
            R"(,"generationConfig":{"maxOutputTokens": 7 ,"topK":1}})");
  EXPECT_EQ(sent(R"(,"generation_config":{"topK":1})"),
            R"(,"generation_config":{"maxOutputTokens":7,"topK":1}})");
  EXPECT_EQ(sent(R"(,"generationConfig":null)"), R"(,"generationConfig":{"maxOutputTokens":7}})");
  const Asked bare(R"({ "contents":[{"parts":[{"text":"a"}]}],"tidegate":{"privacy":"open"} })");
  EXPECT_EQ(
      Sent(bare, limit),
      R"({"generationConfig":{"maxOutputTokens":7}, "contents":[{"parts":[{"text":"a"}]}] })");
}

TEST(GeminiRequest, AStreamWithoutEventsCannotCarryWhatOnlyGoogleSays) {
  const std::string body =
      R"({"contents":[{"parts":[{"text":"a"}]}],"tools":[{"googleSearch":{}}]})";
  const std::string path = "/v1beta/models/m:streamGenerateContent";
  EXPECT_TRUE(Refusal(body, path).starts_with("tools[0].googleSearch: "));
  const Asked events(body, path + "?alt=sse");
  ASSERT_TRUE(events.request.ok());
  EXPECT_TRUE(events.request->same_answer);
  const Asked array(WithParts(R"({"text":"a"})"), path);
  ASSERT_TRUE(array.request.ok());
  EXPECT_TRUE(array.request->stream);
  EXPECT_FALSE(array.request->same_answer);
  EXPECT_TRUE(Codec().StreamContentType(*array.request).starts_with("application/json"));
}

}  // namespace
}  // namespace tidegate::protocols::gemini
