// What the transcripts cannot say: paths, refusals, errors to clients, and what crosses to other
// protocols and comes back.
#include "protocols/bedrock_converse/codec.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "protocols/anthropic_messages/codec.h"
#include "protocols/bedrock_converse/model_family.h"
#include "protocols/bedrock_converse/model_path.h"
#include "protocols/openai_chat/codec.h"
#include "protocols/testing/event_stream_text.h"
#include "protocols/testing/test_support.h"

namespace tidegate::protocols::bedrock_converse {
namespace {

constexpr std::string_view kWhole = "/model/claude/converse";

std::string_view PathOf(const Protocol& codec) {
  if (codec.id() == core::Protocol::kOpenAiChat) return "/v1/chat/completions";
  return codec.id() == core::Protocol::kAnthropicMessages ? "/v1/messages" : kWhole;
}

// The body that `to` would be sent, or the error.
std::string Sent(const Protocol& from, std::string_view body, const Protocol& to,
                 std::string_view model = "anthropic.claude-x") {
  const PaddedText text(body);
  const Result<core::Request> request = DecodeChat(from, PathOf(from), text.view());
  if (!request.ok()) return "refused: " + DescribeError(request.error());
  const UpstreamOptions options{.model = model, .output_tokens_max = 8192};
  const Result<UpstreamRequest> upstream = to.EncodeRequest(*request, options);
  if (!upstream.ok()) return "refused: " + DescribeError(upstream.error());
  std::string joined;
  for (const std::string_view piece : upstream->body.pieces) joined += piece;
  return joined;
}

// What a client of `to` gets of an answer that came in `from`.
std::string Answered(const Protocol& from, std::string_view answer, bool streamed,
                     const Protocol& to, bool stream_out) {
  core::Request request;
  request.protocol = to.id();
  request.model = "asked";
  request.stream = request.stream_usage = stream_out;
  const auto decoder = from.NewDecoder(streamed);
  const auto encoder = to.NewEncoder(request, RequestId{1, 2}, 3);
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

TEST(BedrockPath, TheModelAndTheStreamStandInIt) {
  const NoFields fields;
  const auto match = [&](std::string_view method, std::string_view path) {
    return Codec().Match({method, path, {}, &fields});
  };
  const auto route = match("POST", "/model/arn:aws:bedrock:eu::profile/x/converse-stream");
  ASSERT_TRUE(route.has_value());
  EXPECT_EQ(route->model, "arn:aws:bedrock:eu::profile/x");
  EXPECT_EQ(route->stream, true);
  EXPECT_EQ(match("POST", "/model/a/converse")->stream, false);
  EXPECT_EQ(match("POST", "/model/a/b/count-tokens")->operation, Operation::kCountTokens);
  EXPECT_EQ(match("POST", "/model/a/b/count-tokens")->model, "a/b");
  for (const std::string_view path :
       {"/model//converse", "/model/converse", "/model//count-tokens", "/model/a",
        "/model/a/invoke", "/model/a/converse/", "/models/a/converse", "/model/a/conversefoo"}) {
    EXPECT_FALSE(match("POST", path).has_value()) << path;
  }
  EXPECT_FALSE(match("GET", "/model/a/converse").has_value());
  EXPECT_EQ(match("GET", "/foundation-models")->operation, Operation::kListModels);
  EXPECT_EQ(match("GET", "/foundation-models/a/b")->model, "a/b");
  EXPECT_FALSE(match("GET", "/foundation-modelsx").has_value());
  EXPECT_TRUE(Codec().OwnsPath("/model/a/converse"));
  EXPECT_FALSE(Codec().OwnsPath("/v1/models"));
}

TEST(BedrockPath, AModelsIdIsEncodedAsAwsClientsDo) {
  EXPECT_EQ(ModelPath("anthropic.claude-sonnet-4:0", Method::kConverse),
            "/model/anthropic.claude-sonnet-4%3A0/converse");
  EXPECT_EQ(ModelPath("arn:aws:b/p ~_\xC3\xA4", Method::kStream),
            "/model/arn%3Aaws%3Ab%2Fp%20~_%C3%A4/converse-stream");
  EXPECT_EQ(ModelPath("a", Method::kCountTokens), "/model/a/count-tokens");
}

TEST(BedrockFamily, IsTheMakersWhereverTheModelRuns) {
  for (const auto& [model, family] : std::vector<std::pair<std::string_view, ModelFamily>>{
           {"anthropic.claude-sonnet-4-5-20250929-v1:0", ModelFamily::kClaude},
           {"global.anthropic.claude-opus-4-6-v1", ModelFamily::kClaude},
           {"arn:aws:bedrock:us-east-1:1:inference-profile/us.amazon.nova-2-lite-v1:0",
            ModelFamily::kNova2},
           {"amazon.nova-pro-v1:0", ModelFamily::kNova},
           {"openai.gpt-oss-120b-1:0", ModelFamily::kGptOss},
           {"us.openai.gpt-5.4", ModelFamily::kOpenAi},
           {"us.meta.llama4-scout-17b-instruct-v1:0", ModelFamily::kOther},
           {"deepseek.r1-v1:0", ModelFamily::kOther},
           {"my-model", ModelFamily::kClaude}}) {
    EXPECT_EQ(FamilyOf(model), family) << model;
  }
}

TEST(BedrockRequest, BadInputIsRefusedWithThePlaceOfTheFault) {
  const std::string user = R"("messages":[{"role":"user","content":[{"text":"a"}]}])";
  const auto block = [](std::string_view role, std::string_view content) {
    return R"({"messages":[{"role":")" + std::string(role) + R"(","content":[)" +
           std::string(content) + "]}]}";
  };
  for (const auto& [body, field] : std::vector<std::pair<std::string, std::string>>{
           {"[]", ""},
           {"{}", "messages"},
           {R"({"messages":[]})", "messages"},
           {R"({"messages":[{"role":"robot","content":[]}]})", "messages[0].role"},
           {R"({"messages":[{"role":"user","content":"a"}]})", "messages[0].content"},
           {block("user", R"({"text":1})"), "messages[0].content[0].text"},
           {block("user", R"({})"), "messages[0].content[0]"},
           {block("user", R"({"text":"a","image":{}})"), "messages[0].content[0]"},
           {block("user", R"({"reasoningContent":{}})"), "messages[0].content[0].reasoningContent"},
           {block("user", R"({"json":{}})"), "messages[0].content[0].json"},
           {block("user", R"({"image":{"source":{"bytes":""}}})"),
            "messages[0].content[0].image.format"},
           {block("user", R"({"image":{"format":"png","source":{}}})"),
            "messages[0].content[0].image.source"},
           {block("user", R"({"document":{"source":{"text":"a"}}})"),
            "messages[0].content[0].document.name"},
           {block("user", R"({"cachePoint":{"type":"other"}})"),
            "messages[0].content[0].cachePoint.type"},
           {block("user", R"({"toolResult":{"toolUseId":"x","content":[]}})"),
            "messages[0].content[0].toolResult.toolUseId"},
           {block("assistant", R"({"toolUse":{"toolUseId":"x","name":"f","input":"s"}})"),
            "messages[0].content[0].toolUse.input"},
           {block("assistant", R"({"toolUse":{"toolUseId":"x","name":"f","input":{}}},)"
                               R"({"toolUse":{"toolUseId":"x","name":"f","input":{}}})"),
            "messages[0].content[1].toolUse.toolUseId"},
           {block("assistant",
                  R"({"reasoningContent":{"reasoningText":{"text":"t","signature":"VEdBVEUx!"}}})"),
            "messages[0].content[0].reasoningContent.reasoningText.signature"},
           {"{" + user + R"(,"inferenceConfig":{"maxTokens":0}})", "inferenceConfig.maxTokens"},
           {"{" + user + R"(,"inferenceConfig":{"temperature":2}})", "inferenceConfig.temperature"},
           {"{" + user + R"(,"toolConfig":{}})", "toolConfig.tools"},
           {"{" + user + R"(,"toolConfig":{"tools":[{"toolSpec":{"name":"f"}}]}})",
            "toolConfig.tools[0].toolSpec.inputSchema"},
           {"{" + user + R"(,"toolConfig":{"tools":[],"toolChoice":{"tool":{"name":"f"}}}})",
            "toolConfig.toolChoice.tool.name"},
           {"{" + user + R"(,"toolConfig":{"tools":[],"toolChoice":{"never":{}}}})",
            "toolConfig.toolChoice.never"},
           {"{" + user +
                R"(,"additionalModelRequestFields":{"thinking":{"type":"enabled",)"
                R"("budget_tokens":5}}})",
            "additionalModelRequestFields.thinking.budget_tokens"},
           {"{" + user + R"(,"outputConfig":{"effort":"huge"}})", "outputConfig.effort"},
           {"{" + user +
                R"(,"outputConfig":{"textFormat":{"type":"json_schema","structure":)"
                R"({"jsonSchema":{"schema":"{"}}}}})",
            "outputConfig.textFormat.structure.jsonSchema.schema"},
           {"{" + user + R"(,"guardrailConfig":1})", "guardrailConfig"},
           {"{" + user + R"(,"tidegate":{"nothing":1}})", "tidegate.nothing"}}) {
    const PaddedText text(body);
    const Result<core::Request> request = DecodeChat(Codec(), kWhole, text.view());
    ASSERT_FALSE(request.ok()) << body;
    EXPECT_EQ(request.error().code, ErrorCode::kInvalidArgument) << body;
    EXPECT_EQ(request.error().field, field) << body << "\n" << request.error().message;
  }
}

TEST(BedrockRequest, AChatWithEverythingReachesConverseWhole) {
  EXPECT_EQ(
      Sent(openai_chat::Codec(),
           R"({"model":"x","max_tokens":50,"messages":[{"role":"system","content":"S"},)"
           R"({"role":"user","content":[{"type":"text","text":"look",)"
           R"("cache_control":{"type":"ephemeral","ttl":"1h"}},)"
           R"({"type":"image_url","image_url":{"url":"data:image/png;base64,QQ=="}},)"
           R"({"type":"file","file":{"filename":"a  b.pdf","file_data":)"
           R"("data:application/pdf;base64,JVBERi0="}},)"
           R"({"type":"file","file":{"filename":"a b.pdf","file_data":)"
           R"("data:application/pdf;base64,JVBERi0="}}]},)"
           R"({"role":"assistant","content":"ok","tool_calls":[{"id":"call.1","type":"function",)"
           R"("function":{"name":"f","arguments":"{\"n\": 9223372036854775807, \"x\": 1.0}"}}]},)"
           R"({"role":"tool","tool_call_id":"call.1","content":"r1"},)"
           R"({"role":"user","content":"go"}],)"
           R"("tools":[{"type":"function","function":{"name":"f","description":"d",)"
           R"("parameters":{"type":"object"}}}],"tool_choice":"required",)"
           R"("temperature":0.5,"stop":"END","reasoning_effort":"low",)"
           R"("response_format":{"type":"json_schema","json_schema":{"name":"a",)"
           R"("schema":{"type":"object"}}}})",
           Codec()),
      R"({"system":[{"text":"S"}],"messages":[{"role":"user","content":[{"text":"look"},)"
      R"({"cachePoint":{"type":"default","ttl":"1h"}},)"
      R"({"image":{"format":"png","source":{"bytes":"QQ=="}}},)"
      R"({"document":{"format":"pdf","source":{"bytes":"JVBERi0="},"name":"a b-pdf"}},)"
      R"({"document":{"format":"pdf","source":{"bytes":"JVBERi0="},"name":"a b-pdf 2"}}]},)"
      R"({"role":"assistant","content":[{"text":"ok"},{"toolUse":{"toolUseId":"call_1",)"
      R"("name":"f","input":{"n": 9223372036854775807, "x": 1.0}}}]},)"
      R"({"role":"user","content":[{"toolResult":{"toolUseId":"call_1",)"
      R"("content":[{"text":"r1"}]}},{"text":"go"}]}],)"
      R"("inferenceConfig":{"maxTokens":50,"temperature":0.5,"stopSequences":["END"]},)"
      R"("toolConfig":{"tools":[{"toolSpec":{"name":"f","description":"d",)"
      R"("inputSchema":{"json":{"type":"object"}}}}],"toolChoice":{"any":{}}},)"
      R"("outputConfig":{"textFormat":{"type":"json_schema","structure":{"jsonSchema":)"
      R"({"schema":"{\"type\":\"object\"}","name":"a"}}}}})");
}

