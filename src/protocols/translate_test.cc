// What crosses from one protocol to another, and comes back.
#include <algorithm>
#include <string>

#include <gtest/gtest.h>

#include "protocols/anthropic_messages/codec.h"
#include "protocols/bedrock_converse/codec.h"
#include "protocols/gemini/codec.h"
#include "protocols/ollama/codec.h"
#include "protocols/openai_chat/codec.h"
#include "protocols/openai_responses/codec.h"
#include "protocols/testing/test_support.h"

namespace tidegate::protocols {
namespace {

const Protocol& kChat = openai_chat::Codec();
const Protocol& kMessages = anthropic_messages::Codec();
const Protocol& kOllama = ollama::Codec();
const Protocol& kResponses = openai_responses::Codec();

std::string_view PathOf(const Protocol& codec) {
  if (&codec == &kOllama) return "/api/chat";
  if (&codec == &kResponses) return "/v1/responses";
  return &codec == &kChat ? "/v1/chat/completions" : "/v1/messages";
}

// A request that keeps its body alive.
struct Asked {
  Asked(const Protocol& codec, std::string_view text)
      : body(text), request(DecodeChat(codec, PathOf(codec), body.view())) {}
  PaddedText body;
  Result<core::Request> request;
};

std::string Join(const UpstreamRequest& upstream) {
  std::string joined;
  for (const std::string_view piece : upstream.body.pieces) joined += piece;
  return joined;
}

// The body that `to` would be sent, or the error.
std::string Sent(const Protocol& from, std::string_view body, const Protocol& to,
                 bool passes_unknown_fields = false) {
  const Asked asked(from, body);
  if (!asked.request.ok()) return "refused: " + DescribeError(asked.request.error());
  const UpstreamOptions options{.model = "m", .passes_unknown_fields = passes_unknown_fields};
  const Result<UpstreamRequest> upstream = to.EncodeRequest(*asked.request, options);
  return upstream.ok() ? Join(*upstream) : "refused: " + DescribeError(upstream.error());
}

// What a client of `to` gets of an answer that came in `from`.
std::string Answered(const Protocol& from, std::string_view answer, bool streamed,
                     const Protocol& to, bool stream_out) {
  core::Request request;
  request.protocol = to.id();
  request.model = "asked";
  request.stream = stream_out;
  request.stream_usage = true;
  const std::unique_ptr<ResponseDecoder> decoder = from.NewDecoder(streamed);
  const std::unique_ptr<ResponseEncoder> encoder = to.NewEncoder(request, RequestId{1, 2}, 3);
  std::vector<core::Event> events;
  std::string out;
  const auto encode = [&] {
    for (const core::Event& event : events) encoder->Encode(event, out);
    events.clear();
  };
  for (const char c : answer) {  // a byte at a time: no event may need the next one
    EXPECT_TRUE(decoder->Feed(std::string_view(&c, 1), events).ok());
    encode();
  }
  EXPECT_TRUE(decoder->Finish(events).ok());
  encode();
  return out;
}

// The events of an answer, but for what every translation may set anew.
std::vector<std::string> EventsOf(const Protocol& codec, std::string_view answer, bool streamed) {
  std::vector<std::string> lines =
      DecodeInPieces(*codec.NewDecoder(streamed), answer, answer.size(), true);
  std::erase_if(lines, [](const std::string& line) {
    return line.starts_with("start ") || line.ends_with(" estimated");
  });
  // Neighbouring deltas of one text are one text.
  std::vector<std::string> merged;
  for (const std::string& line : lines) {
    const auto same_text = [&](std::string_view kind) {
      return !merged.empty() && line.starts_with(kind) && merged.back().starts_with(kind);
    };
    const std::string call = line.starts_with("call ") ? line.substr(0, line.find(' ', 5) + 1) : "";
    const bool same_call = !call.empty() && !merged.empty() && merged.back().starts_with(call) &&
                           line.find(" id=") == std::string::npos;
    if (same_text("text 0 ") || same_text("reasoning 0 ") || same_call) {
      merged.back().pop_back();
      merged.back() += line.substr(line.find('"') + 1);
    } else if (line != "reasoning 0 \"\"" && line != "text 0 \"\"") {
      merged.push_back(line);
    }
  }
  return merged;
}

TEST(Translate, AChatWithToolsReachesMessagesWhole) {
  EXPECT_EQ(
      Sent(kChat,
           R"({"model":"x","max_tokens":50,"messages":[{"role":"system","content":"S"},)"
           R"({"role":"user","content":[{"type":"text","text":"look",)"
           R"("cache_control":{"type":"ephemeral"}},)"
           R"({"type":"image_url","image_url":{"url":"data:image/png;base64,QQ=="}}]},)"
           R"({"role":"assistant","content":"ok","tool_calls":[{"id":"call.1","type":"function",)"
           R"("function":{"name":"f","arguments":"{\"n\": 9223372036854775807, \"x\": 1.0}"}},)"
           R"({"id":"c2","type":"function","function":{"name":"g","arguments":""}}]},)"
           R"({"role":"tool","tool_call_id":"call.1","content":"r1"},)"
           R"({"role":"tool","tool_call_id":"c2","content":"r2"},{"role":"user","content":"go"}],)"
           R"("tools":[{"type":"function","function":{"name":"f","description":"d",)"
           R"("parameters":{"type":"object"}}}],"tool_choice":"required",)"
           R"("parallel_tool_calls":false,"temperature":0.5,"stop":"END","user":"u"})",
           kMessages),
      R"({"model":"m","max_tokens":50,"system":[{"type":"text","text":"S"}],)"
      R"("messages":[{"role":"user","content":[{"type":"text","text":"look",)"
      R"("cache_control":{"type":"ephemeral"}},{"type":"image","source":{"type":"base64",)"
      R"("media_type":"image/png","data":"QQ=="}}]},{"role":"assistant","content":[)"
      R"({"type":"text","text":"ok"},{"type":"tool_use","id":"call_1","name":"f",)"
      R"("input":{"n": 9223372036854775807, "x": 1.0}},{"type":"tool_use","id":"c2","name":"g",)"
      R"("input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"call_1",)"
      R"("content":[{"type":"text","text":"r1"}]},{"type":"tool_result","tool_use_id":"c2",)"
      R"("content":[{"type":"text","text":"r2"}]},{"type":"text","text":"go"}]}],)"
      R"("tools":[{"name":"f","description":"d","input_schema":{"type":"object"}}],)"
      R"("tool_choice":{"type":"any","disable_parallel_tool_use":true},"temperature":0.5,)"
      R"("stop_sequences":["END"],"metadata":{"user_id":"u"}})");
}

