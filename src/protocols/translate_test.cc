// What crosses from one protocol to another, and comes back.
#include <algorithm>
#include <string>

#include <gtest/gtest.h>

#include "protocols/anthropic_messages/codec.h"
#include "protocols/openai_chat/codec.h"
#include "protocols/testing/test_support.h"

namespace tidegate::protocols {
namespace {

const Protocol& kChat = openai_chat::Codec();
const Protocol& kMessages = anthropic_messages::Codec();

std::string_view PathOf(const Protocol& codec) {
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

TEST(Translate, MessagesWithToolsReachAChatWhole) {
  EXPECT_EQ(
      Sent(kMessages,
           R"({"model":"x","max_tokens":50,"system":"S","messages":[{"role":"user","content":"a"},)"
           R"({"role":"assistant","content":[{"type":"thinking","thinking":"t","signature":"sg"},)"
           R"({"type":"text","text":"ok"},{"type":"tool_use","id":"t1","name":"f",)"
           R"("input":{"n" : 1.0}}]},{"role":"user","content":[{"type":"tool_result",)"
           R"("tool_use_id":"t1","content":"r"},{"type":"text","text":"b"}]}],)"
           R"("tools":[{"name":"f","input_schema":{"type":"object"}}],)"
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

}  // namespace
}  // namespace tidegate::protocols