TEST(BedrockRequest, EachMakersModelIsToldToThinkInItsOwnWords) {
  constexpr std::string_view kBody =
      R"({"model":"x","max_tokens":9000,"reasoning_effort":"low","messages":[)"
      R"({"role":"user","content":"a"}]})";
  for (const auto& [model, words] : std::vector<std::pair<std::string_view, std::string_view>>{
           {"anthropic.claude-x", R"({"thinking":{"type":"enabled","budget_tokens":2048}})"},
           {"amazon.nova-2-lite-v1:0",
            R"({"reasoningConfig":{"type":"enabled","maxReasoningEffort":"low"}})"},
           {"openai.gpt-oss-20b-1:0", R"({"reasoning_effort":"low"})"},
           {"openai.gpt-5.4", R"({"reasoning":{"effort":"low"}})"}}) {
    const std::string sent = Sent(openai_chat::Codec(), kBody, Codec(), model);
    EXPECT_NE(sent.find("\"additionalModelRequestFields\":" + std::string(words)),
              std::string::npos)
        << sent;
    // And back: what was said is understood.
    const PaddedText text(sent);
    const Result<core::Request> again = DecodeChat(Codec(), kWhole, text.view());
    ASSERT_TRUE(again.ok());
    EXPECT_TRUE(again->needs.Has(core::Capability::kReasoning));
    EXPECT_FALSE(again->needs.Has(core::Capability::kVendorFields)) << again->vendor_field;
  }
  const std::string other = Sent(openai_chat::Codec(), kBody, Codec(), "deepseek.r1-v1:0");
  EXPECT_EQ(other.find("additionalModelRequestFields"), std::string::npos) << other;
}