// llama-server takes a choice that names a tool for "auto".
TEST(Translate, AToolDemandedByNameIsTheOnlyOneForWhoKnowsNoNames) {
  constexpr std::string_view kTools = R"("tools":[{"type":"function","function":{"name":"f"}},)"
                                      R"({"type":"function","function":{"name":"g"}}],)";
  const auto sent = [&](std::string_view choice) {
    const std::string head = R"({"model":"m","messages":[{"role":"user","content":"a"}],)";
    const Asked asked(kChat, head + std::string(kTools) + std::string(choice) + "}");
    Dialect dialect;
    dialect.named_tool_choice = false;
    const UpstreamOptions options{.model = "m", .dialect = &dialect};
    return Join(*kChat.EncodeRequest(*asked.request, options)).substr(head.size());
  };
  EXPECT_EQ(sent(R"("tool_choice":{"type":"function","function":{"name":"g"}})"),
            R"("tools":[{"type":"function","function":{"name":"g"}}],"tool_choice":"required"})");
  for (const std::string_view other : {R"("tool_choice":"required")", R"("tool_choice":"auto")"}) {
    EXPECT_EQ(sent(other), std::string(kTools) + std::string(other) + "}");
  }
}

// Ollama's own protocol has no such field; its clients may say it here all the same.
TEST(Translate, AChoiceOfToolsInOllamasProtocolGoesWhereItCanBeKept) {
  constexpr std::string_view kHead =
      R"({"model":"x","messages":[{"role":"user","content":"a"}],"stream":false,)"
      R"("tools":[{"type":"function","function":{"name":"f"}}])";
  const auto body = [&](std::string_view choice) {
    return std::string(kHead) + R"(,"tool_choice":)" + std::string(choice) + "}";
  };
  const auto needs_choice = [&](std::string_view choice) {
    const Asked asked(kOllama, body(choice));
    EXPECT_TRUE(asked.request.ok());
    return asked.request->needs.Has(core::Capability::kToolChoice);
  };
  constexpr std::string_view kNamed = R"({"type":"function","function":{"name":"f"}})";
  EXPECT_FALSE(needs_choice(R"("auto")"));
  EXPECT_FALSE(needs_choice(R"("none")"));
  EXPECT_TRUE(needs_choice(R"("required")"));
  EXPECT_TRUE(needs_choice(kNamed));
  EXPECT_FALSE(kOllama.Expressible().Has(core::Capability::kToolChoice)) << "not eligible then";

  for (const std::string_view choice :
       {std::string_view(R"("auto")"), std::string_view(R"("none")"),
        std::string_view(R"("required")"), kNamed}) {
    EXPECT_NE(Sent(kOllama, body(choice), kChat).find(R"("tool_choice":)" + std::string(choice)),
              std::string::npos)
        << choice;
  }
  // A server of Ollama's never sees the field, and no tools where none may be called.
  std::string same(kHead);
  same.replace(same.find("\"x\""), 3, "\"m\"");
  EXPECT_EQ(Sent(kOllama, body(R"("auto")"), kOllama), same + "}");
  EXPECT_EQ(Sent(kOllama, body(R"("none")"), kOllama),
            same.substr(0, same.find("[{\"type\"")) + "[]}");
  EXPECT_TRUE(Sent(kOllama, body(R"("required")"), kOllama).starts_with("refused: "));
  EXPECT_TRUE(Sent(kOllama, body(kNamed), kOllama).starts_with("refused: "));
  const auto refused = [&](std::string_view choice) { return Sent(kOllama, body(choice), kChat); };
  EXPECT_TRUE(refused(R"("any")").starts_with("refused: ")) << refused(R"("any")");
  EXPECT_NE(
      refused(R"({"type":"function","function":{"name":"g"}})").find("tool_choice.function.name"),
      std::string::npos);
  EXPECT_NE(refused(R"({"type":"custom"})").find("tool_choice.type"), std::string::npos);
}