TEST(BedrockRequest, CacheMarksGoOnlyToModelsWithACache) {
  constexpr std::string_view kBody =
      R"({"max_tokens":9,"model":"x","system":[{"type":"text","text":"S",)"
      R"("cache_control":{"type":"ephemeral"}}],"top_k":3,)"
      R"("messages":[{"role":"user","content":"a"}]})";
  EXPECT_NE(Sent(anthropic_messages::Codec(), kBody, Codec()).find("cachePoint"),
            std::string::npos);
  const std::string nova = Sent(anthropic_messages::Codec(), kBody, Codec(), "amazon.nova-pro");
  EXPECT_NE(nova.find(R"("inferenceConfig":{"topK":3})"), std::string::npos) << nova;
  const std::string llama = Sent(anthropic_messages::Codec(), kBody, Codec(), "meta.llama3");
  EXPECT_NE(llama.find("field=top_k"), std::string::npos) << llama;
}

TEST(BedrockRequest, WhatConverseCannotSayIsRefusedWithItsPlace) {
  for (const auto& [fields, field] : std::vector<std::pair<std::string, std::string>>{
           {R"("temperature":1.5,"messages":[{"role":"user","content":"a"}])", "temperature"},
           {R"("messages":[{"role":"user","content":"a"},{"role":"user","content":[)"
            R"({"type":"image_url","image_url":{"url":"https://example.org/i.png"}}]}])",
            "messages[1]"},
           {R"("messages":[{"role":"user","content":[)"
            R"({"type":"image_url","image_url":{"url":"data:image/bmp;base64,QQ=="}}]}])",
            "messages[0]"},
           {R"("messages":[{"role":"assistant","tool_calls":[{"id":"c","type":"function",)"
            R"("function":{"name":"f","arguments":"{}"}}]},)"
            R"({"role":"tool","tool_call_id":"c","content":"r"}])",
            "tools"}}) {
    const std::string sent = Sent(openai_chat::Codec(), R"({"model":"x",)" + fields + "}", Codec());
    EXPECT_TRUE(sent.starts_with("refused: invalid_argument retry=other_target")) << sent;
    EXPECT_NE(sent.find("field=" + field), std::string::npos) << sent;
  }
  const PaddedText body(R"({"model":"x","n":2,"seed":1,"logprobs":true,"presence_penalty":1,)"
                        R"("parallel_tool_calls":false,"tools":[],)"
                        R"("messages":[{"role":"user","content":"a"}]})");
  const Result<core::Request> asked =
      DecodeChat(openai_chat::Codec(), "/v1/chat/completions", body.view());
  ASSERT_TRUE(asked.ok());
  EXPECT_EQ(core::Join(Codec().Expressible().Missing(asked->needs)),
            "logprobs, n, seed, parallel_tool_calls, penalties");
}

TEST(BedrockRequest, ConverseWithToolsReachesMessagesWhole) {
  EXPECT_EQ(Sent(Codec(),
                 R"({"system":[{"text":"S"},{"cachePoint":{"type":"default"}}],"messages":[)"
                 R"({"role":"user","content":[{"text":"a"}]},{"role":"assistant","content":[)"
                 R"({"reasoningContent":{"reasoningText":{"text":"t","signature":"sg"}}},)"
                 R"({"toolUse":{"toolUseId":"t1","name":"f","input":{"n" : 1.0}}}]},)"
                 R"({"role":"user","content":[{"toolResult":{"toolUseId":"t1","content":[)"
                 R"({"json":{"a": 1}}],"status":"error"}},{"cachePoint":{"type":"default"}}]}],)"
                 R"("inferenceConfig":{"maxTokens":50},"toolConfig":{"tools":[{"toolSpec":)"
                 R"({"name":"f","inputSchema":{"json":{"type":"object"}}}},)"
                 R"({"cachePoint":{"type":"default"}}],"toolChoice":{"tool":{"name":"f"}}}})",
                 anthropic_messages::Codec(), "m"),
            R"({"model":"m","max_tokens":50,"system":[{"type":"text","text":"S",)"
            R"("cache_control":{"type":"ephemeral"}}],"messages":[{"role":"user","content":[)"
            R"({"type":"text","text":"a"}]},{"role":"assistant","content":[{"type":"thinking",)"
            R"("thinking":"t","signature":"sg"},{"type":"tool_use","id":"t1","name":"f",)"
            R"("input":{"n" : 1.0}}]},{"role":"user","content":[{"type":"tool_result",)"
            R"("tool_use_id":"t1","content":[{"type":"text","text":"{\"a\": 1}"}],"is_error":true,)"
            R"("cache_control":{"type":"ephemeral"}}]}],"tools":[{"name":"f",)"
            R"("input_schema":{"type":"object"},"cache_control":{"type":"ephemeral"}}],)"
            R"("tool_choice":{"type":"tool","name":"f"}})");
}