TEST(Translate, ATierOfServiceSaysHowUrgentARequestIs) {
  using core::Priority;
  struct Case {
    const Protocol& codec;
    const char *path, *body;
    std::optional<Priority> priority;
  };
  constexpr const char* kGenerate = "/v1beta/models/m:generateContent";
  constexpr const char* kConverse = "/model/m/converse";
  const Case cases[] = {
      {kChat, "/v1/chat/completions",
       R"({"model":"m","messages":[{"role":"user","content":"a"}],"service_tier":"flex"})",
       Priority::kBackground},
      {kChat, "/v1/chat/completions",
       R"({"model":"m","messages":[{"role":"user","content":"a"}],"service_tier":"priority"})",
       Priority::kInteractive},
      {kChat,
       "/v1/chat/completions",
       R"({"model":"m","messages":[{"role":"user","content":"a"}],"service_tier":"auto"})",
       {}},
      {kResponses, "/v1/responses", R"({"model":"m","input":"a","service_tier":"flex"})",
       Priority::kBackground},
      {gemini::Codec(), kGenerate,
       R"({"contents":[{"parts":[{"text":"a"}]}],"serviceTier":"priority"})",
       Priority::kInteractive},
      {gemini::Codec(), kGenerate,
       R"({"contents":[{"parts":[{"text":"a"}]}],"service_tier":"SERVICE_TIER_FLEX"})",
       Priority::kBackground},
      {gemini::Codec(),
       kGenerate,
       R"({"contents":[{"parts":[{"text":"a"}]}],"serviceTier":"standard"})",
       {}},
      {bedrock_converse::Codec(), kConverse,
       R"({"messages":[{"role":"user","content":[{"text":"a"}]}],"serviceTier":{"type":"flex"}})",
       Priority::kBackground},
      {bedrock_converse::Codec(),
       kConverse,
       R"({"messages":[{"role":"user","content":[{"text":"a"}]}],)"
       R"("serviceTier":{"type":"reserved"}})",
       {}},
  };
  for (const Case& each : cases) {
    const PaddedText body(each.body);
    const Result<core::Request> request = DecodeChat(each.codec, each.path, body.view());
    ASSERT_TRUE(request.ok()) << each.body << DescribeError(request.error());
    EXPECT_EQ(request->constraints.priority, each.priority) << each.body;
  }
}

TEST(Translate, MessagesWithToolsReachAChatWhole) {
  EXPECT_EQ(
      Sent(kMessages,
           R"({"model":"x","max_tokens":50,"system":"S","messages":[{"role":"user","content":"a"},)"
           R"({"role":"assistant","content":[{"type":"thinking","thinking":"t","signature":"sg"},)"
           R"({"type":"text","text":"ok"},{"type":"tool_use","id":"t1","name":"f",)"
           R"("input":{"n" : 1.0}}]},{"role":"user","content":[{"type":"tool_result",)"
           R"("tool_use_id":"t1","content":"r"},{"type":"text","text":"b"}]}],)"
           R"("tools":[{"name":"f","input_schema":{"type":"object"},)"
           R"("eager_input_streaming":true}],)"
           R"("tool_choice":{"type":"tool","name":"f"},"stop_sequences":["E"]})",
           kChat),
      R"({"model":"m","messages":[{"role":"system","content":"S"},{"role":"user","content":"a"},)"
      R"({"role":"assistant","content":"ok","tool_calls":[{"id":"t1","type":"function",)"
      R"("function":{"name":"f","arguments":"{\"n\" : 1.0}"}}]},{"role":"tool",)"
      R"("tool_call_id":"t1","content":"r"},{"role":"user","content":"b"}],)"
      R"("tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}],)"
      R"("tool_choice":{"type":"function","function":{"name":"f"}},"stop":["E"],"max_tokens":50})");
}

TEST(Translate, WhatTheTargetCannotSayIsRefusedWithItsPlace) {
  const std::string audio =
      Sent(kChat,
           R"({"model":"x","messages":[{"role":"user","content":"a"},{"role":"user","content":[)"
           R"({"type":"input_audio","input_audio":{"data":"QQ==","format":"wav"}}]}]})",
           kMessages);
  EXPECT_TRUE(audio.starts_with("refused: invalid_argument retry=other_target")) << audio;
  EXPECT_NE(audio.find("field=messages[1]"), std::string::npos) << audio;
  const std::string hot =
      Sent(kChat, R"({"model":"x","temperature":1.5,"messages":[{"role":"user","content":"a"}]})",
           kMessages);
  EXPECT_NE(hot.find("field=temperature"), std::string::npos) << hot;
  const std::string broken =
      Sent(kChat,
           R"({"model":"x","messages":[{"role":"assistant","tool_calls":[{"id":"c","function":)"
           R"({"name":"f","arguments":"{\"a\":"}}]}]})",
           kMessages);
  EXPECT_NE(broken.find("field=messages[0]"), std::string::npos) << broken;
}