TEST(BedrockAnswer, AChatsStreamBecomesFramesThatAddUp) {
  constexpr std::string_view kChat =
      "data: {\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"role\":"
      "\"assistant\",\"content\":\"I \"}}]}\n\n"
      "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"will.\"}}]}\n\n"
      "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"a\","
      "\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"x\\\":1.0}\"}}]}}]}"
      "\n\ndata: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":1,\"id\":\"b\","
      "\"type\":\"function\",\"function\":{\"name\":\"g\",\"arguments\":\"{}\"}}]}}]}\n\n"
      "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\n"
      "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":7,"
      "\"prompt_tokens_details\":{\"cached_tokens\":4}}}\n\n"
      "data: [DONE]\n\n";
  EXPECT_EQ(
      EventStreamToText(Answered(openai_chat::Codec(), kChat, true, Codec(), true)),
      "event messageStart {\"role\":\"assistant\"}\n"
      "event contentBlockDelta {\"contentBlockIndex\":0,\"delta\":{\"text\":\"I \"}}\n"
      "event contentBlockDelta {\"contentBlockIndex\":0,\"delta\":{\"text\":\"will.\"}}\n"
      "event contentBlockStop {\"contentBlockIndex\":0}\n"
      "event contentBlockStart {\"contentBlockIndex\":1,\"start\":{\"toolUse\":{\"toolUseId\":"
      "\"a\",\"name\":\"f\"}}}\n"
      "event contentBlockDelta {\"contentBlockIndex\":1,\"delta\":{\"toolUse\":{\"input\":"
      "\"{\\\"x\\\":1.0}\"}}}\n"
      "event contentBlockStop {\"contentBlockIndex\":1}\n"
      "event contentBlockStart {\"contentBlockIndex\":2,\"start\":{\"toolUse\":{\"toolUseId\":"
      "\"b\",\"name\":\"g\"}}}\n"
      "event contentBlockDelta {\"contentBlockIndex\":2,\"delta\":{\"toolUse\":{\"input\":"
      "\"{}\"}}}\n"
      "event contentBlockStop {\"contentBlockIndex\":2}\n"
      "event messageStop {\"stopReason\":\"tool_use\"}\n"
      "event metadata {\"usage\":{\"inputTokens\":5,\"outputTokens\":7,\"totalTokens\":16,"
      "\"cacheReadInputTokens\":4,\"cacheWriteInputTokens\":0},\"metrics\":{\"latencyMs\":0}}\n");
}