constexpr std::string_view kToolStream =
    "data: {\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"role\":"
    "\"assistant\",\"content\":\"I \"}}]}\n\n"
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"will.\"}}]}\n\n"
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"a\","
    "\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]}}]}\n\n"
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{"
    "\"arguments\":\"{\\\"x\\\":1.0}\"}}]}}]}\n\n"
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":1,\"id\":\"b\","
    "\"type\":\"function\",\"function\":{\"name\":\"g\",\"arguments\":\"{}\"}}]}}]}\n\n"
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\n"
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":7,"
    "\"prompt_tokens_details\":{\"cached_tokens\":4}}}\n\n"
    "data: [DONE]\n\n";

TEST(Translate, ParallelCallsOfAStreamAreBlocksOfTheirOwn) {
  const std::string out = Answered(kChat, kToolStream, true, kMessages, true);
  EXPECT_EQ(EventsOf(kMessages, out, true), EventsOf(kChat, kToolStream, true));
  std::size_t at = 0;
  for (const std::string_view part :
       {R"("type":"message_start")", R"("index":0,"content_block":{"type":"text")",
        R"({"type":"content_block_stop","index":0})", R"("id":"a","name":"f","input":{})",
        R"("partial_json":"{\"x\":1.0}")", R"({"type":"content_block_stop","index":1})",
        R"("id":"b","name":"g")", R"({"type":"content_block_stop","index":2})",
        R"("stop_reason":"tool_use")", R"("input_tokens":5)", R"("cache_read_input_tokens":4)",
        R"("type":"message_stop")"}) {
    at = out.find(part, at);
    ASSERT_NE(at, std::string::npos) << part << "\n" << out;
  }
}

constexpr std::string_view kThinkingStream =
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"model\":"
    "\"c\",\"usage\":{\"input_tokens\":3,\"output_tokens\":1}}}\n\n"
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,"
    "\"content_block\":{\"type\":\"thinking\",\"thinking\":\"\"}}\n\n"
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{"
    "\"type\":\"thinking_delta\",\"thinking\":\"why\"}}\n\n"
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{"
    "\"type\":\"signature_delta\",\"signature\":\"sig==\"}}\n\n"
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n"
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":1,"
    "\"content_block\":{\"type\":\"redacted_thinking\",\"data\":\"hid==\"}}\n\n"
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":1}\n\n"
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":2,"
    "\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n"
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":2,\"delta\":{"
    "\"type\":\"text_delta\",\"text\":\"4\"}}\n\n"
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":2}\n\n"
    "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":"
    "\"end_turn\"},\"usage\":{\"output_tokens\":5}}\n\n"
    "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";

TEST(Translate, SignedThoughtsCrossAChatClientAndComeBackByteForByte) {
  for (const bool stream_out : {true, false}) {
    const std::string chat = Answered(kMessages, kThinkingStream, true, kChat, stream_out);
    EXPECT_EQ(EventsOf(kChat, chat, stream_out), EventsOf(kMessages, kThinkingStream, true));
  }
  const std::string whole = Answered(kMessages, kThinkingStream, true, kChat, false);
  const std::size_t begin = whole.find("\"reasoning_details\":") + 20;
  const std::string details = whole.substr(begin, whole.find(']', begin) + 1 - begin);
  const std::string next = R"({"model":"x","messages":[{"role":"user","content":"2+2"},)"
                           R"({"role":"assistant","content":"4","reasoning_details":)" +
                           details + R"(},{"role":"user","content":"3+3"}]})";
  const std::string back = Sent(kChat, next, kMessages);
  EXPECT_NE(back.find(R"([{"type":"thinking","thinking":"why","signature":"sig=="},)"
                      R"({"type":"redacted_thinking","data":"hid=="},{"type":"text","text":"4"}])"),
            std::string::npos)
      << back;
  const std::string elsewhere = Sent(kChat, next, kChat);
  EXPECT_EQ(elsewhere.find("sig=="), std::string::npos) << "dropped whole: " << elsewhere;
  EXPECT_EQ(elsewhere.find("why"), std::string::npos) << elsewhere;
}

TEST(Translate, AStateOfAToolCallCrossesAMessagesClientInASignature) {
  constexpr std::string_view kAnswer =
      R"({"id":"c","model":"g","choices":[{"index":0,"message":{"role":"assistant",)"
      R"("content":null,"tool_calls":[{"id":"a","type":"function","function":{"name":"f",)"
      R"("arguments":"{}"},"extra_content":{"google":{"thought_signature":"ts=="}}}]},)"
      R"("finish_reason":"tool_calls"}]})";
  for (const bool stream_out : {true, false}) {
    const std::string out = Answered(kChat, kAnswer, false, kMessages, stream_out);
    const std::size_t begin = out.find("VEdBVEUx");
    ASSERT_NE(begin, std::string::npos) << out;
    const std::string signature = out.substr(begin, out.find('"', begin) - begin);
    const std::string next =
        R"({"model":"x","max_tokens":9,"messages":[{"role":"user","content":"q"},)"
        R"({"role":"assistant","content":[{"type":"thinking","thinking":"","signature":")" +
        signature + R"("},{"type":"tool_use","id":"a","name":"f","input":{}}]}]})";
    const std::string back = Sent(kMessages, next, kChat, true);
    EXPECT_NE(back.find(R"("extra_content":{"google":{"thought_signature":"ts=="}})"),
              std::string::npos)
        << back;
    EXPECT_EQ(Sent(kMessages, next, kChat).find("ts=="), std::string::npos)
        << "a server that does not know the field must not get it";
  }
}

TEST(Translate, NeedsAreThoseThatTheOtherProtocolMustExpress) {
  const Asked asked(kChat, R"({"model":"x","n":2,"seed":1,"logprobs":true,"presence_penalty":1,)"
                           R"("response_format":{"type":"json_object"},)"
                           R"("messages":[{"role":"user","content":"a"}]})");
  ASSERT_TRUE(asked.request.ok());
  EXPECT_EQ(core::Join(kMessages.Expressible().Missing(asked.request->needs)),
            "json_object, logprobs, n, seed, penalties");
}

TEST(Translate, AnOllamaChatReachesBothOthersWhole) {
  constexpr std::string_view kAsked =
      R"({"model":"x","messages":[{"role":"system","content":"S"},{"role":"user","content":"look",)"
      R"("images":["iVBORw0KGgo="]},{"role":"assistant","content":"ok","tool_calls":[{"function":)"
      R"({"name":"f","arguments":{"n": 9223372036854775807, "x": 1.0}}},{"id":"c2","function":)"
      R"({"name":"g","arguments":{}}}]},{"role":"tool","tool_name":"g","content":"r2"},)"
      R"({"role":"tool","content":"r1"},{"role":"user","content":"go"}],"tools":[{"type":)"
      R"("function","function":{"name":"f","description":"d","parameters":{"type":"object"}}}],)"
      R"("format":{"type":"object"},"options":{"num_predict":50,"temperature":0.5,"seed":3,)"
      R"("stop":["END"],"num_ctx":4096}})";
  EXPECT_EQ(
      Sent(kOllama, kAsked, kChat),
      R"({"model":"m","messages":[{"role":"system","content":"S"},{"role":"user","content":[)"
      R"({"type":"text","text":"look"},{"type":"image_url","image_url":{"url":)"
      R"("data:image/png;base64,iVBORw0KGgo="}}]},{"role":"assistant","content":"ok",)"
      R"("tool_calls":[{"id":"call_2_0","type":"function","function":{"name":"f","arguments":)"
      R"("{\"n\": 9223372036854775807, \"x\": 1.0}"}},{"id":"c2","type":"function","function":)"
      R"({"name":"g","arguments":"{}"}}]},{"role":"tool","tool_call_id":"c2","content":"r2"},)"
      R"({"role":"tool","tool_call_id":"call_2_0","content":"r1"},{"role":"user","content":"go"}],)"
      R"("tools":[{"type":"function","function":{"name":"f","description":"d","parameters":)"
      R"({"type":"object"}}}],"response_format":{"type":"json_schema","json_schema":{"name":)"
      R"("answer","schema":{"type":"object"}}},"temperature":0.5,"seed":3,"stop":["END"],)"
      R"("max_tokens":50,"stream":true,"stream_options":{"include_usage":true}})");
  const std::string messages = Sent(kOllama, kAsked, kMessages);
  EXPECT_NE(messages.find(R"("input":{"n": 9223372036854775807, "x": 1.0})"), std::string::npos)
      << messages;
  EXPECT_NE(messages.find(R"({"type":"tool_result","tool_use_id":"call_2_0","content":[)"
                          R"({"type":"text","text":"r1"}]})"),
            std::string::npos)
      << messages;
}