TEST(BedrockAnswer, StatesOfOthersCrossAConverseClientInAnEnvelopeAndComeBack) {
  constexpr std::string_view kChat =
      R"({"id":"c","model":"g","choices":[{"index":0,"message":{"role":"assistant",)"
      R"("content":null,"tool_calls":[{"id":"a","type":"function","function":{"name":"f",)"
      R"("arguments":"{}"},"extra_content":{"google":{"thought_signature":"ts=="}}}]},)"
      R"("finish_reason":"tool_calls"}]})";
  for (const bool stream_out : {true, false}) {
    const std::string out = Answered(openai_chat::Codec(), kChat, false, Codec(), stream_out);
    const std::size_t begin = out.find("VEdBVEUx");
    ASSERT_NE(begin, std::string::npos) << out;
    const std::string next =
        R"({"messages":[{"role":"user","content":[{"text":"q"}]},{"role":"assistant",)"
        R"("content":[{"reasoningContent":{"reasoningText":{"text":"","signature":")" +
        out.substr(begin, out.find('"', begin) - begin) +
        R"("}}},{"toolUse":{"toolUseId":"a","name":"f","input":{}}}]}]})";
    const PaddedText text(next);
    const Result<core::Request> request = DecodeChat(Codec(), kWhole, text.view());
    ASSERT_TRUE(request.ok());
    const std::vector<core::Part>& parts = request->messages[1].parts;
    ASSERT_EQ(parts.size(), 1U);
    EXPECT_EQ(parts[0].state.origin, core::StateOrigin::kGemini);
    EXPECT_EQ(parts[0].state.bytes, "ts==");
  }
}

TEST(BedrockAnswer, AHiddenThoughtThatIsNotBase64SurvivesClientsThatDecodeIt) {
  constexpr std::string_view kMessage =
      R"({"id":"m","type":"message","role":"assistant","model":"c","content":[)"
      R"({"type":"redacted_thinking","data":"not base64!"},{"type":"text","text":"x"}],)"
      R"("stop_reason":"end_turn","stop_sequence":null})";
  const std::string out = Answered(anthropic_messages::Codec(), kMessage, false, Codec(), false);
  const std::size_t begin = out.find("VEdBVEUx");
  ASSERT_NE(begin, std::string::npos) << out;
  const std::string next =
      R"({"messages":[{"role":"user","content":[{"text":"q"}]},{"role":"assistant","content":[)"
      R"({"reasoningContent":{"redactedContent":")" +
      out.substr(begin, out.find('"', begin) - begin) +
      R"("}},{"text":"x"}]},{"role":"user","content":[{"text":"q"}]}],)"
      R"("inferenceConfig":{"maxTokens":9}})";
  EXPECT_NE(Sent(Codec(), next, anthropic_messages::Codec())
                .find(R"({"type":"redacted_thinking","data":"not base64!"})"),
            std::string::npos);
}