TEST(Translate, OthersReachOllamaWholeOrAreRefusedWithThePlace) {
  EXPECT_EQ(
      Sent(kMessages,
           R"({"model":"x","max_tokens":50,"system":"S","thinking":{"type":"enabled",)"
           R"("budget_tokens":2048},"messages":[{"role":"user","content":[{"type":"text",)"
           R"("text":"a"},{"type":"image","source":{"type":"base64","media_type":"image/png",)"
           R"("data":"QQ=="}},{"type":"text","text":"b"}]},{"role":"assistant","content":[)"
           R"({"type":"thinking","thinking":"secret","signature":"sg"},{"type":"text",)"
           R"("text":"ok"},{"type":"tool_use","id":"t1","name":"f","input":{"n" : 1.0}}]},)"
           R"({"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","content":"r"},)"
           R"({"type":"text","text":"c"}]}],"tools":[{"name":"f","input_schema":)"
           R"({"type":"object"}}],"temperature":0.5,"top_k":7,"stop_sequences":["E"]})",
           kOllama),
      R"({"model":"m","messages":[{"role":"system","content":"S"},{"role":"user",)"
      R"("content":"a\nb","images":["QQ=="]},{"role":"assistant","content":"ok","tool_calls":[)"
      R"({"id":"t1","function":{"index":0,"name":"f","arguments":{"n" : 1.0}}}]},{"role":"tool",)"
      R"("content":"r","tool_name":"f","tool_call_id":"t1"},{"role":"user","content":"c"}],)"
      R"("stream":false,"tools":[{"type":"function","function":{"name":"f","parameters":)"
      R"({"type":"object"}}}],"think":"low","options":{"num_predict":50,"temperature":0.5,)"
      R"("top_k":7,"stop":["E"]},"truncate":false})")
      << "a signed thought is its maker's alone";
  EXPECT_EQ(Sent(kChat,
                 R"({"model":"x","messages":[{"role":"user","content":"a"}],"reasoning_effort":)"
                 R"("none","response_format":{"type":"json_object"},"logprobs":true,)"
                 R"("top_logprobs":2,"stream":true})",
                 kOllama),
            R"({"model":"m","messages":[{"role":"user","content":"a"}],"stream":true,)"
            R"("format":"json","think":false,"logprobs":true,"top_logprobs":2,"truncate":false})");
  const std::string url =
      Sent(kChat,
           R"({"model":"x","messages":[{"role":"user","content":"a"},{"role":"user","content":[)"
           R"({"type":"image_url","image_url":{"url":"https://a/b.png"}}]}]})",
           kOllama);
  EXPECT_TRUE(url.starts_with("refused: invalid_argument retry=other_target")) << url;
  EXPECT_NE(url.find("field=messages[1]"), std::string::npos) << url;
  const std::string broken =
      Sent(kChat,
           R"({"model":"x","messages":[{"role":"assistant","tool_calls":[{"id":"c","function":)"
           R"({"name":"f","arguments":"{\"a\":"}}]}]})",
           kOllama);
  EXPECT_NE(broken.find("field=messages[0]"), std::string::npos) << broken;
}

constexpr std::string_view kOllamaStream =
    R"({"model":"m","message":{"role":"assistant","content":"","thinking":"why"},"done":false})"
    "\n"
    R"({"model":"m","message":{"role":"assistant","content":"I will."},"done":false})"
    "\n"
    R"({"model":"m","message":{"role":"assistant","content":"","tool_calls":[{"id":"a",)"
    R"("function":{"name":"f","arguments":{"x":1.0,"n":9007199254740993}}}]},"done":false})"
    "\n"
    R"({"model":"m","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop",)"
    R"("prompt_eval_count":9,"eval_count":7})"
    "\n";

TEST(Translate, AnAnswerSaysTheSameThroughOllamaAndFromIt) {
  for (const Protocol* other : {&kChat, &kMessages, &kOllama}) {
    for (const bool stream_out : {true, false}) {
      const std::string out = Answered(kOllama, kOllamaStream, true, *other, stream_out);
      EXPECT_EQ(EventsOf(*other, out, stream_out), EventsOf(kOllama, kOllamaStream, true)) << out;
    }
  }
  for (const bool stream_out : {true, false}) {
    const std::string out = Answered(kChat, kToolStream, true, kOllama, stream_out);
    std::vector<std::string> expected = EventsOf(kChat, kToolStream, true);
    for (std::string& line : expected) {  // what was cached has no place
      if (line.starts_with("usage "))
        line = "usage " + Describe(core::Usage{.input_tokens = 9, .output_tokens = 7});
    }
    EXPECT_EQ(EventsOf(kOllama, out, stream_out), expected) << out;
  }
  const std::string thought = Answered(kMessages, kThinkingStream, true, kOllama, true);
  EXPECT_NE(thought.find(R"("thinking":"why")"), std::string::npos);
  EXPECT_EQ(thought.find("sig=="), std::string::npos) << "there is no place for it";
  EXPECT_EQ(thought.find("hid=="), std::string::npos);
}

constexpr std::string_view kItems =
    R"({"model":"x","instructions":"S","max_output_tokens":50,"temperature":0.5,"user":"u",)"
    R"("input":[{"role":"developer","content":"D"},{"role":"user","content":[{"type":"input_text",)"
    R"("text":"look"},{"type":"input_image","image_url":"data:image/png;base64,QQ=="}]},)"
    R"({"role":"assistant","content":"ok"},{"type":"function_call","call_id":"c1","name":"f",)"
    R"("arguments":"{\"n\": 9223372036854775807, \"x\": 1.0}"},{"type":"custom_tool_call",)"
    R"("call_id":"c2","name":"p","input":"a\"b"},{"type":"function_call_output","call_id":"c1",)"
    R"("output":"r1"},{"type":"custom_tool_call_output","call_id":"c2","output":"r2"},)"
    R"({"role":"user","content":"go"}],"tools":[{"type":"function","name":"f","description":"d",)"
    R"("parameters":{"type":"object"},"strict":false},{"type":"web_search"}],)"
    R"("tool_choice":"required","parallel_tool_calls":false})";