TEST(BedrockError, ClientsLearnItsKindFromNameAndStatus) {
  const auto error = [](ErrorCode code, std::string reason = {}) {
    Error made = InvalidArgument("", "why");
    made.code = code;
    made.reason = std::move(reason);
    return made;
  };
  for (const auto& [made, status, name, in_stream] :
       std::vector<std::tuple<Error, int, std::string_view, std::string_view>>{
           {error(ErrorCode::kInvalidArgument), 400, "ValidationException", "validationException"},
           {error(ErrorCode::kUnauthenticated), 403, "AccessDeniedException",
            "validationException"},
           {error(ErrorCode::kPermissionDenied), 403, "AccessDeniedException",
            "validationException"},
           {error(ErrorCode::kNotFound), 404, "ResourceNotFoundException", "validationException"},
           {error(ErrorCode::kTooLarge, "context_length_exceeded"), 400, "ValidationException",
            "validationException"},
           {error(ErrorCode::kBudgetExceeded), 402, "ServiceQuotaExceededException",
            "validationException"},
           {error(ErrorCode::kRateLimited), 429, "ThrottlingException", "throttlingException"},
           {error(ErrorCode::kDeadlineExceeded), 408, "ModelTimeoutException",
            "modelStreamErrorException"},
           {error(ErrorCode::kProtocol), 424, "ModelErrorException", "modelStreamErrorException"},
           {error(ErrorCode::kNoCandidate), 503, "ServiceUnavailableException",
            "serviceUnavailableException"},
           {error(ErrorCode::kInternal), 500, "InternalServerException",
            "internalServerException"}}) {
    EXPECT_EQ(Codec().ErrorStatus(made), status) << name;
    EXPECT_EQ(Codec().ErrorFields(made), "x-amzn-errortype: " + std::string(name) + "\r\n");
    EXPECT_TRUE(Codec().EncodeError(made).starts_with(R"({"__type":")" + std::string(name)));
    EXPECT_TRUE(EventStreamToText(Codec().EncodeStreamError(made))
                    .starts_with("exception " + std::string(in_stream) + " {\"message\":\""))
        << EventStreamToText(Codec().EncodeStreamError(made));
  }
}

TEST(BedrockModels, AreListedAsByTheControlPlane) {
  const std::vector<ModelEntry> models = {{.id = "a/b", .owned_by = "a"}};
  EXPECT_EQ(Codec().EncodeModels(models),
            R"({"modelSummaries":[{"modelArn":"arn:aws:bedrock:::foundation-model/a/b",)"
            R"("modelId":"a/b","modelName":"a/b","providerName":"a","inputModalities":["TEXT"],)"
            R"("outputModalities":["TEXT"],"responseStreamingSupported":true,)"
            R"("inferenceTypesSupported":["ON_DEMAND"],"modelLifecycle":{"status":"ACTIVE"}}]})");
  EXPECT_TRUE(Codec().EncodeModel(models[0]).starts_with(R"({"modelDetails":{"modelArn":)"));
}

TEST(BedrockStream, AFrameThatIsNoEventIsMalformed) {
  for (const std::string_view text :
       {"event contentBlockDelta {", "event contentBlockDelta {}",
        "event contentBlockDelta "
        "{\"contentBlockIndex\":0,\"delta\":{\"toolUse\":{\"input\":\"\"}}}",
        "event messageStop {}", "other messageStop {}"}) {
    const std::string bytes = EventStreamFromText(text);
    const std::vector<std::string> lines =
        DecodeInPieces(*Codec().NewDecoder(true), bytes, bytes.size(), true);
    ASSERT_FALSE(lines.empty()) << text;
    EXPECT_TRUE(lines.back().starts_with("fail protocol")) << text << " " << lines.back();
  }
  const std::string twice = EventStreamFromText(
      "event messageStop {\"stopReason\":\"end_turn\"}\n"
      "event messageStop {\"stopReason\":\"end_turn\"}\n");
  EXPECT_EQ(
      DecodeInPieces(*Codec().NewDecoder(true), twice, twice.size(), true).back().substr(0, 13),
      "fail protocol");
}

}  // namespace
}  // namespace tidegate::protocols::bedrock_converse