TEST(Translate, ResponsesWithToolsReachAChatWhole) {
  EXPECT_EQ(
      Sent(kResponses, kItems, kChat),
      R"({"model":"m","messages":[{"role":"system","content":[{"type":"text","text":"S"},)"
      R"({"type":"text","text":"D"}]},{"role":"user","content":[{"type":"text","text":"look"},)"
      R"({"type":"image_url","image_url":{"url":"data:image/png;base64,QQ=="}}]},)"
      R"({"role":"assistant","content":"ok","tool_calls":[{"id":"c1","type":"function",)"
      R"("function":{"name":"f","arguments":"{\"n\": 9223372036854775807, \"x\": 1.0}"}},)"
      R"({"id":"c2","type":"function","function":{"name":"p",)"
      R"("arguments":"{\"input\":\"a\\\"b\"}"}}]},)"
      R"({"role":"tool","tool_call_id":"c1","content":"r1"},)"
      R"({"role":"tool","tool_call_id":"c2","content":"r2"},{"role":"user","content":"go"}],)"
      R"("tools":[{"type":"function","function":{"name":"f","description":"d",)"
      R"("parameters":{"type":"object"},"strict":false}}],"tool_choice":"required",)"
      R"("parallel_tool_calls":false,"temperature":0.5,"max_tokens":50,"user":"u"})");
}

TEST(Translate, ResponsesWithToolsReachMessagesWhole) {
  const std::string sent = Sent(kResponses, kItems, kMessages);
  for (const std::string_view part :
       {R"("system":[{"type":"text","text":"S"},{"type":"text","text":"D"}])",
        R"({"role":"assistant","content":[{"type":"text","text":"ok"},{"type":"tool_use",)"
        R"("id":"c1","name":"f","input":{"n": 9223372036854775807, "x": 1.0}},)"
        R"({"type":"tool_use","id":"c2","name":"p","input":{"input":"a\"b"}}]})",
        R"({"role":"user","content":[{"type":"tool_result","tool_use_id":"c1")",
        R"("tool_choice":{"type":"any","disable_parallel_tool_use":true})"}) {
    EXPECT_NE(sent.find(part), std::string::npos) << part << '\n' << sent;
  }
}

TEST(Translate, AChatWithToolsReachesResponsesWhole) {
  EXPECT_EQ(
      Sent(
          kChat,
          R"({"model":"x","max_tokens":50,"messages":[{"role":"system","content":"S"},)"
          R"({"role":"user","content":[{"type":"text","text":"look"},)"
          R"({"type":"image_url","image_url":{"url":"https://e.com/a.png","detail":"low"}}]},)"
          R"({"role":"assistant","content":"ok","tool_calls":[{"id":"c1","type":"function",)"
          R"("function":{"name":"f","arguments":"{\"x\": 1.0}"}}]},)"
          R"({"role":"tool","tool_call_id":"c1","content":"r1"},{"role":"user","content":"go"}],)"
          R"("tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}],)"
          R"("tool_choice":{"type":"function","function":{"name":"f"}},"temperature":0.5,)"
          R"("response_format":{"type":"json_schema","json_schema":{"name":"a","schema":{},)"
          R"("strict":true}},"reasoning_effort":"low"})",
          kResponses),
      R"({"model":"m","input":[{"type":"message","role":"system","content":[{"type":"input_text",)"
      R"("text":"S"}]},{"type":"message","role":"user","content":[{"type":"input_text",)"
      R"("text":"look"},{"type":"input_image","image_url":"https://e.com/a.png","detail":"low"}]},)"
      R"({"type":"message","role":"assistant","content":[{"type":"output_text","text":"ok",)"
      R"("annotations":[]}]},{"type":"function_call","call_id":"c1","name":"f",)"
      R"("arguments":"{\"x\": 1.0}"},{"type":"function_call_output","call_id":"c1","output":"r1"},)"
      R"({"type":"message","role":"user","content":[{"type":"input_text","text":"go"}]}],)"
      R"("tools":[{"type":"function","name":"f","parameters":{"type":"object"},"strict":false}],)"
      R"("tool_choice":{"type":"function","name":"f"},"text":{"format":{"type":"json_schema",)"
      R"("name":"a","schema":{},"strict":true}},"reasoning":{"effort":"low"},)"
      R"("include":["reasoning.encrypted_content"],"max_output_tokens":50,"temperature":0.5,)"
      R"("store":false})");
  const std::string small =
      Sent(kChat, R"({"model":"x","max_tokens":5,"messages":[{"role":"user","content":"a"}]})",
           kResponses);
  EXPECT_NE(small.find("retry=other_target"), std::string::npos) << small;
  const Asked asked(kChat, R"({"model":"x","seed":1,"n":2,"stop":"E","presence_penalty":1,)"
                           R"("logit_bias":{"1":1},"messages":[{"role":"user","content":"a"}]})");
  EXPECT_EQ(core::Join(kResponses.Expressible().Missing(asked.request->needs)),
            "n, seed, logit_bias, stop, penalties");
}

TEST(Translate, EveryStreamIsTheSameAnswerToAClientOfResponses) {
  for (const auto& [codec, stream] :
       {std::pair(&kChat, kToolStream), std::pair(&kMessages, kThinkingStream)}) {
    for (const bool stream_out : {true, false}) {
      const std::string out = Answered(*codec, stream, true, kResponses, stream_out);
      const auto without_states = [](std::vector<std::string> lines) {  // those in their envelopes
        std::erase_if(lines, [](const std::string& line) { return line.starts_with("state "); });
        return lines;
      };
      EXPECT_EQ(without_states(EventsOf(kResponses, out, stream_out)),
                without_states(EventsOf(*codec, stream, true)))
          << out;
    }
  }
}

TEST(Translate, SignedThoughtsCrossAClientOfResponsesAndComeBackByteForByte) {
  for (const bool stream_out : {true, false}) {
    const std::string out = Answered(kMessages, kThinkingStream, true, kResponses, stream_out);
    const std::size_t begin = out.find("\"output\":[", out.rfind("\"incomplete_details\"")) + 9;
    const std::size_t end = out.rfind(",\"previous_response_id\"");
    const std::string output = out.substr(begin, end - begin);
    const std::string next =
        R"({"model":"x","max_output_tokens":99,"input":[{"role":"user","content":"2+2"},)" +
        output.substr(1, output.size() - 2) + R"(,{"role":"user","content":"3+3"}]})";
    const std::string back = Sent(kResponses, next, kMessages);
    EXPECT_NE(
        back.find(R"([{"type":"thinking","thinking":"why","signature":"sig=="},)"
                  R"({"type":"redacted_thinking","data":"hid=="},{"type":"text","text":"4"}])"),
        std::string::npos)
        << back << '\n'
        << next;
    // Nor does an upstream of the client's own protocol get what it did not make.
    const std::string elsewhere = Sent(kResponses, next, kResponses);
    EXPECT_EQ(elsewhere.find("VEdBVEUx"), std::string::npos) << elsewhere;
    EXPECT_EQ(elsewhere.find("why"), std::string::npos) << elsewhere;
    EXPECT_NE(elsewhere.find("output_text"), std::string::npos) << elsewhere;
  }
}

constexpr std::string_view kEncryptedAnswer =
    R"({"id":"r","object":"response","status":"completed","model":"g","output":[{"id":"rs_1",)"
    R"("type":"reasoning","summary":[{"type":"summary_text","text":"why"}],)"
    R"("encrypted_content":"enc=="},{"id":"msg_1","type":"message","role":"assistant",)"
    R"("content":[{"type":"output_text","text":"4","annotations":[]}]}],"error":null})";

TEST(Translate, AnEncryptedThoughtCrossesAMessagesClientAndComesBackUnderItsName) {
  for (const bool stream_out : {true, false}) {
    const std::string out = Answered(kResponses, kEncryptedAnswer, false, kMessages, stream_out);
    const std::size_t begin = out.find("VEdBVEUx");
    ASSERT_NE(begin, std::string::npos) << out;
    const std::string data = out.substr(begin, out.find('"', begin) - begin);
    const std::string next =
        R"({"model":"x","max_tokens":99,"messages":[{"role":"user","content":"q"},)"
        R"({"role":"assistant","content":[{"type":"thinking","thinking":"why","signature":""},)"
        R"({"type":"redacted_thinking","data":")" +
        data + R"("},{"type":"text","text":"4"}]},{"role":"user","content":"q2"}]})";
    const std::string back = Sent(kMessages, next, kResponses);
    EXPECT_NE(back.find(R"({"type":"reasoning","id":"rs_1","summary":[],)"
                        R"("encrypted_content":"enc=="})"),
              std::string::npos)
        << back;
    EXPECT_EQ(Sent(kMessages, next, kChat).find("enc=="), std::string::npos);
  }
}

TEST(Translate, AnEncryptedThoughtCrossesAChatClientAndComesBackUnderItsName) {
  const std::string whole = Answered(kResponses, kEncryptedAnswer, false, kChat, false);
  const std::size_t begin = whole.find("\"reasoning_details\":") + 20;
  const std::string details = whole.substr(begin, whole.find(']', begin) + 1 - begin);
  const std::string next = R"({"model":"x","messages":[{"role":"user","content":"q"},)"
                           R"({"role":"assistant","content":"4","reasoning_details":)" +
                           details + R"(},{"role":"user","content":"q2"}]})";
  const std::string back = Sent(kChat, next, kResponses);
  EXPECT_NE(back.find(R"("id":"rs_1","summary":[],"encrypted_content":"enc==")"), std::string::npos)
      << back << '\n'
      << whole;
}

}  // namespace
}  // namespace tidegate::protocols
